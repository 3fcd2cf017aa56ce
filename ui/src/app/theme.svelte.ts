// Light or dark: follows the system until the person chooses. Paper is always light.
export type Theme = "system" | "light" | "dark";
const KEPT_AS = "phitak-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEPT_AS);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

let chosen = $state<Theme>(kept());

function apply(): void {
  const shown = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset["theme"] = shown;
}

export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  set(next: Theme): void {
    chosen = next;
    try {
      localStorage.setItem(KEPT_AS, next);
    } catch {
      // Not kept: it still changes for this visit.
    }
    apply();
  },
};

export function startTheme(): void {
  apply();
  dark.addEventListener("change", apply);
  addEventListener("beforeprint", () => (document.documentElement.dataset["theme"] = "light"));
  addEventListener("afterprint", apply);
}
