/** Where one can go, for whom. */

import { Activity, Bell, ChartColumn, History, ListChecks, Settings, Video } from "@lucide/svelte";
import type { session as Mine } from "../lib/session.svelte";

/** `phone`: beside the others in the bar of a phone; the rest is behind "More". */
export function places(session: typeof Mine) {
  const all = [
    { to: "live", key: "l", icon: Video, may: session.may("live"), phone: true },
    { to: "alerts", key: "a", icon: Bell, may: session.may("history"), phone: true },
    { to: "history", key: "h", icon: History, may: session.may("history"), phone: true },
    { to: "rules", key: "r", icon: ListChecks, may: session.may("configure"), phone: false },
    { to: "insights", key: "i", icon: ChartColumn, may: session.may("history"), phone: false },
    { to: "setup", key: "s", icon: Settings, may: session.may("configure"), phone: true },
    { to: "system", key: "y", icon: Activity, may: session.may("configure"), phone: false },
  ] as const;
  return all.filter((one) => one.may);
}

/** The place in the menu that a page belongs to. */
export const BELONGS: Record<string, string> = { camera: "live", event: "alerts", gallery: "alerts" };
