/** Fingers, mouse and wheel on the timeline: what each does to the view, the selection and the clock. */

import { length, panned, pinched, timeAt, xOf, zoomed } from "./scale";
import type { Us, View } from "./types";

export interface Told {
  view: () => View;
  width: () => number;
  look: (view: View) => void;
  seek: (time: Us, y: number) => void;
  hover: (at: { time: Us; x: number; y: number; pageX: number } | null) => void;
  selection: () => [Us, Us] | null;
  select: (range: [Us, Us] | null) => void;
}

type Grip = { kind: "pan" | "select" | "edge"; x: number; time: Us; from: View; moved: boolean; other: Us };
const CLICK_PX = 4;
const EDGE_PX = 10;
const LINE_PX = 16;

export function pointing(element: HTMLElement, told: Told): () => void {
  const fingers = new Map<number, number>();
  let pinch: { from: View; held: [number, number] } | null = null;
  let grip: Grip | null = null;

  const place = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const time = (x: number) => timeAt(told.view(), told.width(), x);

  /** The end of the selection under the pointer: the other one stays. */
  function edge(x: number): Us | null {
    const range = told.selection();
    if (!range) return null;
    const [a, b] = range.map((one) => Math.abs(xOf(told.view(), told.width(), one) - x)) as [number, number];
    if (Math.min(a, b) > EDGE_PX) return null;
    return a < b ? range[1] : range[0];
  }

  function down(event: PointerEvent) {
    if (event.button !== 0) return;
    const { x } = place(event);
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, x);
    told.hover(null);
    if (fingers.size === 2) {
      pinch = { from: told.view(), held: [...fingers.values()] as [number, number] };
      grip = null;
      return;
    }
    const other = edge(x);
    const kind = other !== null ? "edge" : event.shiftKey ? "select" : "pan";
    grip = { kind, x, time: time(x), from: told.view(), moved: false, other: other ?? time(x) };
  }

  function move(event: PointerEvent) {
    const { x, y } = place(event);
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, x);
    if (pinch && fingers.size === 2) {
      told.look(pinched(pinch.from, told.width(), pinch.held, [...fingers.values()] as [number, number]));
    } else if (grip) {
      drag(x);
    } else if (event.pointerType === "mouse") {
      element.style.cursor = edge(x) !== null ? "ew-resize" : event.shiftKey ? "col-resize" : "";
      told.hover({ time: time(x), x, y, pageX: event.clientX });
    }
  }

  function drag(x: number) {
    if (!grip || (!grip.moved && Math.abs(x - grip.x) < CLICK_PX)) return;
    grip.moved = true;
    if (grip.kind === "pan") told.look(panned(grip.from, ((grip.x - x) / told.width()) * length(grip.from)));
    else told.select(ordered(grip.other, time(x)));
  }

  function up(event: PointerEvent) {
    fingers.delete(event.pointerId);
    if (fingers.size) return;
    const { x, y } = place(event);
    if (grip && !grip.moved && !pinch && event.type === "pointerup") told.seek(time(x), y);
    grip = null;
    pinch = null;
  }

  function wheel(event: WheelEvent) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const { x } = place(event);
    if (Math.abs(dx) > Math.abs(dy)) told.look(panned(told.view(), (dx / told.width()) * length(told.view())));
    else told.look(zoomed(told.view(), x / told.width(), 1.0016 ** Math.max(-300, Math.min(300, dy))));
  }

  const leave = () => !grip && told.hover(null);
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", leave);
  element.addEventListener("wheel", wheel, { passive: false });
  return () => {
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", move);
    element.removeEventListener("pointerup", up);
    element.removeEventListener("pointercancel", up);
    element.removeEventListener("pointerleave", leave);
    element.removeEventListener("wheel", wheel);
  };
}

function ordered(a: Us, b: Us): [Us, Us] {
  return a < b ? [a, b] : [b, a];
}
