/** How a person likes to look at a camera; kept under `camera`. */

import type { Method, Stream } from "../../lib/player/types";
import { preferences } from "../../lib/preferences.svelte";

export interface Sees {
  method: Method | "auto";
  stream: Stream;
  boxes: boolean;
  zones: boolean;
  motion: boolean;
  figures: boolean;
}

const FIRST: Sees = { method: "auto", stream: "auto", boxes: false, zones: false, motion: false, figures: false };

export function sees(): Sees {
  return { ...FIRST, ...preferences.get<Partial<Sees>>("camera", {}) };
}

export function see(change: Partial<Sees>): void {
  preferences.set("camera", { ...sees(), ...change });
}
