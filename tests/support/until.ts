import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 10;

/** Resolves when the condition holds; rejects with what was awaited when that takes too long. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(POLL_MS);
  }
}
