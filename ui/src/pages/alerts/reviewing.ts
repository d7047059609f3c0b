/** Saying something of alerts and events, with a way back. */

import { send } from "../../lib/api";
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

/** As they were: one request for all that were alike. */
async function undo(before: Before[], change: Change, apply: Apply): Promise<void> {
  const alike = new Map<string, { was: Change; items: Thing[] }>();
  for (const one of before) {
    const was: Change = {};
    if ("reviewed" in change) was.reviewed = one.reviewed;
    if ("mark" in change) was.mark = one.mark || null;
    if ("note" in change) was.note = one.note;
    const key = JSON.stringify(was);
    const group = alike.get(key) ?? { was, items: [] };
    group.items.push({ kind: one.kind, id: one.id });
    alike.set(key, group);
  }
  for (const { was, items } of alike.values()) {
    await send("POST", "/api/reviews", { items, ...was });
    apply(new Set(items.map((item) => item.id)), was);
  }
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
