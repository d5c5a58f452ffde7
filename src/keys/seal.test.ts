import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import type { Seal } from "../pipeline/contracts.ts";
import { bodyContext, metadataContext } from "../pipeline/sealed-delivery.ts";
import { Keyring } from "./keyring.ts";
import { createKeys } from "./new-keyring.ts";
import { PrivateKey } from "./private-key.ts";
import { createSeal, openSealed } from "./seal.ts";

const ID = "3308ac48-9ce1-46b3-92a9-2989df46bb84";
const QUEUE = "arn:aws:sqs:us-west-1:000000000000:login-queue";

function newPair(): { readonly seal: Seal; readonly privateKey: PrivateKey } {
  const keys = createKeys(new Date(0));
  const publicKey = Keyring.parse(keys.keyring, "keyring").sealingPublicKey;
  if (publicKey === null) throw new Error("no key for sealing");
  return { seal: createSeal(publicKey), privateKey: PrivateKey.parse(keys.privateKey, "private") };
}
const { seal, privateKey } = newPair();

describe("createSeal and openSealed", () => {
  test("give back every text", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint, maxLength: 300 }), (text) => {
        expect(openSealed(privateKey, seal(text, ID, QUEUE), ID, QUEUE)).toBe(text);
      }),
    );
    const large = "é".repeat(131_072);
    expect(openSealed(privateKey, seal(large, ID, QUEUE), ID, QUEUE)).toBe(large);
  });

  test("never use a nonce twice with one ephemeral key, and renew the key", () => {
    const { seal: fresh, privateKey: itsKey } = newPair();
    const sealed = Array.from({ length: 600 }, (_, at) => Buffer.from(fresh(`text ${at}`, ID, QUEUE)));
    const ephemeralKeys = new Set(sealed.map((bytes) => bytes.subarray(9, 41).toString("hex")));
    const keysWithNonces = new Set(sealed.map((bytes) => bytes.subarray(9, 53).toString("hex")));
    expect(ephemeralKeys.size).toBe(3);
    expect(keysWithNonces.size).toBe(600);
    expect(sealed.map((bytes) => openSealed(itsKey, bytes, ID, QUEUE))).toEqual(sealed.map((_, at) => `text ${at}`));
  });

  type Golden = Record<"text" | "sealed" | "source" | "messageId", string> & { readonly privateFile: unknown };
  const golden = (format: 1 | 2): Golden => {
    const path = new URL(`../../tests/golden/sealed-v${format}.json`, import.meta.url);
    return JSON.parse(readFileSync(path, "utf8")) as Golden;
  };

  test("open what the first release sealed", () => {
    const { privateFile, sealed, messageId, text } = golden(1);
    const itsKey = PrivateKey.parse(JSON.stringify(privateFile), "golden");
    expect(openSealed(itsKey, Buffer.from(sealed, "base64url"), messageId, "whatever queue")).toBe(text);
  });

  test("open what a release since format 2 sealed, for its own queue alone", () => {
    const { privateFile, sealed, source, messageId, text } = golden(2);
    const itsKey = PrivateKey.parse(JSON.stringify(privateFile), "golden");
    const bytes = Buffer.from(sealed, "base64url");
    const boundTo = bodyContext(messageId);
    expect(openSealed(itsKey, bytes, boundTo, source)).toBe(text);
    for (const [to, of] of [
      [boundTo, `${source}-other`],
      [boundTo, null],
      [metadataContext(messageId), source],
      [boundTo.slice(1), `${source}${boundTo[0]}`],
    ] as const) {
      expect(() => openSealed(itsKey, bytes, to, of)).toThrow("belong to another message or queue");
    }
    // It cannot be made to look like the format that knew no queue.
    bytes[0] = 1;
    expect(() => openSealed(itsKey, bytes, boundTo, source)).toThrow("they were changed");
  });

  test("hide the text", () => {
    expect(Buffer.from(seal("199.172.111.135", ID, QUEUE)).includes("199.172.111.135")).toBe(false);
  });

  test("notice a change of any byte and any cut", () => {
    const sealed = seal("a refused body", ID, QUEUE);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => openSealed(privateKey, changed, ID, QUEUE), `byte ${at}`).toThrow(
        expect.objectContaining({ code: "keys.invalid" }),
      );
      expect(() => openSealed(privateKey, sealed.subarray(0, at), ID, QUEUE), `first ${at} bytes`).toThrow(
        expect.objectContaining({ code: "keys.invalid" }),
      );
    }
  });

  test("do not open with another key", () => {
    expect(() => openSealed(newPair().privateKey, seal("text", ID, QUEUE), ID, QUEUE)).toThrow(
      "they were sealed to another key",
    );
  });

  test("do not open with another key that claims the same id", () => {
    const other = newPair();
    const sealed = Uint8Array.from(seal("text", ID, QUEUE));
    sealed.set(other.seal("", ID, QUEUE).subarray(1, 9), 1);
    expect(() => openSealed(other.privateKey, sealed, ID, QUEUE)).toThrow("they were changed after sealing");
  });

  test("cannot be put in the place of another message's", () => {
    expect(() => openSealed(privateKey, seal("text", ID, QUEUE), "another-id", QUEUE)).toThrow(
      "belong to another message",
    );
  });

  test("refuse a public key of small order at once", () => {
    expect(() => createSeal(new Uint8Array(32))).toThrow(expect.objectContaining({ code: "keys.invalid" }));
  });
});

describe("PrivateKey", () => {
  const file = JSON.parse(createKeys(new Date(0)).privateKey) as Record<string, unknown>;
  const parse = (changes: Record<string, unknown>): PrivateKey =>
    PrivateKey.parse(JSON.stringify({ ...file, ...changes }), "private.json");

  test("prints as [secret]", () => {
    expect(JSON.stringify(privateKey)).toBe('"[secret]"');
    expect(`${privateKey.toString()} ${inspect(privateKey)}`).toBe("[secret] [secret]");
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["a keyring", { piipe: "keyring" }, "this is the keyring, and the private file is wanted"],
    ["another kind", { piipe: "key" }, '"piipe" is not "private-key"'],
    ["another format", { format: 2 }, '"format" is not 1'],
    ["a short key", { privateKey: "SECRET" }, "the private key is not 32 bytes"],
    ["halves of two pairs", { publicKey: Buffer.alloc(32, 9).toString("base64url") }, "are not of one pair"],
    ["an unknown property", { SECRET: 1 }, "a property that is not one of"],
  ])("refuses %s", (_name, changes, message) => {
    expect(() => parse(changes)).toThrow(message);
    expect(() => parse(changes)).not.toThrow("SECRET");
  });
});
