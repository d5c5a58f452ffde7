import { mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Keyring } from "./keyring.ts";
import { type NewKeyFiles, createKeys, writeNewKeys } from "./new-keyring.ts";
import { PrivateKey } from "./private-key.ts";

let folder: string;
let files: NewKeyFiles;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-keys-"));
  files = { keyringFile: join(folder, "piipe.keys.json"), privateFile: join(folder, "piipe.private.json") };
});
afterEach(() => rm(folder, { recursive: true }));

const keys = createKeys(new Date("2026-01-31T12:00:00Z"));

describe("createKeys", () => {
  test("makes a keyring and a private file of one pair", () => {
    const keyring = Keyring.parse(keys.keyring, "keyring");
    expect(keyring.primary).toMatchObject({ version: 1, created: "2026-01-31T12:00:00.000Z" });
    expect(PrivateKey.parse(keys.privateKey, "private").publicKey).toEqual(keyring.sealingPublicKey);
  });

  test("never makes the same keys twice", () => {
    const other = Keyring.parse(createKeys(new Date(0)).keyring, "other");
    expect(Keyring.parse(keys.keyring, "keyring").equals(other)).toBe(false);
  });

  test("keeps the private key out of the keyring", () => {
    const { privateKey } = JSON.parse(keys.privateKey) as { readonly privateKey: string };
    expect(keys.keyring).not.toContain(privateKey);
  });
});

describe("writeNewKeys", () => {
  test("writes both files for their owner alone", async () => {
    await writeNewKeys(files);
    const keyring = Keyring.parse(await readFile(files.keyringFile, "utf8"), "keyring");
    const privateKey = PrivateKey.parse(await readFile(files.privateFile, "utf8"), "private");
    expect(privateKey.publicKey).toEqual(keyring.sealingPublicKey);
    if (process.platform === "win32") return;
    expect((await stat(files.keyringFile)).mode & 0o777).toBe(0o600);
    expect((await stat(files.privateFile)).mode & 0o777).toBe(0o600);
  });

  test.each(["keyringFile", "privateFile"] as const)("overwrites no %s, and leaves no half pair", async (which) => {
    await writeFile(files[which], "kept");
    await expect(writeNewKeys(files)).rejects.toMatchObject({ code: "keys.exists" });
    expect(await readFile(files[which], "utf8")).toBe("kept");
    expect(await readdir(folder)).toHaveLength(1);
  });

  test("follows no symbolic link", async () => {
    await symlink(join(folder, "elsewhere"), files.keyringFile);
    await expect(writeNewKeys(files)).rejects.toMatchObject({ code: "keys.exists" });
    expect(await readdir(folder)).toEqual(["piipe.keys.json"]);
  });

  test("says when the directory is not there", async () => {
    const nowhere = join(folder, "missing", "piipe.private.json");
    await expect(writeNewKeys({ ...files, privateFile: nowhere })).rejects.toMatchObject({
      code: "usage.invalid",
      message: expect.stringContaining("ENOENT"),
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
