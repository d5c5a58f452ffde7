/** The keys that a statement gives as a JSON array, or null for none. */
export function parseKeys(json: string | null | undefined): ReadonlySet<string> {
  return new Set(typeof json === "string" ? (JSON.parse(json) as string[]) : []);
}
