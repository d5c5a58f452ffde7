/**
 * The candidate that `word` is most probably a slip of, or null when none is near. Case is ignored; at most one
 * slip in words up to four characters, two up to eight, three beyond. The first of equally near candidates wins.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  // The distance costs the product of both lengths: no slip of the hand explains a word as long as this.
  if (word.length > 64) return null;
  let best: string | null = null;
  let bestDistance = (word.length <= 4 ? 1 : word.length <= 8 ? 2 : 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    // A word of two characters is within one slip of far too many.
    if (distance < bestDistance && distance < candidate.length - 1) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b` (Damerau-Levenshtein in
 * the "optimal string alignment" form: no part is edited twice).
 */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let distance = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (isSame ? 0 : 1),
      );
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwap) distance = Math.min(distance, at(beforePrevious, column - 2) + 1);
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(distances: readonly number[], index: number): number {
  return distances[index] ?? Number.POSITIVE_INFINITY;
}
