/** Dark, light, or as the system says. */

import { preferences } from "./preferences.svelte";

export type Theme = "system" | "dark" | "light";

export const theme = {
  get now(): Theme {
    return preferences.get<Theme>("theme", "system");
  },
  set(theme: Theme) {
    preferences.set("theme", theme);
  },
};

/** Into the page; call it in an effect. */
export function showTheme(): void {
  if (theme.now === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.now;
}
