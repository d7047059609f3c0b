/** Times for people: relative within the hour, clock within the day, date beyond; exact on hover. One clock format: 24 h. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

/** "3 min ago", "14:05", "Fri 20 Nov, 14:05". */
export function when(time: string | number | Date, now = Date.now()): string {
  const at = new Date(time).getTime();
  const ago = now - at;
  if (ago >= 0 && ago < MINUTE) return "just now";
  if (ago >= 0 && ago < HOUR) return `${Math.floor(ago / MINUTE)} min ago`;
  if (new Date(at).toDateString() === new Date(now).toDateString()) return clock.format(at);
  return `${day.format(at)}, ${clock.format(at)}`;
}

export const clockOf = (time: string | number | Date) => clock.format(new Date(time));
export const secondsOf = (time: string | number | Date) => clockSeconds.format(new Date(time));
export const dayOf = (time: string | number | Date) => day.format(new Date(time));
export const exact = (time: string | number | Date) => full.format(new Date(time));

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
