/** What the inbox shows now, in its order: one alert's page goes to the next of it. */

import type { Kind } from "./types";

export const around: { ids: { kind: Kind; id: string }[] } = { ids: [] };

/** The ones before (newer) and after (older). */
export function beside(id: string): { newer: { kind: Kind; id: string } | null; older: { kind: Kind; id: string } | null } {
  const at = around.ids.findIndex((one) => one.id === id);
  if (at < 0) return { newer: null, older: null };
  return { newer: around.ids[at - 1] ?? null, older: around.ids[at + 1] ?? null };
}
