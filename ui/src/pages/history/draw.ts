/** The canvas of the timeline, drawn anew for every picture of the screen: from tiles that are painted once, and a few marks. */

import type { Tile } from "./lanes";
import { xOf } from "./scale";
import type { Tick } from "./ticks";
import type { AlertDot, Lane, Us, View } from "./types";

export const AXIS = 28;
export const LANE = 40;
const GAP = 4;
const COVER = 5;
const DOT = 4.5;

export interface Colours {
  ground: string;
  surface: string;
  line: string;
  text: string;
  quiet: string;
  accent: string;
  info: string;
  cover: string;
  motion: string;
}

export interface Scene {
  view: View;
  width: number;
  /** Device pixels in a CSS pixel. */
  dpr: number;
  cameras: string[];
  tiles: readonly Tile[];
  ticks: Tick[];
  at: Us;
  now: Us;
  hover: Us | null;
  selection: [Us, Us] | null;
  colours: Colours;
}

export function colours(of: Element): Colours {
  const style = getComputedStyle(of);
  const get = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const [text, quiet] = [get("text"), get("quiet")];
  return { ground: get("ground"), surface: get("surface"), line: get("line"), text, quiet, accent: get("accent"), info: get("info"), cover: get("line-strong"), motion: quiet };
}

export const heightOf = (cameras: number) => AXIS + cameras * LANE + 2;
export const laneAt = (y: number) => Math.floor((y - AXIS) / LANE);

export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, dpr, cameras, colours } = scene;
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, width, heightOf(cameras.length));
  grid(context, scene);
  cameras.forEach((camera, n) => lane(context, scene, camera, AXIS + n * LANE));
  future(context, scene);
  chosen(context, scene);
  cursor(context, scene);
}

function grid(context: CanvasRenderingContext2D, { ticks, view, width, cameras, colours }: Scene): void {
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const bottom = heightOf(cameras.length);
  for (const { time, text, major } of ticks) {
    const x = Math.round(xOf(view, width, time)) + 0.5;
    context.fillStyle = colours.line;
    context.fillRect(x - 0.5, major ? 0 : AXIS - 6, 1, major ? bottom : 6);
    context.globalAlpha = 0.4;
    context.fillRect(x - 0.5, AXIS, 1, bottom - AXIS);
    context.globalAlpha = 1;
    context.fillStyle = major ? colours.text : colours.quiet;
    context.fillText(text, x + 4, AXIS / 2);
  }
}

function lane(context: CanvasRenderingContext2D, scene: Scene, camera: string, top: number): void {
  const { view, width, tiles, colours } = scene;
  const high = LANE - GAP;
  context.fillStyle = colours.surface;
  context.fillRect(0, top, width, high);
  context.imageSmoothingEnabled = false;
  for (const tile of tiles) {
    const known = tile.lanes.get(camera);
    if (!known) continue;
    const [x1, x2] = [xOf(view, width, tile.from), xOf(view, width, tile.to)];
    // A finer tile covers what a coarser one said of the same time.
    if (tiles.length > 1) {
      context.fillStyle = colours.surface;
      context.fillRect(x1, top, x2 - x1, high);
    }
    context.drawImage(painted(tile, known, scene), x1, top, x2 - x1, high);
    gaps(context, tile, known, scene, top);
  }
  for (const tile of tiles) {
    const known = tile.lanes.get(camera);
    if (known) dots(context, tile, known, scene, top);
  }
}

/** Coverage and motion of a tile, a bucket a pixel. */
function painted(tile: Tile, known: Lane, { dpr, colours }: Scene): OffscreenCanvas {
  const had = tile.painted.get(known.camera);
  if (had) return had;
  const [wide, high] = [known.footage.length, Math.round((LANE - GAP) * dpr)];
  const made = new OffscreenCanvas(wide, high);
  const context = made.getContext("2d")!;
  const cover = Math.round(COVER * dpr);
  for (let n = 0; n < wide; n += 1) {
    const share = known.footage[n] ?? 0;
    if (share <= 0) continue;
    context.globalAlpha = 0.45 + 0.55 * share;
    context.fillStyle = colours.cover;
    context.fillRect(n, high - cover, 1, cover);
    const motion = known.motion[n] ?? 0;
    if (motion <= 0) continue;
    // The root: a cat far away is still something.
    const tall = Math.max(1, Math.round(Math.sqrt(motion) * (high - cover - 2 * dpr)));
    context.globalAlpha = 0.75;
    context.fillStyle = colours.motion;
    context.fillRect(n, high - cover - tall, 1, tall);
  }
  tile.painted.set(known.camera, made);
  return made;
}

/** Hatched in pixels of the screen, so that it looks the same at every zoom. What has not been yet is no gap. */
function gaps(context: CanvasRenderingContext2D, tile: Tile, known: Lane, { view, width, colours, now }: Scene, top: number): void {
  const count = known.footage.length;
  const long = (tile.to - tile.from) / count;
  context.save();
  context.beginPath();
  let any = false;
  for (let n = 0; n < count; n += 1) {
    if ((known.footage[n] ?? 0) > 0 || !known.reasons[n]) continue;
    const first = n;
    while (n + 1 < count && !((known.footage[n + 1] ?? 0) > 0) && known.reasons[n + 1]) n += 1;
    const x1 = Math.max(0, xOf(view, width, tile.from + first * long));
    const x2 = Math.min(width, xOf(view, width, Math.min(now, tile.from + (n + 1) * long)));
    if (x2 <= x1) continue;
    context.rect(x1, top, x2 - x1, LANE - GAP);
    any = true;
  }
  if (any) {
    context.clip();
    context.globalAlpha = 0.7;
    context.fillStyle = hatching(context, colours.line);
    context.fillRect(0, top, width, LANE - GAP);
  }
  context.restore();
}

const patterns = new Map<string, CanvasPattern>();

function hatching(context: CanvasRenderingContext2D, colour: string): CanvasPattern {
  const had = patterns.get(colour);
  if (had) return had;
  const tile = new OffscreenCanvas(8, 8);
  const pen = tile.getContext("2d")!;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const x of [-8, 0, 8]) {
    pen.moveTo(x - 1, 9);
    pen.lineTo(x + 9, -1);
  }
  pen.stroke();
  const made = context.createPattern(tile, "repeat")!;
  patterns.set(colour, made);
  return made;
}

/** Alerts as marks by label; where there are too many, how many. */
function dots(context: CanvasRenderingContext2D, tile: Tile, known: Lane, { view, width, colours }: Scene, top: number): void {
  const y = top + 9;
  if (known.alerts.length) {
    for (const alert of known.alerts) {
      const x = xOf(view, width, Date.parse(alert.time) * 1000);
      if (x < -DOT || x > width + DOT) continue;
      if (alert.end) bar(context, x, xOf(view, width, Date.parse(alert.end) * 1000), y, alert.severity === "alert" ? colours.accent : colours.info);
      mark(context, alert, x, y, colours);
    }
    return;
  }
  const long = (tile.to - tile.from) / known.counts.length;
  const most = Math.max(...known.counts);
  if (!most) return;
  context.fillStyle = colours.accent;
  known.counts.forEach((count, n) => {
    if (!count) return;
    const tall = 2 + (count / most) * 12;
    context.fillRect(xOf(view, width, tile.from + n * long), top + 1, Math.max(1, (long / (view.to - view.from)) * width), tall);
  });
}

function bar(context: CanvasRenderingContext2D, x1: number, x2: number, y: number, colour: string): void {
  if (x2 - x1 < 4) return;
  context.globalAlpha = 0.45;
  context.fillStyle = colour;
  context.fillRect(x1, y - 1.5, x2 - x1, 3);
  context.globalAlpha = 1;
}

export type Shape = "circle" | "square" | "triangle" | "diamond";
const VEHICLES = new Set(["car", "truck", "bus", "motorcycle", "bicycle", "train", "boat"]);
const ANIMALS = new Set(["dog", "cat", "bird", "horse", "sheep", "cow", "bear", "fox", "deer"]);

/** People are round, vehicles square, animals triangles, anything else a diamond: told apart without colour. */
export function shapeOf(label: string): Shape {
  if (label === "person" || label === "face") return "circle";
  if (VEHICLES.has(label)) return "square";
  return ANIMALS.has(label) ? "triangle" : "diamond";
}

function mark(context: CanvasRenderingContext2D, alert: AlertDot, x: number, y: number, colours: Colours): void {
  context.beginPath();
  const d = DOT;
  switch (shapeOf(alert.label)) {
    case "circle":
      context.arc(x, y, d, 0, 7);
      break;
    case "square":
      context.rect(x - d + 0.5, y - d + 0.5, 2 * d - 1, 2 * d - 1);
      break;
    case "triangle":
      context.moveTo(x, y - d);
      context.lineTo(x + d, y + d - 1);
      context.lineTo(x - d, y + d - 1);
      context.closePath();
      break;
    default:
      context.moveTo(x, y - d);
      context.lineTo(x + d, y);
      context.lineTo(x, y + d);
      context.lineTo(x - d, y);
      context.closePath();
  }
  context.fillStyle = alert.severity === "alert" ? colours.accent : colours.info;
  context.fill();
  context.strokeStyle = colours.surface;
  context.lineWidth = 1;
  context.stroke();
}

function future(context: CanvasRenderingContext2D, { view, width, now, cameras, colours }: Scene): void {
  const x = xOf(view, width, now);
  if (x >= width) return;
  context.fillStyle = colours.ground;
  context.fillRect(Math.max(0, x), AXIS, width, heightOf(cameras.length) - AXIS);
  context.fillStyle = colours.quiet;
  context.fillRect(x, AXIS - 4, 1.5, heightOf(cameras.length) - AXIS + 4);
}

function chosen(context: CanvasRenderingContext2D, { selection, view, width, cameras, colours }: Scene): void {
  if (!selection) return;
  const [a, b] = [xOf(view, width, selection[0]), xOf(view, width, selection[1])];
  const high = heightOf(cameras.length);
  context.globalAlpha = 0.18;
  context.fillStyle = colours.text;
  context.fillRect(a, 0, b - a, high);
  context.globalAlpha = 1;
  for (const x of [a, b]) {
    context.fillRect(x - 1, 0, 2, high);
    context.beginPath();
    context.roundRect(x - 5, 4, 10, AXIS - 8, 4);
    context.fill();
  }
}

function cursor(context: CanvasRenderingContext2D, { at, hover, view, width, cameras, colours }: Scene): void {
  const high = heightOf(cameras.length);
  if (hover !== null) {
    context.globalAlpha = 0.5;
    context.fillStyle = colours.text;
    context.fillRect(xOf(view, width, hover) - 0.5, AXIS, 1, high);
    context.globalAlpha = 1;
  }
  const x = xOf(view, width, at);
  context.fillStyle = colours.text;
  context.fillRect(x - 1, 0, 2, high);
  context.beginPath();
  context.moveTo(x - 6, 0);
  context.lineTo(x + 6, 0);
  context.lineTo(x, 8);
  context.fill();
}
