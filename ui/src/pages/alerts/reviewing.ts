/** Saying something of alerts and events, with a way back. */

import { send } from "../../lib/api";
import { session } from "../../lib/session.svelte";
import { toasts } from "../../parts/toast.svelte";
import { texts } from "../../texts";
import type { Box, Kind, Mark, Said } from "./types";

export interface Thing {
  kind: Kind;
  id: string;
}

export type Change = { reviewed?: boolean; mark?: Mark | null; note?: string };
export interface Corrected {
  time: string;
  label: string;
  box: Box;
}
type Before = Thing & Said;
/** Told what to show of which, now and again when it is undone. */
export type Apply = (ids: ReadonlySet<string>, change: Partial<Said>) => void;

/** Looking over is for oneself; marks, notes and boxes are for everybody, and not for everybody to give. */
export const mayMark = () => session.now?.role === "admin" || session.now?.role === "operator";
export const mayReview = () => session.now?.role !== "guest";

export async function say(things: Thing[], change: Change, apply: Apply): Promise<boolean> {
  if (!things.length) return false;
  const items = things.map(({ kind, id }) => ({ kind, id }));
  try {
    const { items: before } = await send<{ items: Before[] }>("POST", "/api/reviews", { items, ...change });
    apply(new Set(items.map((item) => item.id)), change);
    toasts.say(told(change, items.length), () => undo(before, change, apply));
    return true;
  } catch (error) {
    toasts.fail(error);
    return false;
  }
}

/** What was changed, as it was for each. */
async function undo(before: Before[], change: Change, apply: Apply): Promise<void> {
  const items = before.map((one) => {
    const was: Thing & Change = { kind: one.kind, id: one.id };
    if ("reviewed" in change) was.reviewed = one.reviewed;
    if ("mark" in change) was.mark = one.mark;
    if ("note" in change) was.note = one.note;
    return was;
  });
  await send("POST", "/api/reviews", { items });
  for (const { id, kind: _kind, ...was } of items) apply(new Set([id]), was);
}

export async function correct(thing: Thing, boxes: Corrected[]): Promise<boolean> {
  try {
    await send("POST", "/api/reviews", { items: [{ kind: thing.kind, id: thing.id }], boxes });
    toasts.say(texts.alerts.marked.boxes);
    return true;
  } catch (error) {
    toasts.fail(error);
    return false;
  }
}

/** A mark is a judgement, so whoever gives one has looked. */
export function marking(mark: Mark | null): Change {
  return mark ? { mark, reviewed: true } : { mark };
}

function told(change: Change, n: number): string {
  const t = texts.alerts.marked;
  if (change.mark) return t[change.mark](n);
  if (change.mark === null) return t.none(n);
  if (change.note !== undefined) return texts.alerts.one.noteSaved;
  return change.reviewed ? t.reviewed(n) : t.unreviewed(n);
}
