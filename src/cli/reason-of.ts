/** Why, for the audit: a reason of blanks is none. */
export function reasonOf(text: string | null): string | null {
  const reason = text?.trim() ?? "";
  return reason === "" ? null : reason;
}
