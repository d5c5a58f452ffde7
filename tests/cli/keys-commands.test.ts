import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keysDestroyCommand } from "../../src/cli/commands/keys.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { KEY_STATES } from "../../src/keys/key-version.ts";
import { Keyring } from "../../src/keys/keyring.ts";
import { type CliOptions, type CliResult, runCli } from "../support/cli.ts";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;

interface KeyringJson {
  readonly versions: readonly { readonly state: string }[];
  readonly sealing: object;
}

let folder: string;
let file: string;
/** Every key that was ever in a file, and everything that was ever printed. */
let secrets: Set<string>;
let printed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  file = join(folder, "piipe.keys.json");
  secrets = new Set();
  printed = "";
  await keys("new");
  const { privateKey } = JSON.parse(await readFile(join(folder, "piipe.private.json"), "utf8")) as {
    readonly privateKey: string;
  };
  secrets.add(privateKey);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  if (secrets.size < 3) throw new Error("the keys of the test were not seen");
  for (const secret of secrets) {
    const bytes = Buffer.from(secret, "base64url");
    const isShown = [secret, bytes.toString("hex"), bytes.toString("base64")].some((form) => printed.includes(form));
    if (isShown) throw new Error("a command printed a key");
  }
});

async function keys(command: string, options: CliOptions = {}): Promise<CliResult> {
  const result = await runCli(["keys", ...command.split(" ")], { folder, ...options });
  printed += result.stdout + result.stderr;
  await noteSecrets();
  return result;
}

async function noteSecrets(): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  for (const [, secret] of text.matchAll(/"(?:root|publicKey)": "([\w-]{43})"/g)) if (secret) secrets.add(secret);
}

/** Does it, and expects it to go well. */
async function done(command: string): Promise<string> {
  const { code, stdout, stderr } = await keys(command);
  expect({ command, code, stdout, stderr: code === 0 ? "" : stderr }).toEqual({
    command,
    code: 0,
    stdout: "",
    stderr: "",
  });
  return stderr;
}

async function states(): Promise<readonly string[]> {
  return Keyring.parse(await readFile(file, "utf8"), "keyring").versions.map(
    ({ version, state, over }) => `${version} ${state}${over === null ? "" : ` over ${over}`}`,
  );
}

/** Does it, and expects that nothing was written. */
async function refused(
  command: string,
  options?: CliOptions,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const before = await readFile(file, "utf8").catch(() => null);
  const { code, stdout, stderr } = await keys(command, options);
  expect(stdout).toBe("");
  expect(await readFile(file, "utf8").catch(() => null)).toBe(before);
  expect(await readdir(folder)).not.toContain("piipe.keys.json.new");
  return { code, stderr };
}

describe("help", () => {
  it.each(["list", "add", "promote", "retire", "destroy"])("of keys %s shows examples first", async (name) => {
    const { code, stdout, stderr } = await keys(`${name} --help`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.startsWith(`Examples:\n  piipe keys ${name}`)).toBe(true);
    expect(stdout).toContain(`Usage: piipe keys ${name} [options]`);
    expect(stdout).toContain("--file <path>");
  });
});

describe("piipe keys list", () => {
  it("shows versions, states and a sealing key that is there, in words and as JSON", async () => {
    await done("add --over");
    const text = await keys("list");
    expect(text).toMatchObject({ code: 0, stderr: "" });
    const rows = text.stdout.split("\n").map((line) => line.trim().split(/\s+/));
    expect(rows[0]).toEqual(["piipe.keys.json"]);
    expect(rows[1]).toEqual(["version", "state", "created", "over"]);
    expect(rows[3]).toEqual(["1", "primary", expect.stringMatching(/^\d{4}-.*Z$/)]);
    expect(rows[4]).toEqual(["2", "pending", expect.stringMatching(/^\d{4}-.*Z$/), "1"]);
    const keyId = /sealing key: yes, ([0-9a-f]{16})\n/.exec(text.stdout)?.[1];

    const json = await keys("list --json");
    expect(json).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(json.stdout)).toEqual({
      keyring: "piipe.keys.json",
      versions: [
        { version: 1, state: "primary", created: rows[3]?.[2], over: null },
        { version: 2, state: "pending", created: rows[4]?.[2], over: 1 },
      ],
      sealing: { keyId },
    });
  });

  it("says when there is no sealing key", async () => {
    const { sealing: _, ...rest } = JSON.parse(await readFile(file, "utf8")) as KeyringJson;
    await writeFile(join(folder, "other.json"), JSON.stringify(rest), { mode: 0o600 });
    expect((await keys("list --file other.json")).stdout).toContain("sealing key: no");
    expect(JSON.parse((await keys("list --file other.json --json")).stdout)).toMatchObject({ sealing: null });
  });

  it("shows PIIPE_KEYS where there is no file", async () => {
    const environment = { PIIPE_KEYS: await readFile(file, "utf8") };
    await rm(file);
    expect(JSON.parse((await keys("list --json", { environment })).stdout)).toMatchObject({
      keyring: "PIIPE_KEYS",
      versions: [{ version: 1 }],
    });
    const { code, stderr } = await keys("list");
    expect(code).toBe(3);
    expect(stderr).toContain("[keys.missing]");
    expect(stderr).toContain("piipe keys new");
  });
});

describe("a rotation", () => {
  it("adds, promotes, retires and destroys, and says each next step", async () => {
    const added = await done("add");
    // A table whose checks do not know the version would refuse its tokens.
    expect(added).toContain("piipe migrate --token-checks");
    expect(await states()).toEqual(["1 primary", "2 pending"]);
    expect(added).toContain("every worker");
    expect(added).toContain("Only when ALL workers have it: `piipe keys promote 2`");

    const promoted = await done("promote 2");
    expect(await states()).toEqual(["1 linking", "2 primary"]);
    expect(promoted).toContain("Bring the file to every worker");
    expect(promoted).toContain("both versions make tokens");
    expect(promoted).toContain("`keyVersion: 1`");
    expect(promoted).toContain("piipe keys retire 1");

    const retired = await done("retire 1");
    expect(await states()).toEqual(["1 lookup", "2 primary"]);
    expect(retired).toContain("piipe keys destroy 1");

    const destroyed = await done("destroy 1 --yes");
    expect(await states()).toEqual(["1 destroyed", "2 primary"]);
    const losses = [
      "can no\n    longer be revealed",
      "looked up or erased by value",
      "never be completed",
      "business id",
    ];
    for (const loss of losses) {
      expect(destroyed).toContain(loss);
    }
    expect(destroyed).toContain("backups of the file still hold the key");

    // What was stored first was made by the first version, however many came since.
    await done("add");
    expect(await done("promote 3")).toContain("`keyVersion: 1`");

    expect(await readdir(folder)).toEqual(["piipe.keys.json", "piipe.private.json"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("after a leak makes no links, and leads to the rewrap", async () => {
    const added = await done("add --over");
    expect(await states()).toEqual(["1 primary", "2 pending over 1"]);
    expect(added).toContain("piipe keys rewrap");
    const promoted = await done("promote 2");
    expect(await states()).toEqual(["1 lookup", "2 primary over 1"]);
    expect(promoted).toContain("When ALL have it: `piipe keys rewrap`");
    expect(promoted).toContain("Keep version 1");
    const { code, stderr } = await refused("destroy 1 --yes");
    expect(code).toBe(3);
    expect(stderr).toContain("version 2 (primary) makes its tokens over those of version 1 [keys.conflict]");
  });

  it("works on the file that is named, and through a symbolic link", async () => {
    await mkdir(join(folder, "deep"));
    await symlink(join("..", "piipe.keys.json"), join(folder, "deep", "link.json"));
    expect(await done("add --file deep/link.json")).toContain("deep/link.json: added key version 2");
    expect(await states()).toEqual(["1 primary", "2 pending"]);
    expect(await readdir(join(folder, "deep"))).toEqual(["link.json"]);
  });
});

describe("refusals", () => {
  it.each([
    ["promote 1", 3, "it is primary already [keys.conflict]"],
    ["retire 1", 3, "it is primary, and only a linking version can [keys.conflict]"],
    ["destroy 1 --yes", 3, "it is primary, and only a pending or a lookup version can [keys.conflict]"],
    ["promote 7", 2, "there is no key version 7 [usage.invalid]\n  The keyring has: version 1 (primary)."],
    ["retire 7", 2, "there is no key version 7 [usage.invalid]"],
    ["destroy 7 --yes", 2, "there is no key version 7 [usage.invalid]"],
    ["promote 2 --wait long", 2, "Give a number of seconds, such as 60."],
    ["promote two", 2, "Give the number of a key version, such as 2."],
    ["promote", 2, "missing required argument 'version'"],
    ["add now", 2, "too many arguments"],
  ])("keys %s: exit code %i", async (command, code, text) => {
    const result = await refused(command);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(text);
  });

  it("promotes none where it cannot tell whom to wait for: piipe.yaml is there, and its database is not known", async () => {
    await done("add");
    await writeFile(
      join(folder, "piipe.yaml"),
      `source: { sqs: { queue: q } }\nsink: { postgres: { url: "\${DATABASE_URL}", table: t } }\ncolumns: { a: { type: text } }\n`,
    );
    const { code, stderr } = await refused("promote 2");
    expect(code).toBe(3);
    expect(stderr).toContain("DATABASE_URL");
    const environment = { DATABASE_URL: "postgres://u:p@127.0.0.1:1/db" };
    expect(await refused("promote 2", { environment })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("database.unreachable"),
    });
    await rm(join(folder, "piipe.yaml"));
    expect(await done("promote 2")).toContain("no worker was asked whether it has the key");
  });

  it("promotes none over a version that is no longer primary", async () => {
    await done("add --over");
    await done("add");
    await done("promote 3");
    const { code, stderr } = await refused("promote 2");
    expect(code).toBe(3);
    expect(stderr).toContain("it is over version 1, which is no longer primary");
    expect(stderr).toContain("piipe keys destroy 2");
  });

  it("destroys nothing that was not confirmed: without a terminal, --yes is needed", async () => {
    await done("add");
    const { code, stderr } = await refused("destroy 2", { stdin: "y\n" });
    expect(code).toBe(2);
    expect(stderr).toContain("[usage.invalid]");
    expect(stderr).toContain("--yes");
    expect(await states()).toEqual(["1 primary", "2 pending"]);
  });

  const COMMANDS = ["add", "promote 1", "retire 1", "destroy 1 --yes"] as const;

  it.each(COMMANDS)(
    "keys %s without a file, and with the keyring in PIIPE_KEYS only, says how to go on",
    async (command) => {
      const environment = { PIIPE_KEYS: await readFile(file, "utf8") };
      await rm(file);
      const missing = await refused(command);
      expect(missing.code).toBe(3);
      expect(missing.stderr).toContain("piipe keys new");
      const { code, stderr } = await refused(command, { environment });
      expect(code).toBe(3);
      expect(stderr).toContain("no command can change PIIPE_KEYS [keys.missing]");
      expect(stderr).toContain("(umask 077 && printenv PIIPE_KEYS > piipe.keys.json)");
    },
  );

  it.each([...COMMANDS, "list"])(
    "keys %s refuses a file that others can read, and one that is malformed",
    async (command) => {
      await chmod(file, 0o644);
      const open = await refused(command);
      expect(open.code).toBe(3);
      expect(open.stderr).toContain("has mode 0644");
      expect(open.stderr).toContain("[keys.unsafe]");
      await chmod(file, 0o600);
      await writeFile(file, (await readFile(file, "utf8")).slice(0, -20));
      const malformed = await refused(command);
      expect(malformed.code).toBe(3);
      expect(malformed.stderr).toContain("is not JSON [keys.invalid]");
    },
  );

  it("changes nothing beside another command that is at work, or was killed", async () => {
    await writeFile(`${file}.new`, "");
    const { code, stderr } = await keys("add");
    expect(code).toBe(3);
    expect(stderr).toContain("[keys.conflict]");
    expect(stderr).toContain(`delete ${file}.new`);
    expect(await states()).toEqual(["1 primary"]);
  });

  it.skipIf(process.platform === "win32")("leaves the file alone where its folder may not be written", async () => {
    const readOnly = join(folder, "read-only");
    const there = join(readOnly, "piipe.keys.json");
    await mkdir(readOnly);
    const text = await readFile(file, "utf8");
    await writeFile(there, text, { mode: 0o600 });
    if (IS_ROOT) {
      // Root may write everywhere.
      for (const path of [there, readOnly, folder]) await chown(path, NOBODY, NOBODY);
    }
    await chmod(readOnly, 0o500);
    const child = spawn(process.execPath, [join(DIST, "cli", "main.js"), "keys", "add", "--file", there], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: "/nonexistent" },
      stdio: ["ignore", "pipe", "pipe"],
      ...(IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    const [code] = (await once(child, "close")) as [number | null];
    await chmod(readOnly, 0o700);
    expect(stderr).toContain("cannot be replaced (EACCES); it is as it was [usage.invalid]");
    expect(code).toBe(2);
    expect(await readFile(there, "utf8")).toBe(text);
    expect(await readdir(readOnly)).toEqual(["piipe.keys.json"]);
    printed += stderr;
  });
});

describe("piipe keys destroy at a terminal", () => {
  const run = async (
    answer: () => Promise<boolean | null>,
  ): Promise<{ code: number; written: string; question: string }> => {
    let written = "";
    let question = "";
    const terminal: Terminal = {
      environment: {},
      folder,
      pid: 1,
      nodeVersion: process.version,
      stdin: (async function* () {})(),
      writeOut: () => expect.unreachable("it prints no data"),
      writeError: (text) => (written += text),
      isInteractive: true,
      showLine: () => {},
      columns: () => 80,
      outIsTerminal: true,
      ask: {
        secret: () => expect.unreachable("it asks for no secret"),
        text: () => expect.unreachable("it asks for no text"),
        confirm: async (asked) => {
          question = `${written}${asked}`;
          return answer();
        },
      },
      onSignal: () => {},
    };
    const code = await keysDestroyCommand({ version: 2, file: "piipe.keys.json", yes: false }, terminal);
    printed += written + question;
    return { code, written, question };
  };

  it("says what is lost before it asks, and destroys on a yes", async () => {
    await done("add");
    const { code, question } = await run(async () => true);
    expect(code).toBe(0);
    expect(question).toMatch(/^Key version 2 is pending.*Destroy key version 2 in piipe\.keys\.json for ever\?$/s);
    expect(await states()).toEqual(["1 primary", "2 destroyed"]);
  });

  it.each([false, null])("destroys nothing when the answer is %s", async (answer) => {
    await done("add");
    const { code, written } = await run(async () => answer);
    expect(code).toBe(130);
    expect(written).toContain("Nothing was destroyed.");
    expect(await states()).toEqual(["1 primary", "2 pending"]);
  });

  it("does not act on a file that changed while it asked", async () => {
    await done("add");
    const promoteMeanwhile = async (): Promise<boolean> => {
      await done("promote 2");
      return true;
    };
    await expect(run(promoteMeanwhile)).rejects.toMatchObject({ code: "keys.conflict" });
    expect(await states()).toEqual(["1 linking", "2 primary"]);
  });
});

describe("a process that is killed while it changes the keyring", () => {
  /** Replaces the keyring as fast as it can, and tells the highest version after each time. */
  const LOOP = `
    import { KeyringFile } from ${JSON.stringify(new URL(`file://${DIST}/keys/keyring-file.js`).href)};
    import { addVersion, destroyVersion } from ${JSON.stringify(new URL(`file://${DIST}/keys/edit-keyring.js`).href)};
    for (;;) {
      const file = await KeyringFile.open(process.argv[1]);
      const { keyring, added } = addVersion(file.keyring, { isOver: false, now: new Date() });
      await file.replace(destroyVersion(keyring, added.version));
      console.log(added.version);
    }`;

  it("leaves a whole keyring with all that it had finished", async () => {
    for (let round = 1; round <= 6; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "--eval", LOOP, file], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let finished = 0;
      let left = 5 + round * 3;
      for await (const line of createInterface({ input: child.stdout })) {
        finished = Number(line);
        left -= 1;
        if (left === 0) child.kill("SIGKILL");
      }
      const keyring = Keyring.parse(await readFile(file, "utf8"), "keyring");
      expect(keyring.primary?.version).toBe(1);
      expect(Math.max(...keyring.versions.map(({ version }) => version))).toBeGreaterThanOrEqual(finished);
      expect(finished).toBeGreaterThan(5);
      expect((await readdir(folder)).filter((name) => !/^piipe\.(keys|private)\.json(\.new)?$/.test(name))).toEqual([]);
      await rm(`${file}.new`, { force: true });
    }
    await noteSecrets();
    expect(await done("add")).toContain("added key version");
  });
});

it("no command shows a key, in whatever state its version is", async () => {
  const shown = new Set<string>();
  for (const command of ["add", "promote 2", "add --over", "promote 3", "retire 1", "destroy 1 --yes"]) {
    await done(command);
    await keys("list");
    const { versions } = JSON.parse((await keys("list --json")).stdout) as KeyringJson;
    for (const { state } of versions) shown.add(state);
  }
  expect(shown).toEqual(new Set(KEY_STATES));
});
