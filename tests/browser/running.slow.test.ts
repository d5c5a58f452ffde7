import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findChromium, launchChromium } from "../support/chromium.ts";
import { type RunningCli, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";
import { expectAccessible, openPage, type WatchedPage } from "./open-page.ts";

const TOKEN = "0123456789abcdef";
const EVENTS = 40;
const SETTINGS = "quarantine: { haltAboveShare: 1 }";

describe.skipIf(findChromium() === null)("the dashboard of a run (needs the Debian package chromium)", () => {
  const sqs = testSqs();
  let browser: Browser;
  let pipeline: LoginPipeline;
  let run: RunningCli;
  let opened: WatchedPage;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    pipeline = await createLoginPipeline(sqs, { settings: SETTINGS });
    const args = ["run", "--dashboard", "127.0.0.1:0", "--dashboard-actions", "--private-file", "piipe.private.json"];
    const environment = { ...pipeline.environment, PIIPE_DASHBOARD_TOKEN: TOKEN };
    run = startCli(args, { ...pipeline, environment });
    await run.printed('"url":"');
    const [, url = ""] = /"url":"([^"]+)"/.exec(run.stderr()) ?? [];
    opened = await openPage(browser, `${url}?token=${TOKEN}`);
  });
  afterEach(async () => {
    await opened.close();
    run.process.kill("SIGTERM");
    await run.ended;
    await pipeline.remove();
  });

  it("shows what happens, and replays and discards what was refused", async () => {
    const { page } = opened;
    await page.getByText("Nothing yet: 1 worker waits for the first event.").waitFor();
    expect(page.url()).not.toContain("token");

    const logins = loginEvents(EVENTS);
    const bad = JSON.stringify({ ...(JSON.parse(logins[0] ?? "") as object), app_version: { raw: "secret-4711" } });
    await sqs.send(pipeline.queue.url, [...logins, "{", bad]);
    await until("all is settled", async () => (await sqs.count(pipeline.queue.url)).total === 0);
    await page.getByText("All is well: 1 worker running.").waitFor();
    await page.locator(".counters").getByText(String(EVENTS), { exact: true }).first().waitFor();
    await page.locator(".reasons").getByText("body.not-json").waitFor();
    await expectAccessible(page);

    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Quarantine" }).click();
    await page.getByText("2 of 2, the newest first").waitFor();
    await page.getByRole("button", { name: "Replay … all with reason field.type" }).click();
    await page.getByRole("button", { name: "Replay", exact: true }).click();
    await page.getByText("1 refused again").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Discard … all with reason body.not-json" }).click();
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await page.getByText("1 of 1 event discarded.").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByText("1 of 1, the newest first").waitFor();
    await expectAccessible(page);
    expect(await pipeline.quarantined()).toHaveLength(2);
    const states = await query(pipeline.databaseUrl, "SELECT reason, state FROM piipe.quarantine ORDER BY reason");
    expect(states).toEqual([
      { reason: "body.not-json", state: "discarded" },
      { reason: "field.type", state: "pending" },
    ]);
    expect(await page.content()).not.toContain("4711");
    expect(opened.complaints).toEqual([]);
  });

  it("shows duplicates by their tokens, and the configuration without secrets", async () => {
    const { page } = opened;
    const [login = ""] = loginEvents(1);
    await sqs.send(pipeline.queue.url, [login, login.replace("user-", "other-")]);
    await until("both are stored", async () => (await pipeline.rows()) === 2);
    const pages = page.getByRole("navigation", { name: "Pages" });
    await pages.getByRole("link", { name: "Duplicates" }).click();
    await page.getByText("1 value in 2 rows").waitFor();
    const [row] = await query<{ masked_ip: string }>(pipeline.databaseUrl, "SELECT masked_ip FROM user_logins LIMIT 1");
    await page.getByRole("rowheader", { name: row?.masked_ip ?? "" }).waitFor();
    await expectAccessible(page);

    await pages.getByRole("link", { name: "Config" }).click();
    const yaml = await page.getByRole("region", { name: "Configuration as YAML" }).innerText();
    expect(yaml).toContain("table: user_logins");
    expect(yaml).not.toContain(new URL(pipeline.databaseUrl).password);
    expect(opened.complaints).toEqual([]);
  });
});
