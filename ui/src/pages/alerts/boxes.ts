/** Moving and resizing a box within the picture, 0–1. Pure. */

import type { Box } from "./types";

export type Corner = "tl" | "tr" | "bl" | "br";
const LEAST = 0.004;
const within = (value: number, low = 0, high = 1) => Math.min(high, Math.max(low, value));

export function moved([x1, y1, x2, y2]: Box, dx: number, dy: number): Box {
  const x = within(dx, -x1, 1 - x2);
  const y = within(dy, -y1, 1 - y2);
  return [x1 + x, y1 + y, x2 + x, y2 + y];
}

export function resized([x1, y1, x2, y2]: Box, corner: Corner, dx: number, dy: number): Box {
  if (corner.endsWith("l")) x1 = within(x1 + dx, 0, x2 - LEAST);
  else x2 = within(x2 + dx, x1 + LEAST);
  if (corner.startsWith("t")) y1 = within(y1 + dy, 0, y2 - LEAST);
  else y2 = within(y2 + dy, y1 + LEAST);
  return [x1, y1, x2, y2];
}

export function drawn([ax, ay]: [number, number], [bx, by]: [number, number]): Box {
  return [within(Math.min(ax, bx)), within(Math.min(ay, by)), within(Math.max(ax, bx)), within(Math.max(ay, by))];
}
