import type { Keyring } from "./keyring.ts";

/** Version → a value by which others see that the same key is meant. */
export type KeyMarks = Readonly<Record<string, string>>;

/** No mask has this name, so no token's key is told by a mark. */
const PURPOSE = "heartbeat";
const MARK_BYTES = 16;

/**
 * By what a worker tells which key versions it has, without telling a key: derived from each root, for one domain. Two keyrings
 * may have different keys under one number.
 */
export const keyMarksOf = (keyring: Keyring, domain: string): KeyMarks =>
  Object.fromEntries(
    keyring.versions
      .filter(({ state }) => state !== "destroyed")
      .map((version) => [
        String(version.version),
        version.deriveKey({ mask: PURPOSE, domain, column: "" }, MARK_BYTES).toString("hex"),
      ]),
  );
