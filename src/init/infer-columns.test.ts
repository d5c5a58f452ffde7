import { describe, expect, it } from "vitest";
import type { Column } from "../pipeline/contracts.ts";
import { collectFields } from "./collect-fields.ts";
import type { JsonObject } from "./collect-fields.ts";
import type { ExistingColumn } from "./existing-table.ts";
import { inferColumns } from "./infer-columns.ts";
import { showLeftOut } from "./render-config.ts";

const EMAIL = "jane.canary@example.org";

const infer = (events: readonly JsonObject[], columns: readonly ExistingColumn[] | null = null) => {
  const { columns: inferred, leftOut } = inferColumns(collectFields(events), columns && { columns });
  expect(JSON.stringify({ inferred, leftOut })).not.toContain("canary");
  return { columns: inferred, leftOut: leftOut.map(showLeftOut) };
};

/** A column of the table that holds what `holds` says. */
const real = (
  name: string,
  holds: (column: Column) => boolean,
  settings: Partial<ExistingColumn> = {},
): ExistingColumn => ({
  name,
  isText: false,
  isJson: false,
  dropsBlanks: false,
  time: null,
  notNull: false,
  isFilled: false,
  isGenerated: false,
  bounds: undefined,
  misfitOf: (column) => (holds(column) ? null : `column ${name} cannot hold ${column.mask ?? column.type}`),
  ...settings,
});
const text = (name: string, settings: Partial<ExistingColumn> = {}) =>
  real(name, ({ type, mask }) => type !== "boolean" || mask !== null, { isText: true, ...settings });
const plain = (name: string, ...types: string[]) =>
  real(name, ({ type, mask }) => mask === null && types.includes(type));

describe("columns for a new table", () => {
  it("leave JSON in a text out when it looks personal, and say of other JSON what it is", () => {
    const events = [
      {
        order: JSON.stringify({ customer: { name: "canary" } }),
        born: JSON.stringify({ birth_date: "1990-01-01" }),
        mail: JSON.stringify({ to: EMAIL }),
        inner: JSON.stringify({ body: JSON.stringify({ last_name: "canary" }) }),
        coded: Buffer.from(JSON.stringify({ first_name: "canary" })).toString("base64"),
        size: JSON.stringify({ width: 3 }),
      },
    ];
    const { columns, leftOut } = infer(events);
    expect(columns).toMatchObject([
      { name: "coded", mask: "hmac-sha256" },
      { name: "size", mask: null, notes: [expect.stringContaining("holds JSON as a text")] },
    ]);
    expect(leftOut.map((line) => line.split(" ")[1])).toEqual(["order", "born", "mail", "inner"]);
    for (const line of leftOut) expect(line).toContain("have it sent as JSON");
  });

  it("mask what looks personal by its name, its type or its values, and say why", () => {
    const { columns } = infer([
      { email: "x", peer: "192.0.2.1", note: "hi", contact: EMAIL, count: 3 },
      { email: "", peer: "192.0.2.2", note: `mail ${EMAIL}`, contact: EMAIL, count: 4 },
    ]);
    expect(columns.map(({ name, type, mask, nullable, reasons }) => [name, type, mask, nullable, reasons])).toEqual([
      ["email", "text", "hmac-sha256", true, ["its name looks personal (email)"]],
      ["peer", "ip", "hmac-sha256", false, ["holds IP addresses"]],
      ["note", "text", "hmac-sha256", false, ["1 of 2 sampled values look personal (email 1)"]],
      ["contact", "text", "hmac-sha256", false, ["2 of 2 sampled values look personal (email 2)"]],
      ["count", "integer", null, false, []],
    ]);
  });

  it("mask long numbers only where all of several are a card's", () => {
    const cards = [4111111111111111, 5555555555554444, 4012888888881881];
    expect(infer(cards.map((n) => ({ n }))).columns[0]?.mask).toBe("hmac-sha256");
    expect(infer([...cards, 7].map((n) => ({ n }))).columns[0]?.mask).toBeNull();
    expect(infer([{ n: cards[0] }]).columns[0]?.mask).toBeNull();
  });

  it("do not mask a yes or no, nor a field that says something of a personal one", () => {
    expect(
      infer([{ phone: true, email_verified: false, card_type: "visa" }]).columns.every(({ mask }) => mask === null),
    ).toBe(true);
  });

  it("take the type of most values where several kinds would be json, which cannot be masked", () => {
    const { columns } = infer([{ device_id: "a" }, { device_id: "b" }, { device_id: 3 }]);
    expect(columns[0]).toMatchObject({ type: "text", mask: "hmac-sha256" });
    expect(columns[0]?.notes).toEqual(["1 of 3 events with a value here would be refused: device_id is no text"]);
  });

  it("leave out what no path can mask, and what was never there", () => {
    const { columns, leftOut } = infer(
      ["jane", "john", "joan"].map((name, index) => ({
        b: index === 0 ? "none" : [{ email: name }],
        c: { [name]: 1 },
        d: null,
        e: [{ owner: index === 0 ? { email: EMAIL } : "canary" }, {}],
        f: [],
        g: {},
        h: { [`canary${index}`]: { mac: "74:20:3b:64:fb:b8", email: EMAIL } },
        tags: ["x"],
        [`${name}@canary.example`]: 1,
      })),
    );
    expect(columns.map(({ name, type, mask }) => [name, type, mask])).toEqual([["tags", "text[]", null]]);
    expect(leftOut).toEqual([
      expect.stringMatching(/^field b looks personal \(.*something personal in a place where there is something else/),
      expect.stringMatching(/^field c looks personal \(has keys that differ from event to event/),
      "field d was null in every event, so its type is not known",
      expect.stringMatching(/^field e looks personal \(.*something personal in a place where there is something else/),
      "field f was empty in every event, so its type is not known",
      "field g was empty in every event, so its type is not known",
      expect.stringMatching(/^field h looks personal \(has keys that differ from event to event/),
      "3 fields have names that may be data, and so are neither shown nor stored",
    ]);
  });

  it.each<[unknown, unknown]>([
    [{}, ["canary"]],
    [[], { a: "canary" }],
    [{ a: {} }, { a: "canary" }],
    [{ a: [] }, { a: { b: "canary" } }],
  ])("leave out what is sometimes something else, empty as it may be: %j", (ip, other) => {
    const { columns, leftOut } = infer([{ list: [{ ip }, { ip: other }] }]);
    expect({ columns, leftOut }).toEqual({
      columns: [],
      leftOut: [expect.stringContaining("something else at times")],
    });
  });

  it("mask what is personal inside of json by its path, and say why", () => {
    const { columns, leftOut } = infer([
      {
        items: [
          { sku: "a", gift_to: EMAIL, to: { first_name: "canary" }, buyer: { name: "canary", phone: "1" } },
          { sku: "b", gift_to: null, ips: ["192.0.2.1"], device_id: 7, name: "lamp" },
        ],
        emails: [EMAIL, EMAIL],
        position: [50.259_512, 13.447_089],
        ranks: [1, 2],
      },
    ]);
    expect(leftOut).toEqual([]);
    expect(columns).toMatchObject([
      {
        name: "items",
        type: "json",
        mask: null,
        masks: [
          { path: "[].gift_to", type: "text", mask: "hmac-sha256" },
          { path: "[].to.first_name", type: "text" },
          { path: "[].buyer.name", type: "text" },
          { path: "[].buyer.phone", type: "text" },
          { path: "[].ips[]", type: "ip" },
          { path: "[].device_id", type: "integer" },
        ],
        reasons: expect.arrayContaining([
          "[].gift_to 1 of 1 sampled values look personal (email 1)",
          "[].buyer.name its name looks personal (buyer_name), is a name beside what somebody is reached by",
        ]) as unknown,
      },
      { name: "emails", type: "json", masks: [{ path: "[]", type: "text" }] },
      { name: "position", type: "json", masks: [{ path: "[]", type: "number" }], reasons: ["[] holds coordinates"] },
      { name: "ranks", type: "integer[]", mask: null },
    ]);
  });

  it("mask several of what is personal as they mask one", () => {
    const { columns, leftOut } = infer([
      {
        devices: [{ id: "canary-1" }, { id: "canary-2" }],
        device_ids: ["canary-3"],
        deviceIds: ["canary-4"],
        deviceIDs: ["canary-5"],
        user_agents: ["canary"],
        first_names: ["canary"],
        profile: { names: ["canary"], emails: [EMAIL] },
        people: [{ names: ["canary"], emails: [EMAIL] }],
        card_types: ["visa"],
      },
    ]);
    expect(leftOut).toEqual([]);
    expect(columns.map(({ from, type, masks }) => [from, type, masks?.map(({ path }) => path)])).toEqual([
      ["devices", "json", ["[].id"]],
      ["device_ids", "json", ["[]"]],
      ["deviceIds", "json", ["[]"]],
      ["deviceIDs", "json", ["[]"]],
      ["user_agents", "json", ["[]"]],
      ["first_names", "json", ["[]"]],
      ["profile.names", "json", ["[]"]],
      ["profile.emails", "json", ["[]"]],
      ["people", "json", ["[].names[]", "[].emails[]"]],
      ["card_types", "text[]", undefined],
    ]);
  });

  it("mask what a list of keys and values calls something personal", () => {
    const param = (key: string, value: object) => ({ key, value });
    const event = { params: [param("page", { text: "x" }), param("ga_session_id", { int: 1 })] };
    expect(infer([event, event, event]).columns).toMatchObject([
      { type: "json", masks: [{ path: "[].value.int", type: "integer" }] },
    ]);
    // A title is no name of anything.
    const titled = { params: [param("Session of the day", { int: 1 })] };
    expect(infer([titled]).columns).toMatchObject([{ type: "json", reasons: [] }]);
  });

  it("mask a name beside what somebody is reached by, and no other", () => {
    const { columns } = infer([
      {
        billing: { name: "canary", email: EMAIL },
        product: { name: "lamp", sku: "l" },
        shipping: { name: "x", address: { line1: "y" } },
      },
    ]);
    expect(columns.map(({ name, mask }) => [name, mask])).toEqual([
      ["billing_name", "hmac-sha256"],
      ["email", "hmac-sha256"],
      ["product_name", null],
      ["sku", null],
      ["shipping_name", "hmac-sha256"],
      ["line1", "hmac-sha256"],
    ]);
  });

  it("are told of the array whose first element they are from", () => {
    const { columns } = infer(Array.from({ length: 3 }, () => ({ records: [{ a: 1, b: 2 }] })));
    expect(columns.map(({ from, notes }) => [from, notes.length])).toEqual([
      ["records[0].a", 1],
      ["records[0].b", 0],
    ]);
    expect(columns[0]?.notes[0]).toMatch(/^each event seen has one element in records: of one with more/);
  });
});

describe("numbers beyond 2^53", () => {
  /** As `parseEvents` gives what no double holds. */
  const UNKEPT = 2n ** 70n + 1n;
  const large = { big: UNKEPT };

  it("are what a few events are refused for", () => {
    const { columns } = infer([...Array.from({ length: 9 }, () => ({ big: 1 })), large]);
    expect(columns).toMatchObject([{ name: "big", type: "integer" }]);
    expect(columns[0]?.notes).toEqual([
      expect.stringMatching(
        /^1 of 10 events with a value here would be refused: big holds numbers that neither 64 bits nor a double hold/,
      ),
    ]);
  });

  it("that a double holds make a column of numbers, the others one that keeps their digits", () => {
    expect(infer([{ big: 6.02e23 }]).columns).toMatchObject([{ name: "big", type: "number", notes: [] }]);
    expect(infer([large]).columns).toMatchObject([{ name: "big", type: "json", notes: [] }]);
    expect(infer([{ list: [2 ** 60] }]).columns).toMatchObject([{ name: "list", type: "integer[]", notes: [] }]);
    expect(infer([{ list: [UNKEPT] }]).columns).toMatchObject([{ name: "list", type: "json", notes: [] }]);
    expect(infer([large], [text("big")]).columns).toMatchObject([{ name: "big", type: "json" }]);
  });

  it("are looked at with all their digits for what is personal", () => {
    const { columns, leftOut } = infer(Array.from({ length: 3 }, () => ({ ref: 4_000_001_234_567_890_124n })));
    expect({ columns, leftOut }).toMatchObject({ columns: [{ type: "integer", mask: "hmac-sha256" }], leftOut: [] });
  });

  it("make no column where no such one is, and the size is said to be why", () => {
    const why =
      /^field \w+ (?:for column \w+ )?(?:looks personal \(.+\), and )?holds numbers that neither 64 bits nor a double hold/;
    expect(infer([large], [plain("big", "integer")]).leftOut).toEqual([expect.stringMatching(why)]);
    expect(infer([{ phone: UNKEPT }])).toEqual({ columns: [], leftOut: [expect.stringMatching(why)] });
  });
});

describe("columns for an existing table", () => {
  it("are the table's, in its order, with the types that it holds", () => {
    const { columns, leftOut } = infer(
      [{ version: "1.2", id: "d69123e8-026e-4668-86a3-081ec6731650", amount: 3, at: "2026-01-31", other: 1 }],
      [plain("at", "date"), text("id"), plain("amount", "number"), plain("version", "version"), text("unfilled")],
    );
    expect(columns.map(({ name, type }) => [name, type])).toEqual([
      ["at", "date"],
      ["id", "text"],
      ["amount", "number"],
      ["version", "version"],
    ]);
    expect(leftOut).toEqual([
      "column unfilled stays NULL: no field fits by its name",
      "field other fits no column of the table by its name, and is not stored",
    ]);
  });

  it.each<[string, Record<string, unknown>, readonly string[], string]>([
    [
      "the time of day, in a column that rounds times",
      { x: "2026-01-31T10:00:00Z" },
      ["date"],
      "`type: date` would fit, and keep the day alone",
    ],
    ["the time of day of a midnight elsewhere", { x: "2026-01-31T00:00:00+02:00" }, ["date"], "`type: date` would fit"],
    ["the zero of a version's part", { x: "1.02", version: "1.2" }, ["version"], "`type: version` would fit"],
  ])("leave out a column that would lose %s, and say what would fit", (_, event, types, why) => {
    const { columns, leftOut } = infer([event], [plain("x", ...types)]);
    expect(columns).toEqual([]);
    expect(leftOut[0]).toContain("field x for column x does not fit: column x cannot hold");
    expect(leftOut[0]).toContain(why);
  });

  it("cut what is finer than microseconds, and say so", () => {
    const x = "2026-01-31T10:00:00.123456789Z";
    expect(infer([{ x }], [plain("x", "timestamp")]).columns).toMatchObject([
      { type: "timestamp", cut: true, notes: [expect.stringContaining("cut off")] },
    ]);
    expect(infer([{ x }], [text("x")]).columns).toMatchObject([{ type: "text", notes: [] }]);
  });

  it("take digits for what the column says that they are", () => {
    const id = "d69123e8026e466886a3081ec6731650";
    expect(infer([{ id }], [plain("id", "uuid")]).columns).toMatchObject([{ type: "uuid" }]);
    expect(infer([{ id }], [text("id")]).columns).toMatchObject([{ type: "text" }]);
  });

  it("are told of the array whose first element they are from", () => {
    const events = Array.from({ length: 3 }, () => ({ records: [{ a: 1 }] }));
    expect(infer(events, [plain("a", "integer")]).columns).toMatchObject([
      { from: "records[0].a", notes: [expect.stringMatching(/^each event seen has one element in records/)] },
    ]);
  });

  it("take objects whole where the table has a column for them", () => {
    const events = [{ customer: { email: EMAIL, tier: "gold" }, settings: { dark: true } }];
    const json = (name: string) => real(name, ({ type }) => type === "json", { isJson: true });
    const { fields, ...rest } = collectFields(events, { isWhole: ([name]) => name !== "x" });
    const { columns } = inferColumns({ fields, ...rest }, { columns: [json("customer"), json("settings")] });
    expect(columns).toMatchObject([
      { from: "customer", type: "json", masks: [{ path: "email" }] },
      { from: "settings", type: "json", mask: null },
    ]);
  });

  it("take days for what they are, however they are written", () => {
    const days = ["2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T02:00:00.000+02:00"];
    for (const x of days) expect(infer([{ x }], [plain("x", "date")]).columns).toMatchObject([{ type: "date" }]);
  });

  it("leave out a char(n) for texts that end with blanks, and keep it for others", () => {
    const char = text("x", { dropsBlanks: true });
    expect(infer([{ x: "a" }], [char]).columns).toMatchObject([{ type: "text" }]);
    expect(infer([{ x: "a" }, { x: "b " }], [char]).leftOut).toEqual([expect.stringContaining("end with blanks")]);
    expect(infer([{ x: "b " }], [text("x")]).columns).toMatchObject([{ type: "text" }]);
  });

  it("leave out a column that would round the time of sending", () => {
    const rounding = real("sent_at", ({ type }) => type === "date", { time: "timestamp" });
    expect(infer([{ a: 1 }], [plain("a", "integer"), rounding]).leftOut).toEqual([
      "column sent_at could get the time of sending, but column sent_at cannot hold timestamp",
    ]);
  });

  it("mask what the table says is masked", () => {
    const { columns } = infer([{ account: "a" }], [text("masked_account")]);
    expect(columns).toMatchObject([
      {
        name: "masked_account",
        from: "account",
        mask: "hmac-sha256",
        reasons: ["the table's column is named as masked"],
      },
    ]);
  });

  it("mask several values where the table says so, and leave them out where they are an array there", () => {
    const event = { device_ids: ["canary"], accounts: ["canary"] };
    const named = (column: string, ...types: readonly string[]) =>
      real(column, ({ type, masks }) => types.includes(type) && (type === "json" || masks === undefined), {
        isJson: types.includes("json"),
      });
    expect(infer([event], [named("device_ids", "json"), named("masked_accounts", "json")]).columns).toMatchObject([
      { type: "json", masks: [{ path: "[]" }] },
      { type: "json", masks: [{ path: "[]" }], reasons: ["[] the table's column is named as masked"] },
    ]);
    const { columns, leftOut } = infer([event], [named("device_ids", "text[]"), named("masked_accounts", "text[]")]);
    expect(columns).toEqual([]);
    expect(leftOut).toEqual([
      expect.stringMatching(/^field device_ids for column device_ids looks personal .*; arrays .* type jsonb$/),
      expect.stringMatching(/^field accounts for column masked_accounts looks personal .*; arrays .* type jsonb$/),
    ]);
  });

  it("encrypt an address where the column takes nothing but addresses", () => {
    const inet = real("ip", ({ type, mask }) => type === "ip" && (mask === null || mask === "ipcrypt-deterministic"));
    expect(infer([{ ip: "192.0.2.1" }], [inet]).columns).toMatchObject([{ type: "ip", mask: "ipcrypt-deterministic" }]);
  });

  it("keep the type of nearly all values, and say how many events that refuses", () => {
    const events = [...Array.from({ length: 19 }, () => ({ ip: "192.0.2.1" })), { ip: "999.1.canary" }];
    const inet = real("ip", ({ type, mask }) => type === "ip" && (mask === null || mask === "ipcrypt-deterministic"));
    const { columns, leftOut } = infer(events, [inet]);
    expect(leftOut).toEqual([]);
    expect(columns).toMatchObject([{ type: "ip", mask: "ipcrypt-deterministic" }]);
    expect(columns[0]?.notes[0]).toBe("1 of 20 events with a value here would be refused: ip is no ip");
  });

  it("look at the values that are of another type than nearly all: a wider column would take them", () => {
    const ids = Array.from({ length: 19 }, () => ({ ref: "d69123e8-026e-4668-86a3-081ec6731650" }));
    const numbers = Array.from({ length: 19 }, (_, n) => ({ ref: n }));
    for (const events of [ids, numbers]) {
      const { columns } = infer([...events, { ref: EMAIL }], [real("ref", () => true, { isText: true })]);
      expect(columns).toMatchObject([
        { mask: "hmac-sha256", reasons: ["1 of 20 sampled values look personal (email 1)"] },
      ]);
    }
    const inner = infer([...numbers, { ref: { email: 1 } }], [real("ref", () => true, { isText: true })]);
    expect(inner.columns).toMatchObject([{ mask: "hmac-sha256" }]);
  });

  it("name the masks that fit where the usual one does not", () => {
    const inet = real("peer_ip", ({ type, mask }) => mask === "drop" || (type === "ip" && mask === "ipcrypt-pfx"));
    expect(infer([{ peer_ip: "host" }], [inet]).leftOut).toEqual([
      expect.stringMatching(/cannot hold hmac-sha256; the masks that fit it: ipcrypt-pfx \(of type ip\), drop$/),
    ]);
    const array = real("phone", ({ type, mask }) => mask === "drop" || type === "text[]");
    expect(infer([{ phone: "1" }], [array]).leftOut).toEqual([expect.stringMatching(/the masks that fit it: drop$/)]);
    const numbers = real(
      "peer_ip",
      ({ type, mask }) => mask === "drop" || (mask === "redact" && ["integer", "number"].includes(type)),
    );
    expect(infer([{ peer_ip: "192.0.2.1" }], [numbers]).leftOut).toEqual([
      expect.stringMatching(/the masks that fit it: redact \(of type integer\), drop$/),
    ]);
    const short = real("phone", ({ mask }) => mask === "redact");
    expect(infer([{ phone: "1" }], [short]).leftOut).toEqual([expect.stringMatching(/the masks that fit it: redact$/)]);
    const lengthKept = real("phone", ({ mask }) => mask === "fpe-ff1" || mask === "aes-siv");
    expect(infer([{ phone: "415-555 0132" }], [lengthKept]).leftOut).toEqual([expect.stringMatching(/: fpe-ff1$/)]);
    expect(infer([{ phone: "unknown" }], [lengthKept]).leftOut).toEqual([expect.stringMatching(/no mask fits it$/)]);
  });

  it("leave a column to its default when no field fits, and fill the time of one without", () => {
    const time = (name: string, isFilled: boolean) =>
      real(name, ({ type }) => type === "timestamp", { time: "timestamp", isFilled });
    const { columns, leftOut } = infer([{ a: "x" }], [text("a"), time("loaded_at", true), time("create_date", false)]);
    expect(columns.map(({ name, from }) => [name, from])).toEqual([
      ["a", "a"],
      ["create_date", "@sent_at"],
    ]);
    expect(leftOut).toEqual(["column loaded_at is left to its default: no field fits by its name"]);
  });

  it("never store as it is what the column cannot hold masked", () => {
    const { columns, leftOut } = infer([{ phone: 41555 }], [plain("phone", "integer", "number")]);
    expect(columns).toEqual([]);
    expect(leftOut).toEqual([
      "field phone for column phone looks personal (its name looks personal (phone)) and so must be masked, but column phone cannot hold hmac-sha256; no mask fits it",
    ]);
  });

  it("say what does not fit", () => {
    const { leftOut } = infer([{ user: "u1" }], [plain("user", "integer")]);
    expect(leftOut).toEqual(["field user for column user does not fit: column user cannot hold text"]);
  });

  it("mask a personal field that was null everywhere", () => {
    expect(infer([{ phone: null }], [text("phone")]).columns).toMatchObject([
      { type: "text", mask: "hmac-sha256", nullable: true },
    ]);
  });

  it("take the type of a field that was null everywhere from the table", () => {
    expect(infer([{ n: null }], [plain("n", "integer")]).columns).toMatchObject([{ type: "integer", nullable: true }]);
  });

  it("warn of NOT NULL columns that some events, or all, leave empty", () => {
    const { columns, leftOut } = infer(
      [{ a: "x" }, { a: null }],
      [text("a", { notNull: true }), text("b", { notNull: true }), text("c", { notNull: true, isFilled: true })],
    );
    expect(columns[0]).toMatchObject({ nullable: false, notes: [expect.stringContaining("NOT NULL")] });
    expect(leftOut).toEqual([
      expect.stringMatching(/^column b is NOT NULL without a default/),
      "column c is left to its default: no field fits by its name",
    ]);
  });
});
