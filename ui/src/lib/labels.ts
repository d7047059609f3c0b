/** Labels and counts of them as people say them. */

import { texts } from "../texts";

const plurals: Record<string, string> = texts.alerts.many;

export const many = (label: string) => plurals[label] ?? `${label}s`;

/** "2 person, 1 car" (as the status has it) → "2 people · 1 car". */
export function counted(now: string): string {
  const parts = now.split(", ").filter(Boolean);
  return parts
    .map((part) => {
      const [, count = "", label = part] = /^(\d+) (.+)$/.exec(part) ?? [];
      const name = label.replaceAll("_", " ");
      return count ? `${count} ${count === "1" ? name : many(name)}` : name;
    })
    .join(" · ");
}
