/**
 * Where the tiles of a wall go: in rows, each tile as wide as its picture is, without gaps. Pure.
 *
 * Of all ways to cut the sequence into rows, the one whose rows are most alike is taken for each number of rows; and of the numbers of
 * rows the one that shows the most picture.
 */

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

/** @param ratios width by height of each @returns a place for each, whole pixels, all within `size` */
export function packed(ratios: readonly number[], size: Size): Rect[] {
  if (ratios.length === 0 || size.width < 1 || size.height < 1) return [];
  let best: { scale: number; rows: number[][]; area: number } | undefined;
  for (const rows of cuts(ratios)) {
    const height = rows.reduce((sum, row) => sum + size.width / total(ratios, row), 0);
    const scale = Math.min(1, size.height / height);
    const area = size.width * height * scale * scale;
    if (!best || area > best.area + 1e-9) best = { scale, rows, area };
  }
  return laid(ratios, best!.rows, size, best!.scale);
}

/** One below the other, as wide as there is room: a phone. It may be higher than the screen. */
export function column(ratios: readonly number[], width: number): Rect[] {
  let y = 0;
  return ratios.map((ratio) => {
    const height = Math.round(width / ratio);
    y += height;
    return { x: 0, y: y - height, width, height };
  });
}

/** Edges are rounded, not sizes: neighbours share theirs. */
function laid(ratios: readonly number[], rows: number[][], size: Size, scale: number): Rect[] {
  const width = size.width * scale;
  const heights = rows.map((row) => (size.width / total(ratios, row)) * scale);
  const left = (size.width - width) / 2;
  let bottom = (size.height - heights.reduce((sum, height) => sum + height, 0)) / 2;
  return rows.flatMap((row, at) => {
    const [top, height] = [bottom, heights[at]!];
    bottom += height;
    let right = left;
    return row.map((tile) => {
      const from = right;
      right += ratios[tile]! * height;
      return {
        x: Math.round(from),
        y: Math.round(top),
        width: Math.round(right) - Math.round(from),
        height: Math.round(bottom) - Math.round(top),
      };
    });
  });
}

const total = (ratios: readonly number[], row: number[]) => row.reduce((sum, tile) => sum + ratios[tile]!, 0);

/** For each number of rows the cut whose rows' widths differ least (least squares, by dynamic programming). */
function cuts(ratios: readonly number[]): number[][][] {
  const n = ratios.length;
  const sums = [0];
  for (const ratio of ratios) sums.push(sums.at(-1)! + ratio);
  // cost[k][i]: of the first i tiles in k rows; from[k][i]: where the last of those rows begins.
  const cost = [[0, ...Array<number>(n).fill(Infinity)]];
  const from: number[][] = [[]];
  const found: number[][][] = [];
  for (let k = 1; k <= n; k++) {
    const before = cost[k - 1]!;
    const now = Array<number>(n + 1).fill(Infinity);
    const begins = Array<number>(n + 1).fill(0);
    for (let i = k; i <= n; i++)
      for (let j = k - 1; j < i; j++) {
        const width = sums[i]! - sums[j]!;
        const sum = before[j]! + width * width;
        if (sum < now[i]!) [now[i], begins[i]] = [sum, j];
      }
    cost.push(now);
    from.push(begins);
    found.push(rowsOf(from, k, n));
  }
  return found;
}

function rowsOf(from: number[][], k: number, n: number): number[][] {
  const rows: number[][] = [];
  for (let end = n; k > 0; k--) {
    const start = from[k]![end]!;
    rows.unshift(Array.from({ length: end - start }, (_, at) => start + at));
    end = start;
  }
  return rows;
}

/** The cameras in the order a person likes; new ones behind. */
export function ordered(cameras: readonly string[], liked: readonly string[]): string[] {
  const known = liked.filter((id) => cameras.includes(id));
  return [...known, ...cameras.filter((id) => !known.includes(id))];
}

/** With `id` at place `to`. */
export function moved(order: readonly string[], id: string, to: number): string[] {
  const others = order.filter((one) => one !== id);
  const at = Math.max(0, Math.min(others.length, to));
  return [...others.slice(0, at), id, ...others.slice(at)];
}

/** Most players at once: more than that many decoders are not smooth anywhere. */
export const MOST_PLAYERS = 9;

export interface Candidate {
  id: string;
  seen: boolean;
  hovered: boolean;
  large: boolean;
  moving: boolean;
}

/** Which tiles show video: what is pointed at, then what is large, then where something moves. */
export function playing(tiles: readonly Candidate[], most = MOST_PLAYERS): Set<string> {
  const wants = (one: Candidate) => (one.hovered ? 3 : one.large ? 2 : one.moving ? 1 : 0);
  const wanted = tiles.filter((one) => one.seen && wants(one) > 0).toSorted((a, b) => wants(b) - wants(a));
  return new Set(wanted.slice(0, most).map((one) => one.id));
}
