/** Outlines on a picture: points are shares of it, 0–1, in order around the area. Pure. */

export type Point = [number, number];

/** `x,y,x,y,…`, lists of it, or pixels of a picture of `size`; empty: not an outline. */
export function parsed(value: unknown, size: Point = [1, 1]): Point[] {
  const inner = typeof value === "object" && value !== null && "coordinates" in value ? value.coordinates : value;
  const numbers = (Array.isArray(inner) ? inner.flat(3).join(",") : String(inner ?? "")).split(",").map(Number);
  if (numbers.length < 6 || numbers.length % 2 || numbers.some((one) => !Number.isFinite(one))) return [];
  const pixels = Math.max(...numbers) > 1;
  const [width, height] = pixels ? size : [1, 1];
  const points: Point[] = [];
  for (let n = 0; n < numbers.length; n += 2) points.push([numbers[n]! / width, numbers[n + 1]! / height]);
  return points;
}

export const written = (points: readonly Point[]) => points.map(([x, y]) => `${round(x)},${round(y)}`).join(",");
const round = (share: number) => Number(share.toFixed(4));

export const clamped = ([x, y]: Point): Point => [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];

/** Whether a point is inside (even-odd). */
export function inside([x, y]: Point, points: readonly Point[]): boolean {
  let odd = false;
  for (let n = 0, before = points.length - 1; n < points.length; before = n++) {
    const [x1, y1] = points[n]!;
    const [x2, y2] = points[before]!;
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  }
  return odd;
}

/** Whether two sides that are no neighbours cross. */
export function crosses(points: readonly Point[]): boolean {
  const side = (n: number): [Point, Point] => [points[n % points.length]!, points[(n + 1) % points.length]!];
  for (let a = 0; a < points.length; a++)
    for (let b = a + 2; b < points.length; b++) {
      if (a === 0 && b === points.length - 1) continue;
      const [p, q] = side(a);
      const [r, s] = side(b);
      if (turn(p, q, r) * turn(p, q, s) < 0 && turn(r, s, p) * turn(r, s, q) < 0) return true;
    }
  return false;
}
const turn = ([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point) => (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);

/** To the edges of the picture, to corners and then sides of other outlines, when nearer than `px` on a picture of `size` pixels. */
export function snapped(point: Point, others: readonly (readonly Point[])[], size: Point, px = 9): Point {
  const far = (a: Point, b: Point) => Math.hypot((a[0] - b[0]) * size[0], (a[1] - b[1]) * size[1]);
  const corners = others.flat().map((one) => [...one] as Point);
  const corner = nearest(point, corners, far);
  if (corner && far(corner, point) <= px) return corner;
  const feet = others.flatMap((points) => points.map((one, n) => foot(point, one, points[(n + 1) % points.length]!, size)));
  const side = nearest(point, feet, far);
  const [x, y] = side && far(side, point) <= px ? side : point;
  const edge = (share: number, length: number) => (share * length <= px ? 0 : (1 - share) * length <= px ? 1 : share);
  return [edge(x, size[0]), edge(y, size[1])];
}

function nearest(point: Point, all: Point[], far: (a: Point, b: Point) => number): Point | undefined {
  return all.reduce<Point | undefined>((best, one) => (!best || far(one, point) < far(best, point) ? one : best), undefined);
}

/** The point of a side that is nearest. */
function foot([px, py]: Point, [ax, ay]: Point, [bx, by]: Point, [w, h]: Point): Point {
  const [dx, dy] = [(bx - ax) * w, (by - ay) * h];
  const along = ((px - ax) * w * dx + (py - ay) * h * dy) / (dx * dx + dy * dy || 1);
  const share = Math.min(1, Math.max(0, along));
  return [ax + (bx - ax) * share, ay + (by - ay) * share];
}
