/** What `status` and the dashboard know of a worker. */
interface KnownWorker {
  readonly state: "running" | "silent" | "stopped";
  readonly startedAt: string | null;
  readonly seenAt: string | null;
  readonly silentMs: number;
}

/**
 * The silent ones, but those whose place another has taken since: each that was started later and runs, or has ended as it
 * should, takes one place. By the database's clock alone, as this machine's may differ.
 */
export function missedWorkers<W extends KnownWorker>(workers: readonly W[]): readonly W[] {
  const startsMs = workers
    .filter(({ state }) => state !== "silent")
    .map(({ startedAt }) => Date.parse(startedAt ?? ""));
  const silent = workers.filter(({ state }) => state === "silent").toSorted((a, b) => a.silentMs - b.silentMs);
  return silent.filter(({ seenAt }) => {
    const seenMs = Date.parse(seenAt ?? "");
    const successor = startsMs.findIndex((startedMs) => startedMs > seenMs);
    if (successor === -1) return true;
    startsMs.splice(successor, 1);
    return false;
  });
}
