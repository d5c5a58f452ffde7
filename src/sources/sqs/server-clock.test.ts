import { expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import type { HttpReply } from "./client/transport.ts";
import { offsetOf, ServerClock } from "./server-clock.ts";

const NOON_MS = Date.UTC(2026, 0, 31, 12);

it.each([
  ["the same second", 0, 0, 400, 0],
  ["the whole seconds of the header", 0, 900, 950, 0],
  ["a long time under way", 9_000, 0, 10_000, 0],
  ["a server ahead", 10_000, 0, 500, 9_500],
  ["a server behind", -10_000, 0, 500, -9_000],
])("takes %s for what it is", (_, date, sent, received, offset) => {
  expect(offsetOf(NOON_MS + date, NOON_MS + sent, NOON_MS + received)).toBe(offset);
});

it("keeps what the last reply with a date told", async () => {
  const dates = [NOON_MS + 60_000, null];
  const clock = new ServerClock({ ...systemClock, nowMs: () => NOON_MS });
  const post = clock.watch({
    post: () => Promise.resolve<HttpReply>({ status: 500, dateMs: dates.shift() ?? null, queryError: null, body: "" }),
  });
  expect(clock.offsetMs).toBeNull();
  const request = { origin: "http://localhost", path: "/", headers: {}, body: "", headersTimeoutMs: 1 };
  for (let i = 0; i < 2; i += 1) await post.post(request, new AbortController().signal);
  expect(clock.offsetMs).toBe(60_000);
});
