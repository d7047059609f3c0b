/** Filters a person keeps, beside those everybody has. */

import { preferences } from "../../lib/preferences.svelte";
import { texts } from "../../texts";

export interface Kept {
  name: string;
  query: string;
}

const MOST = 30;

function own(): Kept[] {
  const found = preferences.get<unknown>("filters", []);
  return Array.isArray(found) ? (found as Kept[]) : [];
}

export const saved = {
  /** Reactive. */
  get shown(): (Kept & { own: boolean })[] {
    const names = texts.alerts.presets;
    const given = [
      { name: names.people, query: "label=person&when=night" },
      { name: names.open, query: "reviewed=0" },
    ];
    return [...given.map((one) => ({ ...one, own: false })), ...own().map((one) => ({ ...one, own: true }))];
  },
  add(name: string, query: string): void {
    const others = own().filter((one) => one.name !== name);
    preferences.set("filters", [...others, { name: name.slice(0, 80), query }].slice(-MOST));
  },
  drop(name: string): void {
    preferences.set(
      "filters",
      own().filter((one) => one.name !== name),
    );
  },
};
