import { describe, expect, it } from "vitest";
import { parseConfig } from "../../config/load-config.ts";
import { judgeColumns } from "./check-columns.ts";

const configWith = (columns: Readonly<Record<string, object>>) =>
  parseConfig(
    {
      source: { sqs: { queue: "orders" } },
      sink: { postgres: { url: "postgres://localhost/db", table: "orders" } },
      columns,
    },
    { baseFolder: "." },
  );

const warningsOf = (
  columns: Readonly<Record<string, object>>,
  samples: Readonly<Record<string, readonly string[]>> = {},
) =>
  judgeColumns(configWith(columns), [new Map(Object.entries(samples))])
    .filter(({ level }) => level === "warning")
    .map(({ text, hint }) => `${text}. ${hint}`);

const TEXT = { type: "text" };

describe("what check says of columns that take JSON as a text", () => {
  it("counts stored texts whose fields look personal by their names, also where the sample is cut", () => {
    const stored = [
      JSON.stringify({ customer: { name: "canary" } }),
      JSON.stringify({ birth_date: "1990-01-01", rest: "x".repeat(100) }).slice(0, 60),
      JSON.stringify({ Message: JSON.stringify({ last_name: "canary" }) }),
      JSON.stringify({ width: 3 }),
    ];
    const [warning, ...others] = warningsOf({ body: TEXT }, { body: stored });
    expect(warning).toContain("body is stored as it is: 3 of 4 sampled values look personal (inner-name 3)");
    expect(warning).not.toContain("canary");
    expect(others).toEqual([]);
  });

  it("looks into arrays of texts as well", () => {
    const [warning] = warningsOf({ tags: { type: "text[]" } }, { tags: ['{"x","a@example.com"}', '{"x\\"y"}'] });
    expect(warning).toContain("tags is stored as it is: 1 of 2 sampled values look personal (email 1)");
  });

  it("warns of several of what is personal by its name as of one", () => {
    const warnings = warningsOf({ device_ids: { type: "text[]" }, seen: { from: "userAgents", type: "text[]" } });
    expect(warnings).toEqual([
      expect.stringContaining("device_ids is stored as it is: its name looks personal (device_id)"),
      expect.stringContaining("seen is stored as it is: it comes from a field whose name looks personal (user_agent)"),
    ]);
  });

  it("judges JSON with masks inside by what they leave, and not by its name", () => {
    const sessions = { type: "json", masks: { "[].id": "hmac-sha256" } };
    expect(warningsOf({ sessions: { type: "json" } })).toEqual([
      expect.stringMatching(/^sessions is stored as it is: its name looks personal \(session\)\. Mask what .* `masks`/),
    ]);
    const stored = (rest: object) => [JSON.stringify([{ id: "a@example.com", ...rest }])];
    expect(warningsOf({ sessions }, { sessions: stored({ pages: 3 }) })).toEqual([]);
    expect(warningsOf({ sessions }, { sessions: stored({ by: "b@example.com" }) })).toEqual([
      expect.stringContaining("sessions is stored as it is: 1 of 1 sampled values look personal (email 1)"),
    ]);
  });

  it("names the column that takes the event out of an SNS notification", () => {
    const [warning] = warningsOf({ message: { from: "Message", ...TEXT }, topic: { from: "TopicArn", ...TEXT } });
    expect(warning).toContain("message takes the whole event of an SNS notification as a text");
    expect(warning).toContain("source.unwrap: sns");
    expect(warningsOf({ message: { from: "Message", ...TEXT } })).toEqual([]);
  });
});
