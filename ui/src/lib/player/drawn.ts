/** Draws zones, moving regions and boxes over a live picture. */

import { placed, type Area, type Seen } from "./overlay";

export interface Layers {
  boxes: boolean;
  motion: boolean;
  zones: Record<string, [number, number][]>;
  cover: boolean;
  /** Width by height of the picture. */
  ratio: number;
}

type Pen = CanvasRenderingContext2D;
const DARK = "rgb(8 10 13 / 72%)";
const LINE = 20;

export function drawn(canvas: HTMLCanvasElement, layers: Layers, seen: Seen | undefined): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const pen = canvas.getContext("2d");
  if (!pen || !width) return;
  const area = placed({ width, height }, layers.ratio, layers.cover);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "600 13px system-ui, sans-serif";
  for (const [name, corners] of Object.entries(layers.zones)) zone(pen, area, name, corners);
  if (layers.motion) for (const region of seen?.regions ?? []) outline(pen, area, region, "#e2b13c");
  for (const { box, label, score, state } of layers.boxes ? (seen?.tracks ?? []) : []) {
    if (!box) continue;
    const { x, y } = outline(pen, area, box, state === "stationary" ? "#a3b0bf" : "#ffffff");
    note(pen, x - 1, y - LINE, `${label.replaceAll("_", " ")} ${Math.round(score * 100)} %`);
  }
}

function outline(pen: Pen, area: Area, [x1, y1, x2, y2]: [number, number, number, number], colour: string) {
  const [x, y] = [area.x + x1 * area.width, area.y + y1 * area.height];
  const [width, height] = [(x2 - x1) * area.width, (y2 - y1) * area.height];
  // Dark below, so that it is seen on snow too.
  for (const [style, thick] of [[DARK, 4], [colour, 2]] as const) {
    pen.strokeStyle = style;
    pen.lineWidth = thick;
    pen.strokeRect(x, y, width, height);
  }
  return { x, y };
}

function zone(pen: Pen, area: Area, name: string, corners: [number, number][]): void {
  if (!corners.length) return;
  const points = corners.map(([x, y]) => [area.x + x * area.width, area.y + y * area.height] as const);
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.closePath();
  pen.fillStyle = "rgb(110 168 230 / 16%)";
  pen.fill();
  pen.strokeStyle = "#6ea8e6";
  pen.lineWidth = 2;
  pen.stroke();
  const [left, top] = [Math.min(...points.map(([x]) => x)), Math.min(...points.map(([, y]) => y))];
  note(pen, left + 6, top + 6, name);
}

function note(pen: Pen, x: number, y: number, text: string): void {
  const top = Math.max(0, y);
  pen.fillStyle = DARK;
  pen.fillRect(x, top, pen.measureText(text).width + 10, LINE);
  pen.fillStyle = "#fff";
  pen.textBaseline = "middle";
  pen.fillText(text, x + 5, top + LINE / 2 + 1);
}
