/** Light or dark: as the system has it, unless the user says otherwise. */

const KEY = "automix.theme";

type Theme = "system" | "light" | "dark";

export const colors = $state<{ theme: Theme; epoch: number }>({
  theme: (localStorage.getItem(KEY) as Theme | null) ?? "system",
  epoch: 0,
});

function apply(): void {
  if (colors.theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = colors.theme;
  colors.epoch += 1;
}

export function isDark(): boolean {
  if (colors.theme !== "system") return colors.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

export function switchTheme(): void {
  colors.theme = isDark() ? "light" : "dark";
  localStorage.setItem(KEY, colors.theme);
  apply();
}

/** A colour as a canvas takes it: the value that an element would have. */
export function resolved(element: HTMLElement, color: string): string {
  void colors.epoch; // what is drawn follows the theme
  element.style.color = color;
  return getComputedStyle(element).color;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (colors.epoch += 1));
apply();
