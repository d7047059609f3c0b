/** Days as 2026-11-21. Pure but for `today`. */

import { dayAt } from "../../lib/calendar";

const name = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const month = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const at = (day: string) => new Date(`${day}T00:00:00Z`);
const text = (date: Date) => date.toISOString().slice(0, 10);

export const today = (): string => dayAt();

export function later(day: string, days: number): string {
  const then = at(day);
  then.setUTCDate(then.getUTCDate() + days);
  return text(then);
}

export const dayName = (day: string) => name.format(at(day));
export const monthName = (of: string) => month.format(at(`${of}-01`));
export const monthOf = (day: string) => day.slice(0, 7);

/** Every day of a month. */
export function daysOf(of: string): string[] {
  const found: string[] = [];
  for (let day = `${of}-01`; monthOf(day) === of; day = later(day, 1)) found.push(day);
  return found;
}

export function monthLater(of: string, months: number): string {
  const then = at(`${of}-01`);
  then.setUTCMonth(then.getUTCMonth() + months);
  return monthOf(text(then));
}
