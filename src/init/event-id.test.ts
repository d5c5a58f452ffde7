import { describe, expect, it } from "vitest";
import { collectFields } from "./collect-fields.ts";
import type { JsonObject } from "./collect-fields.ts";
import { findEventId } from "./event-id.ts";

const idOf = (...events: readonly JsonObject[]) => findEventId(collectFields(events).fields);

describe("the event's own id", () => {
  it.each(["event_id", "id", "eventId", "message_id", "uuid"])("may be called %s", (name) => {
    expect(idOf({ user: "u", [name]: "a" }, { user: "u", [name]: "b" })).toEqual({ from: name, repeated: 0 });
  });

  it("may lie deeper, be a number, and is the one with the clearest name", () => {
    expect(idOf({ id: "a", event: { id: 7 } })).toEqual({ from: "event.id", repeated: 0 });
  });

  it("may repeat now and then, and each further event is counted", () => {
    expect(idOf({ id: "a" }, { id: "b" }, { id: "a" }, { id: "c" }, { id: "a" })).toEqual({ from: "id", repeated: 2 });
  });

  it.each<[string, readonly JsonObject[]]>([
    ["a field of another name", [{ user_id: "a" }, { user_id: "b" }]],
    ["one that an event lacks", [{ id: "a" }, {}]],
    ["one that an event has empty", [{ id: "a" }, { id: "" }]],
    ["one that most events share", [{ id: "a" }, { id: "a" }, { id: "a" }, { id: "a" }, { id: "b" }]],
    ["what cannot be an id", [{ id: 0.5 }, { id: true }]],
  ])("is not %s", (_, events) => {
    expect(idOf(...events)).toBeNull();
  });
});
