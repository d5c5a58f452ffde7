import { resolve } from "node:path";
import { PiipeError } from "../errors.ts";
import { KeyringFile } from "../keys/keyring-file.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Terminal } from "./terminal.ts";

/** @throws {PiipeError} `keys.*`: a command can change a file, not the environment of the workers */
export async function openKeyringFile(file: string, { environment, folder }: Terminal): Promise<KeyringFile> {
  const path = resolve(folder, file);
  const found = await KeyringFile.open(path);
  if (found !== null) return found;
  if (!hasKeysInEnvironment(environment)) throw noKeyring(path);
  throw new PiipeError("keys.missing", `the keyring file ${path} is not there, and no command can change PIIPE_KEYS`, {
    hint:
      "Write its text into a file, change that, and put the new text wherever PIIPE_KEYS is set:\n" +
      `(umask 077 && printenv PIIPE_KEYS > ${file})`,
  });
}

/** Signals are let pass meanwhile: the milliseconds of work would leave a draft with all keys behind. */
export async function replaceKeyring(file: KeyringFile, keyring: Keyring, { onSignal }: Terminal): Promise<void> {
  onSignal(() => {});
  await file.replace(keyring);
}

export const hasKeysInEnvironment = (environment: Terminal["environment"]): boolean =>
  (environment["PIIPE_KEYS"] ?? "").trim() !== "";

export const noKeyring = (path: string): PiipeError =>
  new PiipeError("keys.missing", `the keyring file ${path} is not there`, {
    hint: "Name it with --file, or restore it from its backup; only for a new pipeline make one with `piipe keys new`.",
  });
