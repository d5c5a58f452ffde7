/** Shown in the place of a masked column's value that is no token: it may be raw, from before the mask. */
export const NO_TOKEN = "[no token]";
