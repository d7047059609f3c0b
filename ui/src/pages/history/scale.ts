/** Time to pixels and back, zooming around an instant, panning. Pure: µs, CSS pixels. */

import type { Us, View } from "./types";

export const SECOND: Us = 1e6;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** A few pictures fill the width. */
export const LEAST = SECOND / 2;
export const MOST = 400 * DAY;

export const length = (view: View) => view.to - view.from;
export const xOf = (view: View, width: number, time: Us) => ((time - view.from) / length(view)) * width;
export const timeAt = (view: View, width: number, x: number): Us => Math.round(view.from + (x / width) * length(view));

/** What is at `share` (0–1 of the width) stays there. factor < 1 shows less time. */
export function zoomed(view: View, share: number, factor: number): View {
  const long = Math.min(MOST, Math.max(LEAST, length(view) * factor));
  const fixed = view.from + share * length(view);
  const from = Math.round(fixed - share * long);
  return { from, to: from + Math.round(long) };
}

export function panned(view: View, by: Us): View {
  return { from: view.from + Math.round(by), to: view.to + Math.round(by) };
}

/** Two fingers hold the two instants they took. */
export function pinched(was: View, width: number, held: [number, number], now: [number, number]): View {
  const [a, b] = [timeAt(was, width, held[0]), timeAt(was, width, held[1])];
  const apart = Math.abs(now[1] - now[0]) < 8 ? 8 * Math.sign(now[1] - now[0] || 1) : now[1] - now[0];
  const long = Math.min(MOST, Math.max(LEAST, ((b - a) / apart) * width));
  const middle = (now[0] + now[1]) / 2 / width;
  const from = Math.round((a + b) / 2 - middle * long);
  return { from, to: from + Math.round(long) };
}

/** Not before everything and not far into what is to come; as long as it was. */
export function kept(view: View, first: Us, last: Us): View {
  const room = length(view);
  if (view.to > last + room) return panned(view, last + room - view.to);
  if (view.from < first - room) return panned(view, Math.min(first - room - view.from, last + room - view.to));
  return view;
}

/** So that an instant can be seen: the view follows by pages. */
export function following(view: View, at: Us): View {
  const share = (at - view.from) / length(view);
  if (share >= 0 && share <= 0.98) return view;
  return panned(view, at - view.from - length(view) * (share < 0 ? 0.5 : 0.1));
}

/** "10m", "2h", "7d", "30s" of the address bar; 0: nonsense. */
export function spanOf(text: string): Us {
  const found = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  if (!found) return 0;
  const unit = { ms: 1000, s: SECOND, m: MINUTE, h: HOUR, d: DAY }[found[2] as "s"];
  return Math.min(MOST, Math.max(LEAST, Number(found[1]) * unit));
}

export function spanText(long: Us): string {
  const units: [Us, string][] = [
    [DAY, "d"],
    [HOUR, "h"],
    [MINUTE, "m"],
    [SECOND, "s"],
  ];
  const [unit, name] = units.find(([unit]) => long >= 2 * unit) ?? [1000, "ms"];
  return `${Number((long / unit).toFixed(1))}${name}`;
}

/** A tile of such buckets is 203 days: the server tells of 400 at once. */
const COARSEST = 35;

/** How long the buckets of a view are: a power of two of µs, not more than a pixel and a half. */
export function levelOf(view: View, width: number): number {
  return Math.min(COARSEST, Math.max(10, Math.floor(Math.log2((length(view) / Math.max(1, width)) * 1.5))));
}
