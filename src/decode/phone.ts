import { createRequire } from "node:module";
import type * as PhoneNumbers from "libphonenumber-js/min";
import { PiipeError } from "../errors.ts";
import { REFUSED, type Reader } from "./refusal.ts";

/** `+` and 15 digits, and what people write between them. */
const CHARS_MAX = 64;

let loaded: typeof PhoneNumbers | null = null;

/** Loads the library ahead of `phoneReader`, in a way that bundlers follow: in a bundle there is no package to require. */
export async function loadPhoneNumbers(): Promise<void> {
  loaded ??= await import("libphonenumber-js/min");
}

/**
 * A phone number in the form of E.164, such as `+493012345678`: of any number in international form, and with a region of
 * those that are national there. Its length must be one that its country has; whether it was ever given to anybody is not
 * asked, as the library's list of those is older than some number. One with an extension is refused: E.164 has none.
 * @throws {PiipeError} `config.invalid`: the region is unknown
 * @param region ISO 3166-1, two letters
 */
export function phoneReader(region: string | undefined): Reader {
  // 80 KB, which nobody else needs to load.
  const library = loaded ?? (createRequire(import.meta.url)("libphonenumber-js/min") as typeof PhoneNumbers);
  if (region !== undefined && !library.isSupportedCountry(region)) {
    throw new PiipeError("config.invalid", `no phone numbers are known of the region ${region}`, {
      hint: "Give the two letters of ISO 3166-1, such as DE or US.",
    });
  }
  const options = {
    extract: false,
    ...(region === undefined ? {} : { defaultCountry: region }),
  };
  return (value) => {
    if (typeof value !== "string") return REFUSED.type;
    const number = value.length > CHARS_MAX ? undefined : library.parsePhoneNumberFromString(value, options);
    return number?.isPossible() === true && number.ext === undefined ? number.number : REFUSED.format;
  };
}
