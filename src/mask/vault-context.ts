/**
 * What a sealed original is bound to. Not to its token, which a rewrap changes without opening anything: whoever opens one
 * makes the token anew and compares.
 */
export const vaultContext = (column: string): string => `vault/${column}`;
