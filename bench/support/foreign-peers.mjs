/** The peers that are written in other languages: built where their toolchain is, and left out where it is not. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * How to start it, or why it cannot be.
 * @typedef {{ command: readonly string[] } | { missing: string }} ForeignPeer
 * @typedef {{ go: ForeignPeer, python: ForeignPeer, bento: ForeignPeer }} ForeignPeers
 */

const folder = fileURLToPath(new URL("../", import.meta.url));
/** What is built, for the next time. */
const BUILT = `${folder}.peers`;

/**
 * @param {(text: string) => void} say
 * @returns {ForeignPeers}
 */
export function buildForeignPeers(say) {
  return {
    go: goPeer("go-loops", say),
    python: pythonPeer(say),
    bento: goPeer("bento", say, ["-c", `${folder}contenders/bento/logins.yaml`]),
  };
}

/**
 * @param {string} name of its folder in contenders/
 * @param {(text: string) => void} say
 * @param {readonly string[]} args
 * @returns {ForeignPeer}
 */
function goPeer(name, say, args = []) {
  const program = `${BUILT}/${name}`;
  say(`building ${name}${existsSync(program) ? "" : ": some minutes, the first time"}`);
  // Go itself sees whether something changed.
  const problem = problemOf("go", ["build", "-o", program, "."], `${folder}contenders/${name}`);
  return problem === null ? { command: [program, ...args] } : { missing: problem };
}

/**
 * @param {(text: string) => void} say
 * @returns {ForeignPeer}
 */
function pythonPeer(say) {
  const source = `${folder}contenders/python-threads`;
  const environment = `${BUILT}/python`;
  const python = `${environment}/bin/python`;
  const stamp = `${environment}/.installed`;
  const wanted = createHash("sha256")
    .update(readFileSync(`${source}/requirements.txt`))
    .digest("hex");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    say("installing what the peer in Python needs");
    rmSync(environment, { recursive: true, force: true });
    const problem =
      problemOf("python3", ["-m", "venv", environment], source) ??
      problemOf(python, ["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"], source);
    if (problem !== null) return { missing: problem };
    writeFileSync(stamp, wanted);
  }
  return { command: [python, `${source}/main.py`] };
}

/**
 * Null: it went well.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
function problemOf(command, args, cwd) {
  const { error, status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (error !== undefined) return `\`${command}\` is not here`;
  if (status === 0) return null;
  return `\`${command} ${args[0]}\` failed: ${stderr.trim().split("\n").at(-1)}`;
}
