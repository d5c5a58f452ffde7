import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Snapshot } from "../../src/app/snapshot.ts";
import { findChromium, launchChromium } from "../support/chromium.ts";
import { expectAccessible, openPage, overflow } from "./open-page.ts";
import { ALL_DOWN, AWAY, busyHistory, DATABASE_DOWN, EMPTY, entryOf, helloOf, MILLION, NOW_MS } from "./snapshots.ts";
import { type Script, startStandIn } from "./stand-in.ts";

const HISTORY = busyHistory(NOW_MS);
const BUSY: Partial<Script> = {
  hello: helloOf({ replay: true, discard: true }, HISTORY),
  sample: HISTORY.at(-1)!,
  snapshot: MILLION,
  quarantine: {
    reasons: reasonsOf(MILLION),
    entries: Array.from({ length: 30 }, (_, number) => entryOf(number)),
  },
  duplicates: (column) => ({
    column,
    duplicates: Array.from({ length: 20 }, (_, index) => ({
      token: `h1_LhB1xQe0c9W4vZk2mN8sTgYb3uRj7oPqAa5dFhKlEw${index}`,
      rows: 12_000 - index,
      users: 40 - index,
      firstSeen: "2026-11-01T10:00:00Z",
      lastSeen: "2026-11-22T13:00:00Z",
    })),
    valuesFound: 4_321,
    rowsFound: 1_234_567,
  }),
  configuration: {
    yaml: "name: logins\nsink:\n  postgres:\n    table: user_logins\n",
    warnings: ["column user_id is stored as it is"],
  },
};

/** The phone's width in one of the colours: they change nothing of the layout. */
const LOOKS = [
  { colorScheme: "light", width: 1_280 },
  { colorScheme: "dark", width: 1_280 },
  { colorScheme: "dark", width: 360 },
] as const;

let browser: Browser;

describe.skipIf(findChromium() === null)("the dashboard's pages (needs the Debian package chromium)", () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** Opens a page, checks in each look what holds for all of them, and gives its text. */
  async function look(script: Partial<Script>, page: string, awaited: string): Promise<string> {
    const standIn = await startStandIn(script);
    const opened = await openPage(browser, `${standIn.url}#/${page}`);
    try {
      await opened.page.locator("main").getByText(awaited).first().waitFor();
      for (const { colorScheme, width } of LOOKS) {
        await opened.page.emulateMedia({ colorScheme });
        await opened.page.setViewportSize({ width, height: 800 });
        await opened.page.locator(`[data-theme=${colorScheme}]`).waitFor();
        await expectAccessible(opened.page);
        expect(await overflow(opened.page)).toBeLessThanOrEqual(0);
      }
      expect(opened.complaints).toEqual([]);
      return await opened.page.locator("body").innerText();
    } finally {
      await opened.close();
      await standIn.close();
    }
  }

  it("show a million messages", async () => {
    const text = await look(BUSY, "overview", "stopped in the last day");
    expect(text).toContain("The last 15 minutes of this process's workers");
    expect(text).toContain("1.23M");
    expect(text).toContain("1 worker went silent");
    expect(text).toMatch(/Received\s+deliveries\s+2\.45M/);
    expect(text).toContain("field.type");
    expect(text).toContain("and 12 delayed; 1,027 dead letters");
    expect(text).toContain("Messages wait in the dead-letter queue login-queue-dead-letters.");
  });

  it("say that dead letters are not known, and are content", async () => {
    const denied = { ...AWAY, code: "queue.denied" } as const;
    const text = await look(
      { snapshot: { ...EMPTY, deadLetters: { ok: false, error: denied } } },
      "overview",
      "Nothing yet",
    );
    expect(text).toContain("in the queue; dead letters not known (queue.denied)");
  });

  it("show the quarantine", async () => {
    const text = await look(BUSY, "quarantine", "30 of 644");
    expect(text).toContain("a field has another JSON type than its column");
    expect(text).toContain("9f2c1a80-0000-4000-8000-000000000029");
    expect(text).toContain("app_version");
  });

  it("show duplicates", async () => {
    const text = await look(BUSY, "duplicates", "4,321 values in 1,234,567 rows");
    expect(text).toContain("h1_LhB1xQe0c9W4vZk2mN8sTgYb3uRj7oPqAa5dFhKlEw19");
    expect(text).toContain("1 Nov 11:00");
  });

  it("show the configuration", async () => {
    const text = await look(BUSY, "config", "table: user_logins");
    expect(text).toContain("column user_id is stored as it is");
  });

  it("say what to do when nothing was ever received", async () => {
    const text = await look({ snapshot: EMPTY }, "overview", "Nothing yet");
    expect(text).toContain("Send an event to https://sqs.us-west-1.amazonaws.com/000000000000/login-queue");
    expect(text).toContain("Nothing was refused.");
  });

  it.each(["quarantine", "duplicates"])("say that there is nothing yet: %s", async (page) => {
    expect(await look({}, page, "Nothing yet")).toContain("Refresh");
  });

  it("say so when the database is away", async () => {
    const text = await look({ ...BUSY, snapshot: DATABASE_DOWN }, "overview", "The database is away.");
    expect(text).toContain("PostgreSQL at localhost:5432 cannot be reached");
    expect(text).toContain("5,210");
    expect(text).toContain("database.unreachable");
  });

  it("say so when everything is away", async () => {
    const text = await look({ snapshot: ALL_DOWN }, "overview", "The queue is away.");
    expect(text).toContain("The database is away.");
  });

  it.each(["quarantine", "duplicates"])("say why there is nothing to show: %s", async (page) => {
    const standIn = await startStandIn({ ...BUSY, failure: AWAY });
    const opened = await openPage(browser, `${standIn.url}#/${page}`);
    try {
      await opened.page.getByRole("alert").getByText(AWAY.message).waitFor();
      await expectAccessible(opened.page);
      standIn.script.failure = null;
      await opened.page.getByRole("button", { name: "Refresh" }).click();
      await opened.page.getByRole("table").first().waitFor();
      expect(await opened.page.getByRole("alert").count()).toBe(0);
    } finally {
      await opened.close();
      await standIn.close();
    }
  });
});

function reasonsOf({ quarantine }: Snapshot) {
  if (!quarantine.ok) throw new Error("a snapshot with a quarantine is needed");
  return quarantine.value.reasons;
}
