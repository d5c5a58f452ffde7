/** Where a value is written in a JSON text; `end` is behind it. */
export interface Splice {
  readonly start: number;
  readonly end: number;
}

/**
 * A JSON text with other values at some places, which are in its order; everything else stays as it is written.
 * @param jsonAt what stands at a place from now on, as JSON
 */
export function spliceJson<Place extends Splice>(
  json: string,
  places: readonly Place[],
  jsonAt: (place: Place, index: number) => string,
): string {
  if (places.length === 0) return json;
  const parts: string[] = [];
  let from = 0;
  for (const [index, place] of places.entries()) {
    parts.push(json.slice(from, place.start), jsonAt(place, index));
    from = place.end;
  }
  parts.push(json.slice(from));
  return parts.join("");
}
