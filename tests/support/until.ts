import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 10;
/** Against hangs only, not slow machines. */
const TIMEOUT_MS = 120_000;

/** Resolves when the condition holds; rejects with what was awaited when that takes too long. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(POLL_MS);
  }
}
