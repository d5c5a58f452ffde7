import { signal } from "@preact/signals";

export const PAGES = ["overview", "quarantine", "duplicates", "config"] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  readonly page: Page;
  readonly parameters: URLSearchParams;
}

/** `#/quarantine?code=field.type`; anything else is the overview. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\//, "").split("?", 2);
  const page = PAGES.find((name) => name === path) ?? "overview";
  return { page, parameters: new URLSearchParams(query) };
}

/** The link to a page; parameters that are null are left out. */
export function linkTo(page: Page, parameters: Readonly<Record<string, string | null>> = {}): string {
  const given = Object.entries(parameters).flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
  const query = new URLSearchParams(given).toString();
  return `#/${page}${query === "" ? "" : `?${query}`}`;
}

export const route = signal<Route>(parseRoute(""));

export function followHash(): void {
  const read = (): void => {
    // Other hashes are places on the page.
    if (location.hash === "" || location.hash.startsWith("#/")) route.value = parseRoute(location.hash);
  };
  addEventListener("hashchange", read);
  read();
}
