import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchChromium } from "../support/chromium.ts";
import { until } from "../support/until.ts";
import { expectAccessible, openPage, type WatchedPage } from "./open-page.ts";
import { AWAY, busyHistory, EMPTY, entryOf, helloOf, MILLION, NOW_MS, QUIET_SAMPLE, workerOf } from "./snapshots.ts";
import { type Script, type StandIn, startStandIn } from "./stand-in.ts";

const TABS_MAX = 60;
const QUARANTINE: Partial<Script> = {
  hello: helloOf({ replay: false, discard: true }),
  snapshot: MILLION,
  quarantine: {
    reasons: [{ code: "field.type", count: 2, firstSeen: "2026-11-22T13:00:00Z", lastSeen: "2026-11-22T13:10:00Z" }],
    entries: [entryOf(0), entryOf(3)],
  },
};

/** Whether the chart of writing has a pixel of its first line's colour. */
const HAS_WRITE_DRAWN = `(() => {
  const figure = [...document.querySelectorAll("figure")].find(({ innerText }) => innerText.startsWith("Writing"));
  const canvas = figure?.querySelector("canvas");
  if (!canvas || canvas.width === 0) return false;
  const [red, green, blue] = getComputedStyle(canvas).getPropertyValue("--line-1").match(/[\\da-f]{2}/gi)
    .map((hex) => Number.parseInt(hex, 16));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, at) => at % 4 === 0 && value === red && data[at + 1] === green && data[at + 2] === blue);
})()`;

let browser: Browser;
let standIn: StandIn;
let opened: WatchedPage;

async function open(script: Partial<Script>, hash = "", options = {}): Promise<Page> {
  standIn = await startStandIn(script);
  opened = await openPage(browser, `${standIn.url}${hash}`, options);
  return opened.page;
}

/** What a keyboard's user would press Enter on. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>("document.activeElement?.innerText ?? ''");
}

async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let count = 0; count < TABS_MAX; count += 1) {
    await page.keyboard.press("Tab");
    const text = await focused(page);
    if (typeof name === "string" ? text === name : name.test(text)) return;
  }
  throw new Error(`the tab key leads to nothing named ${name}`);
}

describe.skipIf(findChromium() === null)("using the dashboard (needs the Debian package chromium)", () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await opened.close();
    await standIn.close();
  });

  it("discards an event with the keyboard alone", async () => {
    const page = await open(QUARANTINE);
    await page.getByText("workers").first().waitFor();
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to the page");
    await tabTo(page, /^Quarantine/);
    await page.keyboard.press("Enter");
    await until("the page's heading has the focus", async () => (await focused(page)) === "Quarantine");
    await page.getByText("2 of 2, the newest first").waitFor();
    await tabTo(page, entryOf(0).id);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Refused event" }).waitFor();
    expect(await page.getByRole("dialog").innerText()).toContain("if the event is right, or set");
    await expectAccessible(page);
    await tabTo(page, "Discard …");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Discard 1 event?" });
    await dialog.waitFor();
    expect(await dialog.innerText()).toContain("deleted for good");
    await expectAccessible(page);
    expect(await focused(page)).toBe("Cancel");
    await tabTo(page, "Discard");
    standIn.script.quarantine = { reasons: [], entries: [] };
    await page.keyboard.press("Enter");
    await page.getByText("1 of 1 event discarded.").waitFor();
    expect(standIn.asked).toEqual([{ path: "/api/quarantine/discard", body: { ids: [entryOf(0).id] } }]);
    expect(await focused(page)).toBe("Close");
    await page.keyboard.press("Enter");
    await page.getByText("Nothing yet").waitFor();
    await until("the heading has the focus again", async () => (await focused(page)) === "Quarantine");
    expect(opened.complaints).toEqual([]);
  });

  it("leaves everything as it is when Escape is pressed", async () => {
    const page = await open(QUARANTINE, "#/quarantine");
    const button = page.getByRole("button", { name: "Discard … all with reason field.type" });
    await button.click();
    await page.getByRole("dialog", { name: "Discard 2 events?" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await until("the button has the focus again", async () => (await focused(page)).startsWith("Discard …"));
    expect(standIn.asked).toEqual([]);
  });

  it("discards what was chosen, and all of one reason", async () => {
    const page = await open(QUARANTINE, "#/quarantine");
    await page.getByRole("checkbox", { name: `Choose ${entryOf(3).id}` }).check();
    await page.getByRole("button", { name: "Discard chosen …" }).click();
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Discard … all with reason field.type" }).click();
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await page.getByRole("button", { name: "Close" }).click();
    expect(standIn.asked.map(({ body }) => body)).toEqual([{ ids: [entryOf(3).id] }, { code: "field.type" }]);
  });

  it("says why nothing was discarded", async () => {
    const page = await open(QUARANTINE, "#/quarantine");
    await page.getByRole("button", { name: "Discard … all with reason field.type" }).click();
    standIn.script.failure = AWAY;
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Discard: not done" });
    await dialog.getByText(AWAY.message).waitFor();
    expect(await dialog.innerText()).toContain(AWAY.hint);
    await expectAccessible(page);
  });

  it("offers no action where none is allowed", async () => {
    const page = await open({ ...QUARANTINE, hello: helloOf({ replay: false, discard: false }) }, "#/quarantine");
    await page.getByText("2 of 2, the newest first").waitFor();
    expect(await page.getByRole("button", { name: /Replay|Discard/ }).count()).toBe(0);
    expect(await page.getByRole("checkbox").count()).toBe(0);
    expect(await page.getByText("Looking only").count()).toBe(1);
  });

  it("lists the events of the reason that is chosen", async () => {
    const entries = [entryOf(0), entryOf(1), entryOf(2)];
    const page = await open(
      { ...QUARANTINE, quarantine: { reasons: QUARANTINE.quarantine!.reasons, entries } },
      "#/quarantine",
    );
    await page.getByRole("link", { name: "field.type" }).click();
    await page.getByText("1 of 2, the newest first").waitFor();
    expect(await page.getByRole("button", { name: /^9f2c1a80/ }).count()).toBe(1);
    await page.getByRole("link", { name: "discarded" }).click();
    await page.getByText("No event was discarded.").waitFor();
  });

  it("says since when it is not connected, and goes on when piipe answers", async () => {
    const page = await open({ snapshot: MILLION });
    await page.getByText("1 worker went silent").waitFor();
    standIn.fallSilent();
    await page.getByText(/Not connected since \d\d:\d\d:\d\d: what you see is from then/).waitFor();
    expect(await page.locator("main").getAttribute("class")).toBe("stale");
    await expectAccessible(page);
    standIn.script.snapshot = { ...EMPTY, depth: { ok: true, value: { visible: 77, hidden: 0, delayed: 0 } } };
    standIn.answer();
    await page.locator(".figures").getByText("77").waitFor();
    expect(await page.getByText("Not connected").count()).toBe(0);
    expect(await page.locator("main").getAttribute("class")).toBe("");
    // The browser itself writes of each request that failed.
    expect(opened.complaints.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
  });

  it("shows each tick, and tells a screen reader of changes of the state only", async () => {
    const page = await open({ snapshot: EMPTY });
    await page.getByText("Nothing yet").waitFor();
    await page.evaluate(`globalThis.said = [];
      new MutationObserver(() => said.push(document.querySelector(".status [role=status]").innerText))
        .observe(document.querySelector(".status [role=status]"), { childList: true, characterData: true, subtree: true })`);
    const busy = { ...EMPTY, workers: { ok: true, value: [workerOf(1, { received: 900 }), workerOf(2)] } } as const;
    for (const [index, storedPerSecond] of [4_321, 4_322, 4_323].entries()) {
      const waiting = { ok: true, value: { visible: 100 + index, hidden: 0, delayed: 0 } } as const;
      await standIn.tick({ snapshot: { ...busy, depth: waiting }, sample: { ...QUIET_SAMPLE, storedPerSecond } });
      await page
        .locator(".figures")
        .getByText(`4,32${1 + index}`)
        .waitFor();
    }
    const said = await page.evaluate<readonly string[]>("said");
    expect(new Set(said.map((text) => text.replaceAll(/\s+/g, " ").trim()))).toEqual(
      new Set(["✓ Well: All is well: 2 workers running."]),
    );
  });

  it("draws no more time than there is something of", async () => {
    const hello = helloOf({ replay: false, discard: false }, busyHistory(NOW_MS).slice(-30));
    const page = await open({ hello });
    await page.getByRole("heading", { name: "The last minute" }).waitFor();
    for (let seconds = 30; seconds <= 60; seconds += 1) await standIn.tick();
    await page.getByRole("heading", { name: "The last 2 minutes" }).waitFor();
    await page.getByRole("table", { name: "Lag, age of the oldest event not stored, in the last 2 minutes" }).waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it("draws a value that stands alone", async () => {
    const history = busyHistory(NOW_MS)
      .slice(-30)
      .map((sample, index) => ({ ...sample, writeMs: index === 15 ? sample.writeMs : null, settleMs: null }));
    const page = await open({ hello: helloOf({ replay: false, discard: false }, history) });
    await until("it is drawn in the line's colour", () => page.evaluate<boolean>(HAS_WRITE_DRAWN));
    expect(opened.complaints).toEqual([]);
  });

  it("follows the system until light or dark is chosen, says which, and remembers it", async () => {
    const page = await open({ snapshot: EMPTY }, "", { colorScheme: "light" });
    const background = (): Promise<string> => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const button = (now: string) => page.getByRole("button", { name: `Theme: ${now}. Switch to ` });
    await button("system").waitFor();
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    await until("the system's preference is followed", async () => (await background()) !== light);
    const dark = await background();
    await button("system").click();
    expect(await button("light").innerText()).toBe("Theme: light");
    expect(await background()).toBe(light);
    await page.reload();
    await button("light").waitFor();
    expect(await background()).toBe(light);
    await page.emulateMedia({ colorScheme: "light" });
    await button("light").click();
    await button("dark").waitFor();
    expect(await background()).toBe(dark);
    await page.reload();
    await button("dark").click();
    await button("system").waitFor();
    expect(await background()).toBe(light);
    await page.reload();
    await button("system").waitFor();
  });

  it("has a heading and a title for each page, and links that can be kept", async () => {
    const page = await open(QUARANTINE);
    for (const name of ["Quarantine", "Duplicates", "Config", "Overview"]) {
      await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
      await until("the title follows", async () => (await page.title()) === `${name} · piipe`);
    }
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Config" }).waitFor();
    expect(page.url()).toMatch(/#\/config$/);
  });
});
