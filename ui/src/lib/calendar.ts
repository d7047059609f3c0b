/** Days and hours as they are at the site: 2026-11-21 begins there when its clocks say so. */

import { siteNow, siteZone } from "./clock";
import { instantOf, local } from "./zone";

const zone = () => siteZone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The day of a time (ms), as 2026-11-21. */
export const dayAt = (time = siteNow()): string => local(zone(), time * 1000).toISOString().slice(0, 10);

export const hourAt = (time: number): number => local(zone(), time * 1000).getUTCHours();

/** When it is this hour of a day, or of one so many days later; ms. */
export function instant(day: string, later = 0, hour = 0): number {
  const [year, month, date] = day.split("-").map(Number) as [number, number, number];
  return instantOf(zone(), year, month - 1, date + later, hour) / 1000;
}

/** When the hour of a time began, ms. */
export function hourBegun(time: number): number {
  const at = local(zone(), time * 1000);
  return time - ((at.getUTCMinutes() * 60 + at.getUTCSeconds()) * 1000 + at.getUTCMilliseconds());
}
