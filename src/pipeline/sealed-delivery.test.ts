import { expect, test } from "vitest";
import { delivery } from "../../tests/support/model-source.ts";
import type { Seal } from "./contracts.ts";
import { bodyContext, metadataContext, parseMetadata, sealDelivery } from "./sealed-delivery.ts";

/** Seals by writing down what it was given. */
const seal: Seal = (text, boundTo, source) => Buffer.from(JSON.stringify({ text, boundTo, source }));
const opened = (bytes: Uint8Array | null): unknown =>
  bytes === null ? null : JSON.parse(Buffer.from(bytes).toString());

test("the body is bound to its message, and a message without group and attributes has no metadata", () => {
  const sealed = sealDelivery(delivery("id-1", "body"), seal, "queue");
  expect(opened(sealed.sealedBody)).toStrictEqual({ text: "body", boundTo: bodyContext("id-1"), source: "queue" });
  expect(sealed.sealedMetadata).toBeNull();
});

test("group and attributes come back as they were, bound to the message and not to pass for its body", () => {
  const attributes = new Map([
    ["tenant", "a"],
    ["__proto__", "b"],
  ]);
  const { sealedMetadata } = sealDelivery({ ...delivery("id-1", "body"), groupId: "g", attributes }, seal, "queue");
  const { text, boundTo, source } = opened(sealedMetadata) as Record<"text" | "boundTo" | "source", string>;
  expect(source).toBe("queue");
  expect(boundTo).toBe(metadataContext("id-1"));
  expect(boundTo).not.toBe(bodyContext("id-1"));
  expect(parseMetadata(text)).toStrictEqual({ groupId: "g", attributes });
});
