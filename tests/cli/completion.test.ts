import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REJECTION_CODES } from "../../src/pipeline/contracts.ts";
import { runCli, runProcess, UNBUNDLED_CLI_FILE } from "../support/cli.ts";

const run = promisify(execFile);
const SHELLS = ["bash", "zsh", "fish"] as const;

/** What a user has typed; the last word is the one to complete. */
type Words = readonly string[];
type Complete = (words: Words) => Promise<readonly string[]>;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-completion-"));
  await mkdir(join(folder, "files"));
  for (const name of ["piipe.yaml", "other one.yaml"]) await writeFile(join(folder, "files", name), "");
  for (const shell of SHELLS) {
    const { code, stdout, stderr } = await runCli(["completion", shell]);
    if (code !== 0) throw new Error(stderr);
    await writeFile(join(folder, shell), stdout);
  }
});
afterAll(() => rm(folder, { recursive: true }));

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ["-c", "exit 0"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function shellOutput(file: string, args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run(file, args, {
    cwd: join(folder, "files"),
    env: { HOME: folder, PATH: process.env["PATH"] },
  });
  return stdout.split("\n").filter((line) => line !== "");
}

const COMPLETE: Readonly<Record<(typeof SHELLS)[number], Complete>> = {
  /** As Readline does it: an = is a word of its own. */
  bash: (words) => {
    const split = words.flatMap((word) =>
      /^--[\w-]+=/.test(word) ? word.split(/(=)/).filter((part) => part !== "") : [word],
    );
    const script =
      'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _piipe; printf "%s\\n" "${COMPREPLY[@]}"';
    return shellOutput("bash", ["--norc", "-c", script, "bash", join(folder, "bash"), "piipe", ...split]);
  },
  /** The functions of zsh's own that end in its editor print what they are given. */
  zsh: async (words) => {
    const script = `
      compdef() { }
      compset() { PREFIX="\${PREFIX#*=}" }
      compadd() { shift; for each in "$@"; do [[ "$each" == "$PREFIX"* ]] && print -r -- "$each"; done }
      _describe() { for each in $candidates; do [[ "$each" == "$PREFIX"* ]] && print -r -- "\${each%%:*}"; done }
      _files() { for each in *; do [[ "$each" == "$PREFIX"* ]] && print -r -- "$each"; done }
      source "$1"; shift; words=("$@"); CURRENT=$#; PREFIX="\${@[-1]}"; _piipe; true`;
    return shellOutput("zsh", ["-f", "-c", script, "zsh", join(folder, "zsh"), "piipe", ...words]);
  },
  fish: async (words) => {
    const line = ["piipe", ...words].join(" ");
    const lines = await shellOutput("fish", [
      "--no-config",
      "-c",
      "source $argv[1]; complete -C $argv[2]",
      join(folder, "fish"),
      line,
    ]);
    return lines.map((each) => (each.split("\t")[0] ?? "").replace(/^--[\w-]+=/, ""));
  },
};

describe.each(SHELLS)("%s", (shell) => {
  const isThere = isInstalled(shell);
  const complete = COMPLETE[shell];
  const about = isThere ? "" : `: skipped, there is no ${shell} on this machine`;

  it.skipIf(!isThere).each<[string, Words, readonly string[]]>([
    ["a command", ["ru"], ["run"]],
    ["several", ["re"], ["redrive", "reveal"]],
    ["a command below another", ["keys", "re"], ["retire", "rewrap"]],
    ["an option", ["run", "--drain"], ["--drain-timeout"]],
    ["an option of a command below another", ["quarantine", "list", "--st"], ["--state"]],
    ["after other options and their values", ["quarantine", "list", "--limit", "5", "--st"], ["--state"]],
    ["a choice", ["run", "--log-level", "de"], ["debug"]],
    ["a choice after =", ["run", "--log-level=de"], ["debug"]],
    ["a state", ["quarantine", "list", "--state", "rep"], ["replayed"]],
    ["the next option, where a value may be left out", ["run", "--metrics", "--unt"], ["--until-empty"]],
    ["an argument", ["completion", "b"], ["bash"]],
    ["a command to be helped with", ["help", "era"], ["erase"]],
    ["a command below another to be helped with", ["keys", "help", "dest"], ["destroy"]],
    ["nothing where nobody can know", ["lookup", ""], []],
    ["nothing for what is none", ["run", "--no-such"], []],
  ])(`completes %s${about}`, async (_, words, expected) => {
    expect((await complete(words)).toSorted()).toEqual(expected);
  });

  it.skipIf(!isThere)(`completes every reason of the quarantine${about}`, async () => {
    const codes = await complete(["quarantine", "replay", "--code", ""]);
    expect(codes.toSorted()).toEqual(Object.keys(REJECTION_CODES).toSorted());
  });

  it.skipIf(!isThere)(`completes the file of a configuration, by either name of the option${about}`, async () => {
    for (const option of ["-c", "--config"]) {
      expect(await complete(["run", option, "pi"])).toEqual(["piipe.yaml"]);
      expect(await complete(["check", option, "oth"])).toEqual(["other one.yaml"]);
    }
  });

  it.skipIf(!isThere)(`shows all commands, and none that the help hides${about}`, async () => {
    const commands = await complete([""]);
    const { stdout } = await runCli(["--help"]);
    const [, listed = ""] = stdout.split(/\n(?:Commands|Output):\n/);
    expect(commands.toSorted()).toEqual([...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name).toSorted());
    expect(await complete(["run", "--as"])).toEqual([]);
  });
});

const OF_OTHERS = ["hono", "@hono/.*", "pino", "prom-client", "fast-xml-parser", "fauxqs", "@clack/.*", "@smithy/.*"];
const HEAVY = [...OF_OTHERS, "pg", "undici", "zod", "yaml", "@aws-sdk/.*", "@noble/.*"];

describe("piipe completion", () => {
  it("refuses a shell that it does not know, and says which there are", async () => {
    for (const args of [["powershell"], []]) {
      const { code, stdout, stderr } = await runCli(["completion", ...args]);
      expect(code).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toContain(args.length === 0 ? "missing required argument 'shell'" : "bash, zsh, fish");
    }
  });

  it.each([["completion bash"], ["version"], ["--help"], ["status --help"], ["nosuch"]])(
    "%s asks neither configuration nor network, and loads no library: a shell may start it for each new window",
    async (command) => {
      const { code, stderr } = await runProcess(command.split(" "), {
        folder,
        environment: { AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:9", DATABASE_URL: "postgres://127.0.0.1:9/x" },
        file: UNBUNDLED_CLI_FILE,
        nodeArguments: ["--import", refusing(HEAVY)],
      });
      expect(stderr).not.toContain("Error");
      expect(code).toBe(command === "nosuch" ? 2 : 0);
    },
  );

  it.each([
    ["status", [...OF_OTHERS, "@noble/ciphers/.*"]],
    ["check", OF_OTHERS],
    ["quarantine list", [...OF_OTHERS, "undici"]],
  ])("%s loads no library of other commands", async (command, others) => {
    const config = {
      source: { sqs: { queue: "q", region: "eu-west-1", endpoint: "http://127.0.0.1:9" } },
      sink: { postgres: { url: "postgres://127.0.0.1:9/x", table: "t" } },
      columns: { a: { type: "text" } },
    };
    await writeFile(join(folder, "few.yaml"), JSON.stringify(config));
    const { code, stderr } = await runProcess([...command.split(" "), "-c", "few.yaml"], {
      folder,
      environment: { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
      file: UNBUNDLED_CLI_FILE,
      nodeArguments: ["--import", refusing(others)],
    });
    expect(stderr).not.toContain("[bug]");
    expect(code).toBe(4);
  });
});

const asUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

/** Fails where one of the packages is loaded. */
function refusing(packages: readonly string[]): string {
  const pattern = JSON.stringify(`^(?:${packages.join("|")})$`);
  const loader = `const refused = new RegExp(${pattern});
export function resolve(specifier, context, next) {
  if (refused.test(specifier)) throw new Error("loads " + specifier);
  return next(specifier, context);
}`;
  return asUrl(`import { register } from "node:module"; register(${JSON.stringify(asUrl(loader))});`);
}
