/** Where something was at a time, from the points of its path. Pure. Times are µs; boxes [x1, y1, x2, y2], 0–1 of the picture. */

export type Box = [number, number, number, number];
/** µs, x1, y1, x2, y2, score. */
export type Point = readonly [number, number, number, number, number, number];

/** A point may be missing for so long, and it is still the same movement: points are thinned while something stands. */
const HOLDS_US = 12_000_000;
const AFTER_US = 600_000;

/** Between the points before and after; null: it was not there. */
export function boxAt(points: readonly Point[], time: number): { box: Box; score: number } | null {
  const next = firstAfter(points, time);
  const before = points[next - 1];
  const after = points[next];
  if (!before) return null;
  const [t0, ...b0] = before;
  if (!after) return time - t0 <= AFTER_US ? { box: corners(before), score: b0[4] } : null;
  if (after[0] - t0 > HOLDS_US) return time - t0 <= AFTER_US ? { box: corners(before), score: b0[4] } : null;
  const share = (time - t0) / (after[0] - t0 || 1);
  const box = corners(before).map((value, n) => value + (corners(after)[n]! - value) * share) as Box;
  return { box, score: b0[4] };
}

/** The way its feet went until a time, as [x, y]. */
export function pathUntil(points: readonly Point[], time: number): [number, number][] {
  return points.slice(0, firstAfter(points, time)).map(([, x1, , x2, y2]) => [(x1 + x2) / 2, y2]);
}

function corners(point: Point): Box {
  return [point[1], point[2], point[3], point[4]];
}

/** The place of the first point later than a time. */
function firstAfter(points: readonly Point[], time: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]![0] <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
