import { PiipeError } from "./errors.ts";

/**
 * Waits for `work`, but no longer than until `signal` fires: a look-up of credentials, or a connection that is being
 * made, cannot be cancelled.
 * @param doing completes "stopped while …"
 * @throws {PiipeError} `interrupted`, at once, when `signal` fires; else what `work` throws
 */
export async function interruptible<T>(work: Promise<T>, signal: AbortSignal, doing: string): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([aborted, work]);
  } catch (error) {
    // The same signal mostly makes the work fail too.
    throw signal.aborted ? new PiipeError("interrupted", `stopped while ${doing}`) : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
