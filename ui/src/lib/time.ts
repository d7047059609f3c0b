/** Times for people: relative within the hour, clock within the day, date beyond; exact on hover. One clock format: 24 h, in the site's zone. */

import { siteNow, siteZone } from "./clock";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Time = string | number | Date;

/** In the zone of the site, once that is known. */
function format(options: Intl.DateTimeFormatOptions): (time: Time) => string {
  let made: Intl.DateTimeFormat | undefined;
  let zone: string | undefined;
  return (time) => {
    if (!made || zone !== siteZone()) made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: (zone = siteZone()) });
    return made.format(new Date(time));
  };
}

export const clockOf = format({ hour: "2-digit", minute: "2-digit" });
export const secondsOf = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const dayOf = format({ weekday: "short", day: "numeric", month: "short" });
export const exact = format({ dateStyle: "full", timeStyle: "long" });
const date = format({ dateStyle: "short" });

/** "3 min ago", "14:05", "Fri 20 Nov, 14:05". */
export function when(time: Time, now = siteNow()): string {
  const at = new Date(time).getTime();
  const ago = now - at;
  if (ago >= 0 && ago < MINUTE) return "just now";
  if (ago >= 0 && ago < HOUR) return `${Math.floor(ago / MINUTE)} min ago`;
  return date(at) === date(now) ? clockOf(at) : `${dayOf(at)}, ${clockOf(at)}`;
}

/** "1:05", "2:03:09". */
export function length(seconds: number): string {
  const s = Math.round(seconds);
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  const [h, m, rest] = parts as [number, number, number];
  return h ? `${h}:${two(m)}:${two(rest)}` : `${m}:${two(rest)}`;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** "2.4 GB", "713 MB". */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000;
    at += 1;
  }
  return `${n >= 100 || at === 0 ? Math.round(n) : n.toPrecision(2)} ${units[at]}`;
}
