/** Wall clocks of a time zone: its offset, its words, and which of two equal times it is when the clock is set back. Pure. */

/** Microseconds, UTC. */
type Us = number;
const HOUR = 3_600_000_000;
const QUARTER = HOUR / 4;
const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, Us>();

function format(zone: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${name}`;
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options })));
  return found;
}

/** Local time minus UTC, µs. Zones change on quarters of an hour, so that one look serves a quarter. */
export function offsetOf(zone: string, time: Us): Us {
  const quarter = Math.floor(time / QUARTER);
  const key = `${zone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size > 20_000) offsets.clear();
  const at = (quarter * QUARTER) / 1000;
  const whole = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
  const parts = Object.fromEntries(format(zone, "parts", whole).formatToParts(at).map((part) => [part.type, Number(part.value)]));
  const local = Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour!, parts.minute!, parts.second!);
  const offset = (local - Math.floor(at / 1000) * 1000) * 1000;
  offsets.set(key, offset);
  return offset;
}

/** Whether the same wall-clock time comes, or came, a second time. */
export function ambiguous(zone: string, time: Us): boolean {
  const mine = offsetOf(zone, time);
  for (const away of [-3 * HOUR, 3 * HOUR]) {
    const other = offsetOf(zone, time + away);
    if (other === mine) continue;
    const twin = time + mine - other;
    if (twin !== time && offsetOf(zone, twin) === other) return true;
  }
  return false;
}

/** "+02:00" */
export function offsetText(zone: string, time: Us): string {
  const minutes = Math.round(offsetOf(zone, time) / 60e6);
  const [h, m] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "−" : "+"}${two(h)}:${two(m)}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** Local calendar fields: a Date whose UTC fields are the local ones. */
export function local(zone: string, time: Us): Date {
  return new Date((time + offsetOf(zone, time)) / 1000);
}

/** "02:30", "02:30:05", "02:30:05.120"; with the offset when it could be another. */
export function clockText(zone: string, time: Us, precise: "minute" | "second" | "ms" = "second"): string {
  const at = local(zone, time);
  const seconds = precise === "minute" ? "" : `:${two(at.getUTCSeconds())}`;
  const ms = precise === "ms" ? `.${String(at.getUTCMilliseconds()).padStart(3, "0")}` : "";
  const told = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds}${ms}`;
  return ambiguous(zone, time) ? `${told} ${offsetText(zone, time)}` : told;
}

export const dayText = (zone: string, time: Us) => format(zone, "day", { weekday: "short", day: "numeric", month: "short" }).format(time / 1000);
export const dateText = (zone: string, time: Us) => format(zone, "date", { day: "numeric", month: "short", year: "numeric" }).format(time / 1000);
export const monthText = (zone: string, time: Us) => format(zone, "month", { month: "short", year: "numeric" }).format(time / 1000);

/** The instant of a local time; of two equal ones the first, of one that is skipped the next that is. */
export function instantOf(zone: string, year: number, month: number, day: number, hour = 0): Us {
  const wanted = Date.UTC(year, month, day, hour) * 1000;
  const tries = [wanted - offsetOf(zone, wanted - 24 * HOUR), wanted - offsetOf(zone, wanted + 24 * HOUR)];
  const exact = tries.filter((one) => one + offsetOf(zone, one) === wanted);
  return exact.length ? Math.min(...exact) : Math.max(...tries);
}
