/** What stands at a path such as `spec.containers.0.args` of a parsed document; undefined where there is nothing. */
export function valueAt(document: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => {
    if (typeof value !== "object" || value === null) return undefined;
    return (value as Readonly<Record<string, unknown>>)[key];
  }, document);
}

/** As `valueAt`, of a list. */
export function listAt(document: unknown, path: string): readonly unknown[] {
  const value = valueAt(document, path);
  if (!Array.isArray(value)) throw new Error(`${path} is no list`);
  return value;
}
