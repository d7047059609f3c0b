/** Swiping something sideways by touch; up and down goes on scrolling (`touch-action: pan-y` on the element). */

import type { Attachment } from "svelte/attachments";

const FAR = 90;
const BEGINS = 12;

interface Swipe {
  /** How far it is moved now, pixels; 0 at the end. */
  move: (x: number) => void;
  right: () => void;
  left: () => void;
}

export function swiped(swipe: Swipe): Attachment<HTMLElement> {
  return (element) => {
    let from: { id: number; x: number; y: number } | null = null;
    let moving = false;
    let x = 0;

    function down(event: PointerEvent) {
      if (event.pointerType === "touch" && event.isPrimary) from = { id: event.pointerId, x: event.clientX, y: event.clientY };
      moving = false;
      x = 0;
    }
    function move(event: PointerEvent) {
      if (from?.id !== event.pointerId) return;
      x = event.clientX - from.x;
      if (!moving && Math.abs(x) > BEGINS && Math.abs(x) > 2 * Math.abs(event.clientY - from.y)) {
        moving = true;
        element.setPointerCapture(event.pointerId);
      }
      if (moving) swipe.move(x);
    }
    function up(event: PointerEvent) {
      if (from?.id !== event.pointerId) return;
      from = null;
      if (!moving) return;
      swipe.move(0);
      if (event.type === "pointerup" && Math.abs(x) >= FAR) (x > 0 ? swipe.right : swipe.left)();
    }
    /** A swipe is no click. */
    function click(event: MouseEvent) {
      if (!moving) return;
      moving = false;
      event.preventDefault();
      event.stopPropagation();
    }

    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    element.addEventListener("click", click, true);
    return () => {
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      element.removeEventListener("click", click, true);
    };
  };
}
