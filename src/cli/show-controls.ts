/** A text as it may be shown at a terminal, which would obey the control sequences in it: those are written out. */
export function showControls(text: string): string {
  return text.replace(/[^\P{Cc}\t\n]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
