import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** PIIPE_TEST_CHROMIUM, or what is in the path. null when there is none, as without the Debian package `chromium`. */
export function findChromium(): string | null {
  const chosen = process.env["PIIPE_TEST_CHROMIUM"];
  if (chosen !== undefined) return chosen;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"];
  return folders.map((folder) => join(folder, "chromium")).find((file) => existsSync(file)) ?? null;
}

/** To be closed by the caller. */
export function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error("Chromium is not installed");
  // Its sandbox does not work for root; the pages are our own.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args: [...args, "--disable-dev-shm-usage"] });
}
