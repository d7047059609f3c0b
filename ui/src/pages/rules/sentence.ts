/** A rule as one sentence of words that can be changed: each word knows the keys behind it. Pure. */

import { kindOf, said, words, type Schema } from "../../parts/form/schema";
import { texts } from "../../texts";

export type Rule = Record<string, unknown>;
export interface Word {
  text: string;
  /** Empty: it only joins the others. */
  keys: string[];
  /** Which of the editors it is. */
  name: string;
}
const t = texts.rules;
const join = (text: string): Word => ({ text, keys: [], name: "" });
const word = (text: string, name: string, ...keys: string[]): Word => ({ text, keys, name });
const list = (all: readonly string[], last: string) => (all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")}${last}${all.at(-1)}`);
/** Said in the sentence itself, or beside it. */
const SAID = ["labels", "zones", "cameras", "min_time", "min_score", "min_motion", "channels", "severity", "cooldown", "enabled"];

export function sentence(rule: Rule, schema: Schema | undefined, titles: Record<string, string>): Word[] {
  const value = (key: string) => rule[key] ?? schema?.properties?.[key]?.default;
  const labels = words(value("labels"));
  const motion = labels.length === 1 && labels[0] === "motion";
  const zones = words(value("zones"));
  const cameras = words(value("cameras")).map((one) => titles[one] ?? one);
  const what = motion
    ? [word(Number(value("min_motion")) > 0 ? t.share(percent(value("min_motion"))) : t.something, "labels", "labels", "min_motion"), join(t.moves), join(t.on)]
    : [
        word(list(labels.map(t.a), t.or) || t.something, "labels", "labels"),
        join(zones.length ? t.isIn : t.isSeen),
        word(list(zones, t.or) || t.anywhere, "zones", "zones"),
        join(t.on),
      ];
  return [
    join(t.when),
    ...what,
    word(list(cameras, t.or) || t.anyCamera, "cameras", "cameras"),
    join(t.for),
    word(isZero(value("min_time")) ? t.anyTime : span(value("min_time")), "min_time", "min_time"),
    ...(motion ? [join(", ")] : [join(t.sure), word(percent(value("min_score")), "min_score", "min_score"), join(t.sureEnd)]),
    ...told(rule, value),
    ...rest(rule, schema),
    join(t.end),
  ];
}

function told(rule: Rule, value: (key: string) => unknown): Word[] {
  if (value("severity") === "quiet") return [word(t.note, "tell", "severity", "channels")];
  const channels = rule.channels === undefined ? undefined : words(rule.channels);
  if (channels && !channels.length) return [join(t.tell), word(t.nobody, "tell", "severity", "channels")];
  const often = isZero(value("cooldown")) ? t.asOften : span(value("cooldown"));
  return [
    join(t.tell),
    word(channels ? list(channels, t.and) : t.everybody, "tell", "severity", "channels"),
    join(isZero(value("cooldown")) ? ", " : t.atMost),
    word(often, "cooldown", "cooldown"),
  ];
}

/** Whatever else is set, also what later versions know. */
function rest(rule: Rule, schema: Schema | undefined): Word[] {
  return Object.entries(schema?.properties ?? {})
    .filter(([key]) => rule[key] !== undefined && !SAID.includes(key))
    .flatMap(([key, one]) => [join(t.andToo), word(`${(one.title ?? key).toLowerCase()}${kindOf(one) === "switch" ? "" : ` ${said(one, rule[key])}`}`, key, key)]);
}

const isZero = (value: unknown) => value === undefined || /^0(\.0+)?\s*\w*$/.test(String(value));
const percent = (share: unknown) => `${Number((100 * Number(share ?? 0)).toFixed(1))} %`;

/** "2 s", "10 min", "1 h": of a number of seconds or `10m`. */
export function span(value: unknown): string {
  const [, number = "", unit = ""] = /^\s*([\d.]+)\s*(ms|s|m|h|d|)\s*$/.exec(String(value)) ?? [];
  if (!number) return String(value);
  const seconds = Number(number) * ({ ms: 0.001, m: 60, h: 3600, d: 86400 }[unit] ?? 1);
  if (seconds >= 3600 && seconds % 1800 === 0) return `${seconds / 3600} h`;
  if (seconds >= 60 && seconds % 30 === 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}

/** A rule to begin with; the zone is one that there is. */
export function templates(zones: readonly string[]): Record<string, Rule> {
  const zone = zones[0] ? { zones: [zones[0]] } : {};
  return {
    person: { labels: ["person"] },
    zone: { labels: ["person"], ...zone, min_time: "2s", cooldown: "10m" },
    stays: { labels: ["person"], ...zone, min_time: "30s", cooldown: "10m" },
    car: { labels: ["car"], ...zone, cooldown: "10m" },
    animal: { labels: ["dog", "cat"], severity: "quiet" },
    motion: { labels: ["motion"], min_motion: 0.01, cooldown: "5m" },
  };
}
