import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadKeyring, loadPrivateKey } from "./keyring-file.ts";
import { createKeys } from "./new-keyring.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-keys-"));
  file = join(folder, "piipe.keys.json");
});
afterEach(() => rm(folder, { recursive: true }));

const { keyring: text, privateKey } = createKeys(new Date(0));
const { keyring: otherText } = createKeys(new Date(0));

describe("loadKeyring", () => {
  test("gives null when no place is named", async () => {
    expect(await loadKeyring({ file: null, environment: undefined })).toBeNull();
    expect(await loadKeyring({ file: null, environment: "" })).toBeNull();
  });

  test("reads the file, the variable, or both when they agree", async () => {
    await writeFile(file, text, { mode: 0o600 });
    const fromFile = await loadKeyring({ file, environment: undefined });
    const fromVariable = await loadKeyring({ file: null, environment: text });
    const fromBoth = await loadKeyring({ file, environment: JSON.stringify(JSON.parse(text)) });
    if (fromFile === null || fromVariable === null || fromBoth === null) throw new Error("no keyring");
    expect(fromFile.equals(fromVariable)).toBe(true);
    expect(fromFile.equals(fromBoth)).toBe(true);
  });

  test("reads them behind the mark that some editors begin a file with", async () => {
    await writeFile(file, `\ufeff${text}`, { mode: 0o600 });
    const read = await loadKeyring({ file, environment: `\ufeff${text}` });
    expect(read?.equals((await loadKeyring({ file: null, environment: text })) ?? read)).toBe(true);
    const privateFile = join(folder, "piipe.private.json");
    await writeFile(privateFile, `\ufeff${privateKey}`, { mode: 0o600 });
    await expect(loadPrivateKey(privateFile)).resolves.toBeDefined();
  });

  test("refuses to choose when they differ", async () => {
    await writeFile(file, text, { mode: 0o600 });
    await expect(loadKeyring({ file, environment: otherText })).rejects.toMatchObject({
      code: "keys.invalid",
      message: expect.stringContaining("different keys"),
    });
  });

  test("takes one that is kept elsewhere, and names that place", async () => {
    const kept = { text, where: "the secret s" };
    expect(await loadKeyring({ file: null, kept, environment: text })).not.toBeNull();
    await expect(loadKeyring({ file: null, kept, environment: otherText })).rejects.toMatchObject({
      code: "keys.invalid",
      message: "PIIPE_KEYS and the secret s hold different keys",
    });
    await expect(
      loadKeyring({ file: null, kept: { ...kept, text: "{}" }, environment: undefined }),
    ).rejects.toMatchObject({ code: "keys.invalid", message: expect.stringContaining("the secret s") });
  });

  test("takes the variable when the named file is not there", async () => {
    expect(await loadKeyring({ file, environment: text })).not.toBeNull();
  });

  test("says how to make a keyring when there is none", async () => {
    await expect(loadKeyring({ file, environment: undefined })).rejects.toMatchObject({
      code: "keys.missing",
      hint: expect.stringContaining("piipe keys new"),
    });
  });

  test("does not turn to the variable when the file is there but malformed", async () => {
    await writeFile(file, "{}", { mode: 0o600 });
    await expect(loadKeyring({ file, environment: text })).rejects.toMatchObject({ code: "keys.invalid" });
  });

  test.skipIf(process.platform === "win32").each([0o640, 0o604, 0o620, 0o644, 0o666, 0o610])(
    "refuses mode %o",
    async (mode) => {
      await writeFile(file, text);
      await chmod(file, mode);
      await expect(loadKeyring({ file, environment: undefined })).rejects.toMatchObject({
        code: "keys.unsafe",
        hint: expect.stringContaining(`chmod 600 ${file}`),
      });
    },
  );

  test.skipIf(process.platform === "win32")("takes mode 0400", async () => {
    await writeFile(file, text, { mode: 0o400 });
    expect(await loadKeyring({ file, environment: undefined })).not.toBeNull();
  });

  const isRoot = process.getuid?.() === 0;
  test.skipIf(!isRoot)("refuses a file of another user, and takes one of its own", async () => {
    await writeFile(file, text, { mode: 0o600 });
    await chown(file, 12_345, 0);
    await expect(loadKeyring({ file, environment: undefined })).rejects.toMatchObject({
      code: "keys.unsafe",
      message: expect.stringContaining("belongs to user 12345"),
      hint: expect.stringContaining(`chown 0 ${file}`),
    });
    await chown(file, 0, 12_345);
    expect(await loadKeyring({ file, environment: undefined })).not.toBeNull();
  });

  // As Kubernetes mounts a secret with fsGroup: root's, and readable for a group of the container's user.
  describe.skipIf(!isRoot)("a file of root's that a group may read", () => {
    const write = async (mode: number, owner: number, group: number): Promise<void> => {
      await writeFile(file, text);
      await chown(file, owner, group);
      await chmod(file, mode);
    };
    const load = () => loadKeyring({ file, environment: undefined });

    test.each([0o440, 0o040])("is taken with mode %o, when the group is one's own", async (mode) => {
      await write(mode, 0, 0);
      expect(await load()).not.toBeNull();
    });

    test.each([
      [0o440, 0, 12_345],
      [0o440, 12_345, 0],
      [0o460, 0, 0],
      [0o450, 0, 0],
      [0o444, 0, 0],
      [0o441, 0, 0],
    ])("is refused with mode %o, owner %i and group %i", async (mode, owner, group) => {
      await write(mode, owner, group);
      await expect(load()).rejects.toMatchObject({ code: "keys.unsafe", hint: expect.stringContaining("0440") });
    });
  });

  test("refuses a directory and a file far too large", async () => {
    await chmod(folder, 0o700);
    await expect(loadKeyring({ file: folder, environment: undefined })).rejects.toMatchObject({ code: "keys.invalid" });
    await writeFile(file, " ".repeat(1_048_577), { mode: 0o600 });
    await expect(loadKeyring({ file, environment: undefined })).rejects.toMatchObject({ code: "keys.invalid" });
  });
});

describe("loadPrivateKey", () => {
  test("reads the private file", async () => {
    await writeFile(file, privateKey, { mode: 0o600 });
    expect((await loadPrivateKey(file)).publicKey).toHaveLength(32);
  });

  test("says when there is none", async () => {
    await expect(loadPrivateKey(file)).rejects.toMatchObject({ code: "keys.missing" });
  });

  test.skipIf(process.platform === "win32")("refuses a file that others can read", async () => {
    await writeFile(file, privateKey);
    await chmod(file, 0o644);
    await expect(loadPrivateKey(file)).rejects.toMatchObject({ code: "keys.unsafe" });
  });
});
