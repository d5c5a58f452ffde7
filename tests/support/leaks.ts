import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";

/** What a test file must have closed at its end. Timers are left out: the test runner has its own. */
const WATCHED = ["ProcessWrap", "TCPServerWrap", "TCPSocketWrap", "TLSWrap", "UDPWrap"] as const;
const CLOSING_TIMEOUT_MS = 3_000;
const POLL_MS = 10;

/** How many servers, sockets and child processes keep this process alive, by the kind that Node gives them. */
export function openResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>(WATCHED.map((kind) => [kind, 0]));
  for (const kind of process.getActiveResourcesInfo()) {
    const count = counts.get(kind);
    if (count !== undefined) counts.set(kind, count + 1);
  }
  return counts;
}

/** Waits until no more is open than before, since closing takes a few turns of the event loop; then what is left. */
export async function findLeaks(before: ReadonlyMap<string, number>, timeoutMs: number): Promise<readonly string[]> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const leaks = [...openResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
    if (leaks.length === 0 || performance.now() > deadlineMs) {
      return leaks.map(([kind, count]) => `${count - (before.get(kind) ?? 0)} ${kind}`);
    }
    await sleep(POLL_MS);
  }
}

/** For a setup file: its hook was registered first, so it runs after those of the test file. */
export function checkForLeaks(): void {
  const before = openResources();
  afterAll(async () => {
    const leaks = await findLeaks(before, CLOSING_TIMEOUT_MS);
    if (leaks.length > 0) throw new Error(`the tests of this file left open: ${leaks.join(", ")}`);
  });
}
