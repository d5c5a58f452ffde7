import type { Rejection } from "./contracts.ts";
import { rejectionKey, showRejection } from "./rejection-text.ts";

/** How often events were refused for which reason, in the order in which the reasons came. */
export class RefusalCounts {
  readonly #counts = new Map<string, { readonly rejection: Rejection; count: number }>();

  add({ code, path, detail }: Rejection): void {
    const rejection = detail === undefined ? { code, path } : { code, path, detail };
    const key = rejectionKey(rejection);
    const known = this.#counts.get(key);
    if (known) known.count += 1;
    else this.#counts.set(key, { rejection, count: 1 });
  }

  /** For a person. */
  lines(): readonly string[] {
    return [...this.#counts.values()].map(({ rejection, count }) => `  ${count} × ${showRejection(rejection)}`);
  }

  /** For `--json`. */
  list(): ReadonlyArray<Rejection & { readonly count: number }> {
    return [...this.#counts.values()].map(({ rejection, count }) => ({ ...rejection, count }));
  }
}
