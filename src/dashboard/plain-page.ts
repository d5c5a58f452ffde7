import type { Trouble } from "../app/snapshot.ts";

/** A page that says why there is no other. Needs neither style nor script. */
export function plainPage({ message, hint }: Trouble): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>piipe dashboard</title>
<h1>${escaped(message)}</h1>
<p>${escaped(hint ?? "")}</p>
<p><a href="/">Try again</a></p>
</html>
`;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${String(character.charCodeAt(0))};`);
