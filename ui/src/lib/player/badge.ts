/** What a tile may truthfully say of its camera. Pure. */

import type { Status, StreamState } from "../cameras.svelte";
import type { Coming } from "./types";

export type Badge = "live" | "connecting" | "stalled" | "offline" | "sleeping" | "ended" | "private" | "waiting";

/** Without a fragment for so long, what is seen is not now. */
export const QUIET_MS = 6000;

export interface Seen {
  /** As the server says; undefined: not known. */
  state: Pick<StreamState, "status" | "since"> | undefined;
  private: boolean;
  /** Of a player that runs here; undefined: none does. */
  coming?: Coming | undefined;
  since?: string | null | undefined;
  /** Since its newest picture, ms. */
  quietMs?: number | undefined;
  /** Whether the server tells us anything at the moment. */
  told: boolean;
}

const AWAY: readonly Status[] = ["offline", "stalled", "sleeping", "ended"];

export function badge(seen: Seen): { badge: Badge; since: string | null } {
  const { state, coming, quietMs = 0 } = seen;
  if (seen.private) return { badge: "private", since: null };
  const flows = coming === "live" && quietMs < QUIET_MS;
  // Pictures that come here are better proof than what was told a second ago; without them the camera's own state comes first.
  if (flows && state?.status !== "offline") return { badge: "live", since: null };
  if (coming === "offline") return { badge: "offline", since: seen.since ?? state?.since ?? null };
  if (state && AWAY.includes(state.status)) return { badge: state.status as Badge, since: state.since };
  if (!seen.told || coming === "lost") return { badge: "stalled", since: null };
  if (coming === "live") return { badge: "stalled", since: null };
  if (state?.status === "online") return coming === "waiting" ? { badge: "waiting", since: null } : { badge: "live", since: null };
  return { badge: "connecting", since: null };
}
