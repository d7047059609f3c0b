/** What the inbox shows, as the address bar says it, as the API is asked for it, and as a sentence. Pure. */

import { dayAt, hourAt, instant } from "../../lib/calendar";
import type { Query } from "../../lib/api";
import { texts } from "../../texts";
import { many } from "../../lib/labels";

export type Name = "label" | "camera" | "zone" | "rule" | "severity" | "mark";
export const NAMES: Name[] = ["label", "camera", "zone", "rule", "severity", "mark"];
export type Span = "hour" | "today" | "night" | "yesterday" | "week" | "month";
export const SPANS: Span[] = ["hour", "today", "night", "yesterday", "week", "month"];

export interface Filter {
  /** Things no alert came of, instead of alerts. */
  quiet: boolean;
  values: Partial<Record<Name, string[]>>;
  reviewed: "" | "0" | "1";
  span: Span | "";
  /** A whole day, 2026-11-21, of the browser's zone; empty: `span`. */
  day: string;
}

const NIGHT_FROM = 20;
const NIGHT_TO = 7;
const DAY_MS = 86_400_000;

export function read(query: URLSearchParams): Filter {
  const values: Filter["values"] = {};
  for (const name of NAMES) {
    const found = (query.get(name) ?? "").split(",").filter(Boolean);
    if (found.length) values[name] = found;
  }
  const reviewed = query.get("reviewed");
  const span = query.get("when") as Span | null;
  const day = query.get("day") ?? "";
  return {
    quiet: query.get("show") === "quiet",
    values,
    reviewed: reviewed === "0" || reviewed === "1" ? reviewed : "",
    span: span && SPANS.includes(span) ? span : "",
    day: /^\d{4}-\d\d-\d\d$/.test(day) ? day : "",
  };
}

/** What `route.set` is given: every name, so that those not wanted go. */
export function written(filter: Filter): Record<string, string | null> {
  const told: Record<string, string | null> = {
    show: filter.quiet ? "quiet" : null,
    reviewed: filter.reviewed || null,
    when: filter.day ? null : filter.span || null,
    day: filter.day || null,
  };
  for (const name of NAMES) told[name] = filter.values[name]?.join(",") || null;
  return told;
}

/** As one line, to be kept as a saved filter. */
export function line(filter: Filter): string {
  const told = Object.entries(written(filter)).filter((pair): pair is [string, string] => pair[1] !== null);
  const query = new URLSearchParams(told);
  query.sort();
  return query.toString();
}

/** [from, to) in milliseconds; null: open. Days are those of the site. */
export function range(filter: Filter, now: number): [number | null, number | null] {
  if (filter.day) {
    return [instant(filter.day), instant(filter.day, 1)];
  }
  const today = dayAt(now);
  switch (filter.span) {
    case "hour":
      return [now - 3_600_000, null];
    case "today":
      return [instant(today), null];
    case "yesterday":
      return [instant(today, -1), instant(today)];
    case "night":
      return night(now);
    case "week":
      return [now - 7 * DAY_MS, null];
    case "month":
      return [now - 30 * DAY_MS, null];
    default:
      return [null, null];
  }
}

/** The night that is, or else the one that was: from 20:00 to 07:00. */
function night(now: number): [number, number] {
  const today = dayAt(now);
  const begun = hourAt(now) < NIGHT_FROM ? -1 : 0;
  return [instant(today, begun, NIGHT_FROM), instant(today, begun + 1, NIGHT_TO)];
}

export function asked(filter: Filter, now: number): Query {
  const [from, to] = range(filter, now);
  const query: Query = {
    camera: filter.values.camera,
    label: filter.values.label,
    zone: filter.values.zone,
    mark: filter.values.mark,
    reviewed: filter.reviewed,
    from: from === null ? "" : from * 1000,
    to: to === null ? "" : to * 1000,
  };
  if (filter.quiet) return { ...query, quiet: 1, kind: "track" };
  return { ...query, rule: filter.values.rule, severity: filter.values.severity };
}

/** "people or dogs · driveway · last night · not reviewed". */
export function sentence(filter: Filter, titles: Record<string, string>): string {
  const t = texts.alerts;
  const parts = NAMES.flatMap((name) => {
    const values = filter.values[name];
    return values ? [values.map((value) => valueText(name, value, titles)).join(` ${t.or} `)] : [];
  });
  if (filter.day) parts.push(filter.day);
  else if (filter.span) parts.push(t.spans[filter.span].toLowerCase());
  if (filter.reviewed) parts.push(t.reviewed[filter.reviewed].toLowerCase());
  return parts.join(" · ");
}

export function valueText(name: Name, value: string, titles: Record<string, string>): string {
  const t = texts.alerts;
  if (name === "label") return many(value);
  if (name === "camera") return titles[value] ?? value;
  if (name === "severity") return t.severities[value as "alert"] ?? value;
  if (name === "mark") return t.marks[value as "right"] ?? value;
  return value.replaceAll("_", " ").replaceAll("-", " ");
}

export function toggled(filter: Filter, name: Name, value: string): Filter {
  const old = filter.values[name] ?? [];
  const now = old.includes(value) ? old.filter((one) => one !== value) : [...old, value];
  return { ...filter, values: { ...filter.values, [name]: now.length ? now : undefined } };
}

export const NOTHING: Filter = { quiet: false, values: {}, reviewed: "", span: "", day: "" };

export function anyOf(filter: Filter): boolean {
  return Boolean(filter.day || filter.span || filter.reviewed || NAMES.some((name) => filter.values[name]?.length));
}
