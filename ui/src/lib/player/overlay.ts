/** What is drawn over a picture: which observation belongs to what is seen, and where its boxes are. Pure. */

export interface Seen {
  time: string;
  motion: number;
  regions: [number, number, number, number][];
  tracks: { id: string; label: string; score: number; state: string; box: [number, number, number, number] | null }[];
}

/** Nothing is drawn that was seen longer ago than this. */
const OLD_MS = 2000;
const KEPT = 200;

/** Observations in the order they came; those of what was shown long ago are forgotten. */
export function kept(all: readonly Seen[], one: Seen): Seen[] {
  return [...all.slice(-KEPT), one];
}

/** The newest one that is not after the picture; `shownMs` undefined: the newest of all. */
export function belonging(all: readonly Seen[], shownMs: number | undefined): Seen | undefined {
  if (shownMs === undefined) return all.at(-1);
  const found = all.findLast((one) => Date.parse(one.time) <= shownMs + 40);
  return found && shownMs - Date.parse(found.time) < OLD_MS ? found : undefined;
}

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where a picture of this size lies in a box when all of it is seen (or, `cover`, when it fills the box). */
export function placed(box: { width: number; height: number }, ratio: number, cover = false): Area {
  const wide = box.width / box.height > ratio;
  const byHeight = wide !== cover;
  const width = byHeight ? box.height * ratio : box.width;
  const height = byHeight ? box.height : box.width / ratio;
  return { x: (box.width - width) / 2, y: (box.height - height) / 2, width, height };
}
