/** Where the time axis is marked, and with what words. Pure. */

import { DAY, HOUR, length, MINUTE, SECOND } from "./scale";
import type { Us, View } from "./types";
import { clockText, dateText, dayText, instantOf, local, monthText, offsetOf } from "../../lib/zone";

export interface Tick {
  time: Us;
  text: string;
  /** A day, month or year begins. */
  major: boolean;
}

const MS = SECOND / 1000;
const STEPS: Us[] = [
  ...[20, 50, 100, 200, 500].map((n) => n * MS),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
];
const DAYS = [1, 2, 7, 14];
const MONTHS = [1, 3, 6, 12];
const APART_PX = 88;

export function ticks(view: View, width: number, zone: string): Tick[] {
  const least = (length(view) / Math.max(1, width)) * APART_PX;
  const step = STEPS.find((one) => one >= least);
  if (step !== undefined) return clocks(view, step, zone);
  const days = DAYS.find((one) => one * DAY >= least);
  if (days !== undefined) return midnights(view, days, zone);
  return months(view, MONTHS.find((one) => one * 30 * DAY >= least) ?? 12, zone);
}

function clocks(view: View, step: Us, zone: string): Tick[] {
  const found: Tick[] = [];
  const precise = step < SECOND ? "ms" : step < MINUTE ? "second" : "minute";
  for (let time = aligned(view.from - step, step, zone); time <= view.to; ) {
    const at = local(zone, time);
    const midnight = at.getUTCHours() === 0 && at.getUTCMinutes() === 0 && at.getUTCSeconds() === 0 && at.getUTCMilliseconds() === 0;
    found.push({ time, text: midnight ? dayText(zone, time) : clockText(zone, time, precise), major: midnight });
    // Hours are steps of real time: where the clock is set back both are there. Longer steps stay on the local dial.
    const next = time + step;
    time = step > HOUR ? Math.max(time + HOUR, aligned(next + HOUR, step, zone)) : next;
  }
  return found;
}

/** The last local multiple of a step that is not later. */
function aligned(time: Us, step: Us, zone: string): Us {
  const offset = offsetOf(zone, time);
  return Math.floor((time + offset) / step) * step - offset;
}

function midnights(view: View, days: number, zone: string): Tick[] {
  const found: Tick[] = [];
  const begin = Math.floor((view.from + offsetOf(zone, view.from)) / DAY);
  for (let day = begin - (begin % days); ; day += days) {
    const on = new Date(day * 86_400_000);
    const time = instantOf(zone, on.getUTCFullYear(), on.getUTCMonth(), on.getUTCDate());
    if (time > view.to) return found;
    found.push({ time, text: dayText(zone, time), major: on.getUTCDate() === 1 });
  }
}

function months(view: View, step: number, zone: string): Tick[] {
  const found: Tick[] = [];
  const first = local(zone, view.from);
  for (let month = first.getUTCFullYear() * 12 + first.getUTCMonth(); ; month += 1) {
    if (month % step) continue;
    const time = instantOf(zone, Math.floor(month / 12), month % 12, 1);
    if (time > view.to) return found;
    found.push({ time, text: monthText(zone, time), major: month % 12 === 0 });
  }
}

/** What the ticks themselves do not say: the day, or the year. */
export function context(view: View, zone: string): string {
  const [from, to] = [dateText(zone, view.from), dateText(zone, view.to)];
  return from === to ? `${dayText(zone, view.from)} ${local(zone, view.from).getUTCFullYear()}` : `${from} – ${to}`;
}
