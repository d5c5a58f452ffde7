import { describe, expect, test } from "vitest";
import { columnPlace } from "../../../tests/support/token-place.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { completeSearches } from "./look-up.ts";
import type { StoredTable } from "./stored-columns.ts";

const TABLE: StoredTable = { name: { schema: "public", name: "logins" }, key: ["ctid"], typeOf: () => "text" };
const DIGEST = "a6".repeat(32);

/** Notes what is sent, and finds bare digests or not. */
function recorder(holdsDigests: boolean): { readonly run: RunStatement; readonly sent: () => string } {
  const sent: unknown[] = [];
  return {
    run: (text, values) => {
      sent.push(text, values);
      const rows = text.includes("char_length") && holdsDigests ? [{}] : [];
      return Promise.resolve({ command: "SELECT", rows, rowCount: rows.length });
    },
    sent: () => JSON.stringify(sent),
  };
}

describe("a bare digest", () => {
  const search = { place: columnPlace("ip"), tokens: ["w1_x"], bareDigest: DIGEST, links: null };

  test("is not sent while the column holds none", async () => {
    const { run, sent } = recorder(false);
    const { searches } = await completeSearches(run, TABLE, [search]);
    expect(searches).toEqual([{ place: search.place, tokens: ["w1_x"], byDigits: false }]);
    expect(sent()).toContain("char_length");
    expect(sent()).not.toContain(DIGEST);
  });

  test("is searched while the column holds some", async () => {
    const { run, sent } = recorder(true);
    const { searches } = await completeSearches(run, TABLE, [search]);
    expect(searches).toEqual([{ place: search.place, tokens: ["w1_x", DIGEST], byDigits: false }]);
    expect(sent()).not.toContain(DIGEST);
  });

  test("is asked for of no other mask", async () => {
    const { run, sent } = recorder(true);
    await completeSearches(run, TABLE, [{ ...search, bareDigest: null }]);
    expect(sent()).toBe("[]");
  });
});
