/**
 * Keys of all objects inside a parsed JSON value, or -1 when one of them is `__proto__`, which sets a prototype as soon
 * as anyone copies the object by assignment. Recursion is safe: the depth was bounded before parsing.
 */
export function countKeys(value: object): number {
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      if (typeof item !== "object" || item === null) continue;
      const inner = countKeys(item);
      if (inner === -1) return -1;
      keys += inner;
    }
    return keys;
  }
  for (const key of Object.keys(value)) {
    if (key === "__proto__") return -1;
    keys += 1;
    const item: unknown = (value as Record<string, unknown>)[key];
    if (typeof item !== "object" || item === null) continue;
    const inner = countKeys(item);
    if (inner === -1) return -1;
    keys += inner;
  }
  return keys;
}
