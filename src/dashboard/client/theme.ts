import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const STORED_AS = "piipe.theme";
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

/** What the viewer chose, until then what the system prefers. */
export const theme = signal<Theme>(chosenTheme() ?? systemTheme());

export function applyTheme(): void {
  systemIsDark.addEventListener("change", () => {
    if (chosenTheme() === null) theme.value = systemTheme();
  });
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
}

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(STORED_AS, theme.value);
  } catch {
    // A browser that stores nothing: it lasts as long as the page.
  }
}

function chosenTheme(): Theme | null {
  try {
    const stored = localStorage.getItem(STORED_AS);
    return stored === "light" || stored === "dark" ? stored : null;
  } catch {
    return null;
  }
}

function systemTheme(): Theme {
  return systemIsDark.matches ? "dark" : "light";
}
