import { computed, effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const THEME_CHOICES = ["system", "light", "dark"] as const;
/** `system`: what the system prefers, also when that changes. */
export type ThemeChoice = (typeof THEME_CHOICES)[number];

const STORED_AS = "piipe.theme";
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = signal(systemPrefers());

export const themeChoice = signal(storedChoice());

export const theme = computed<Theme>(() => (themeChoice.value === "system" ? systemTheme.value : themeChoice.value));

export function applyTheme(): void {
  prefersDark.addEventListener("change", () => {
    systemTheme.value = systemPrefers();
  });
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
}

/** What a press of the theme's button chooses. */
export function nextThemeChoice(): ThemeChoice {
  return THEME_CHOICES[(THEME_CHOICES.indexOf(themeChoice.value) + 1) % THEME_CHOICES.length] ?? "system";
}

export function chooseTheme(choice: ThemeChoice): void {
  themeChoice.value = choice;
  try {
    if (choice === "system") localStorage.removeItem(STORED_AS);
    else localStorage.setItem(STORED_AS, choice);
  } catch {
    // A browser that stores nothing: it lasts as long as the page.
  }
}

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(STORED_AS);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

function systemPrefers(): Theme {
  return prefersDark.matches ? "dark" : "light";
}
