/** The range and the filters of the insights, in the address. Pure. */

import type { Query } from "../../lib/api";

export interface Asked {
  range: string;
  from: Date;
  to: Date;
  by: "hour" | "day";
  camera: string;
  label: string;
  zone: string;
}
const DAY_MS = 86_400_000;
const DAYS: Record<string, number> = { day: 1, week: 7, month: 30, year: 365 };
/** The server adds up hours of at most 40 days. */
const HOURLY_DAYS = 31;

/** To the next full minute, so that the same view asks the same. */
export function read(query: URLSearchParams, now: number): Asked {
  const own = query.get("from") && query.get("to");
  const range = own ? "own" : query.get("range") && DAYS[query.get("range")!] ? query.get("range")! : "week";
  const end = Math.ceil(now / 60_000) * 60_000;
  const to = own ? new Date(query.get("to")!) : new Date(end);
  const from = own ? new Date(query.get("from")!) : new Date(end - DAYS[range]! * DAY_MS);
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  const by = days > HOURLY_DAYS ? "day" : query.get("by") === "hour" || query.get("by") === "day" ? (query.get("by") as "hour" | "day") : days <= 2 ? "hour" : "day";
  return { range, from, to, by, camera: query.get("camera") ?? "", label: query.get("label") ?? "", zone: query.get("zone") ?? "" };
}

export function asked({ from, to, by, camera, label, zone }: Asked): Query {
  return { from: from.toISOString(), to: to.toISOString(), by, camera, label, zone };
}

/** The alerts list with the same filters and more of its own; of times it knows whole days, the last week and the last 30 days. */
export function alerts({ range, from, to, camera, label, zone }: Asked, more: Query = {}): Query {
  const when = { week: "week", month: "month" }[range];
  const day = range === "own" && to.getTime() - from.getTime() <= DAY_MS ? dayOf(from) : undefined;
  return { camera, label, zone, when, day, ...more };
}

/** As the alerts list names a day: 2026-11-21. */
export const dayOf = (date: Date) => local(date).slice(0, 10);

/** For `<input type="datetime-local">`. */
export function local(date: Date): string {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
