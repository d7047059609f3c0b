/** What happened, one line each in the order of time. Pure. */

import { texts } from "../../texts";
import type { FullAlert } from "./types";

export interface Line {
  /** Milliseconds. */
  time: number;
  text: string;
  /** Of a verdict: its place in `verdicts`. */
  verdict?: number;
}

export function story(alert: FullAlert): Line[] {
  const t = texts.alerts.one;
  const score = (of: number) => texts.alerts.score(of);
  const lines: Line[] = [];
  for (const event of alert.events) {
    lines.push({ time: Date.parse(event.start), text: `${t.first}: ${event.label || event.kind}` });
    if (event.best_time) lines.push({ time: Date.parse(event.best_time), text: `${t.best}: ${score(event.score)}` });
    if (event.end) lines.push({ time: Date.parse(event.end), text: t.last });
  }
  alert.verdicts.forEach((verdict, n) => {
    if (verdict.change === "none") return;
    const unmet = verdict.conditions.filter((one) => !one.met).map((one) => `${t.condition[one.name] ?? one.name}: ${one.got}`);
    const why = verdict.change === "open" ? score(verdict.score) : verdict.change === "close" ? alert.reason : unmet.join(", ");
    lines.push({ time: Date.parse(verdict.time), text: why ? `${t.change[verdict.change]} (${why})` : t.change[verdict.change], verdict: n });
  });
  if (alert.closed && !alert.verdicts.some((one) => one.change === "close")) {
    lines.push({ time: Date.parse(alert.closed), text: alert.reason ? `${t.change.close} (${alert.reason})` : t.change.close });
  }
  for (const one of alert.told)
    for (const tried of one.deliveries) if (tried.outcome === "sent") lines.push({ time: Date.parse(tried.time), text: t.notified(one.channel) });
  return lines.sort((a, b) => a.time - b.time);
}
