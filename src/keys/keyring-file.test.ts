import { promises } from "node:fs";
import * as fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addVersion } from "./edit-keyring.ts";
import { KeyringFile } from "./keyring-file.ts";
import type { Keyring } from "./keyring.ts";
import { createKeys } from "./new-keyring.ts";

/** Fails the nth call from now on that changes or reads files, until `mend` is called. */
function failNthCall(nth: number): { readonly wasReached: () => boolean; readonly mend: () => void } {
  let callsLeft = nth;
  const failing =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      callsLeft -= 1;
      if (callsLeft === 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      return call(...args);
    };
  const { open, realpath, rename } = promises;
  const opening = failing(async (...args: Parameters<typeof open>) => {
    const handle = await open(...args);
    for (const name of ["writeFile", "stat", "chmod", "chown", "sync", "readFile"] as const) {
      const call = handle[name].bind(handle) as (...given: unknown[]) => Promise<unknown>;
      Object.assign(handle, { [name]: failing(call) });
    }
    return handle;
  });
  const put = (functions: object): void => {
    Object.assign(promises, functions);
    // What other modules have imported by name is the same from here on.
    syncBuiltinESMExports();
  };
  put({ open: opening, realpath: failing((path: string) => realpath(path)), rename: failing(rename) });
  return { wasReached: () => callsLeft <= 0, mend: () => put({ open, realpath, rename }) };
}

const { keyring: text } = createKeys(new Date(0));
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "piipe-keys-"));
  path = join(folder, "piipe.keys.json");
  await fs.writeFile(path, text, { mode: 0o600 });
});
afterEach(() => fs.rm(folder, { recursive: true }));

const opened = async (at = path): Promise<KeyringFile> => {
  const file = await KeyringFile.open(at);
  if (file === null) throw new Error("no such file");
  return file;
};
const longer = ({ keyring }: KeyringFile): Keyring => addVersion(keyring, { isOver: false, now: new Date(0) }).keyring;

describe("KeyringFile", () => {
  test("is null where there is none", async () => {
    expect(await KeyringFile.open(join(folder, "other.json"))).toBeNull();
  });

  test("prints as [secret]", async () => {
    const file = await opened();
    expect(inspect(file, { depth: 9, showHidden: true })).toBe("[secret]");
    expect(JSON.stringify(file)).toBe('"[secret]"');
  });

  test("puts a keyring in the place of its own, and leaves nothing else", async () => {
    const file = await opened();
    const keyring = longer(file);
    await file.replace(keyring);
    expect(await fs.readFile(path, "utf8")).toBe(keyring.serialize());
    expect((await opened()).keyring.equals(keyring)).toBe(true);
    expect(await fs.readdir(folder)).toEqual(["piipe.keys.json"]);
  });

  test.skipIf(process.platform === "win32").each([0o600, 0o400])("keeps mode %o", async (mode) => {
    await fs.chmod(path, mode);
    const file = await opened();
    await file.replace(longer(file));
    expect((await fs.stat(path)).mode & 0o777).toBe(mode);
  });

  test.skipIf(process.getuid?.() !== 0)("keeps the owner's group", async () => {
    await fs.chown(path, 0, 12_345);
    const file = await opened();
    await file.replace(longer(file));
    expect(await fs.stat(path)).toMatchObject({ uid: 0, gid: 12_345 });
  });

  test.skipIf(process.getuid?.() !== 0)("leaves no group in, where the owner cannot be kept", async () => {
    await fs.chmod(path, 0o440);
    const file = await opened();
    const { open } = promises;
    const opening = async (...args: Parameters<typeof open>) => {
      const handle = await open(...args);
      const stat = handle.stat.bind(handle);
      if (args[1] !== "wx") return handle;
      return Object.assign(handle, {
        stat: async () => Object.assign(await stat(), { uid: 12_345 }),
        chown: () => Promise.reject(new Error("not permitted")),
      });
    };
    Object.assign(promises, { open: opening });
    syncBuiltinESMExports();
    try {
      await file.replace(longer(file));
    } finally {
      Object.assign(promises, { open });
      syncBuiltinESMExports();
    }
    expect((await fs.stat(path)).mode & 0o777).toBe(0o400);
  });

  test("follows a symbolic link and leaves it there", async () => {
    await fs.mkdir(join(folder, "real"));
    await fs.rename(path, join(folder, "real", "keys.json"));
    await fs.symlink(join("real", "keys.json"), path);
    const file = await opened();
    const keyring = longer(file);
    await file.replace(keyring);
    expect((await fs.lstat(path)).isSymbolicLink()).toBe(true);
    expect(await fs.readFile(join(folder, "real", "keys.json"), "utf8")).toBe(keyring.serialize());
    expect(await fs.readdir(join(folder, "real"))).toEqual(["keys.json"]);
  });

  test("refuses when someone else changed the file, even if only its spaces", async () => {
    const file = await opened();
    await fs.writeFile(path, `${text} `);
    await expect(file.replace(longer(file))).rejects.toMatchObject({
      code: "keys.conflict",
      hint: expect.stringContaining("piipe keys list"),
    });
    expect(await fs.readFile(path, "utf8")).toBe(`${text} `);
    expect(await fs.readdir(folder)).toEqual(["piipe.keys.json"]);
  });

  test("refuses when the file is gone", async () => {
    const file = await opened();
    await fs.rm(path);
    await expect(file.replace(longer(file))).rejects.toMatchObject({ code: "keys.conflict" });
    expect(await fs.readdir(folder)).toEqual([]);
  });

  test("lets one of many changes at once through, and loses none that it let through", async () => {
    const files = await Promise.all(Array.from({ length: 12 }, () => opened()));
    const results = await Promise.allSettled(
      files.map(async (file) => {
        const keyring = longer(file);
        await file.replace(keyring);
        return keyring.serialize();
      }),
    );
    const written = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(written).toEqual([await fs.readFile(path, "utf8")]);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "keys.conflict" });
    }
    expect(await fs.readdir(folder)).toEqual(["piipe.keys.json"]);
  });

  test("does not touch what a killed command left, and says what to do", async () => {
    await fs.writeFile(`${path}.new`, "left");
    const file = await opened();
    await expect(file.replace(longer(file))).rejects.toMatchObject({
      code: "keys.conflict",
      hint: expect.stringContaining(`delete ${path}.new`),
    });
    expect(await fs.readFile(path, "utf8")).toBe(text);
    expect(await fs.readFile(`${path}.new`, "utf8")).toBe("left");
  });

  test("is as it was, with nothing beside it, whichever call fails", async () => {
    let failures = 0;
    for (let nth = 1; ; nth++) {
      const file = await opened();
      const before = await fs.readFile(path, "utf8");
      const keyring = longer(file);
      const { wasReached, mend } = failNthCall(nth);
      const error = await file.replace(keyring).catch((thrown: unknown) => thrown);
      mend();
      expect(await fs.readdir(folder)).toEqual(["piipe.keys.json"]);
      const after = await fs.readFile(path, "utf8");
      if (error === undefined) {
        expect(after).toBe(keyring.serialize());
      } else {
        failures += 1;
        expect(after).toBe(before);
        expect(error).toMatchObject({ message: expect.stringContaining("ENOSPC") });
      }
      if (!wasReached()) break;
    }
    // Finding the path, opening and writing the draft, reading the file again, and renaming are among them.
    expect(failures).toBeGreaterThanOrEqual(7);
  });
});
