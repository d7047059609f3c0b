/** A day of one camera, drawn: footage solid, gaps hatched, motion as height, alerts as dots. Times are UTC ms. */

export interface Span {
  from: number;
  to: number;
}

/** Of `/api/lanes`; the lists are as long as there are buckets. */
export interface Lane {
  footage: number[];
  motion: (number | null)[];
  reasons: (string | null)[];
  alerts: { time: string; severity: string }[];
  counts: number[];
}

const HEIGHT = 44;
const FLOOR = 8;

export const xOf = (time: number, width: number, { from, to }: Span) => ((time - from) / (to - from)) * width;

export function timeAt(x: number, width: number, { from, to }: Span): number {
  return from + Math.min(1, Math.max(0, x / width)) * (to - from);
}

/** Little motion must be seen beside much: the square root of it. */
export function heightOf(motion: number | null | undefined): number {
  return motion ? Math.min(1, Math.sqrt(motion) * 1.6) * (HEIGHT - FLOOR - 8) : 0;
}

export function painted(canvas: HTMLCanvasElement, width: number, span: Span, lane: Lane | undefined): void {
  const scale = devicePixelRatio;
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(HEIGHT * scale)];
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.fillStyle = colour("ground");
  pen.fillRect(0, 0, width, HEIGHT);
  if (!lane) return;
  const wide = width / lane.footage.length;
  lane.footage.forEach((share, at) => {
    const x = at * wide;
    if (share > 0) {
      pen.fillStyle = colour("line-strong");
      pen.globalAlpha = 0.35 + 0.65 * share;
      pen.fillRect(x, HEIGHT - FLOOR, wide + 0.5, FLOOR);
      pen.globalAlpha = 1;
    } else if (lane.reasons[at]) hatched(pen, x, wide, colour("warn"));
    const high = heightOf(lane.motion[at]);
    pen.fillStyle = colour("info");
    pen.fillRect(x, HEIGHT - FLOOR - high, wide + 0.5, high);
  });
  pen.fillStyle = colour("accent");
  for (const x of dots(lane, width, span)) {
    pen.beginPath();
    pen.arc(x, 5, 3.5, 0, 7);
    pen.fill();
  }
}

/** Where alerts are; of more than can be told apart, one for each bucket. */
function dots(lane: Lane, width: number, span: Span): number[] {
  if (lane.alerts.length) return lane.alerts.map((alert) => xOf(Date.parse(alert.time), width, span));
  return lane.counts.flatMap((count, at) => (count ? [((at + 0.5) / lane.counts.length) * width] : []));
}

function hatched(pen: CanvasRenderingContext2D, x: number, wide: number, colour: string): void {
  pen.fillStyle = colour;
  for (let y = 0; y < FLOOR; y += 4) pen.fillRect(x, HEIGHT - FLOOR + y, wide + 0.5, 1.5);
}
