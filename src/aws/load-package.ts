import { PiipeError } from "../errors.ts";

/**
 * A package that only some configurations need, and that does not come with piipe.
 * @param needed by what of the configuration
 * @throws {PiipeError} `config.invalid` when it is not installed
 */
export async function loadPackage<T>(name: string, needed: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new PiipeError("config.invalid", `${needed} needs the package ${name}, which is not installed`, {
      hint: `Run \`npm install ${name}\` where piipe is installed.`,
      cause: error,
    });
  }
}
