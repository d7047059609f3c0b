/** Alerts and quiet events of a camera as one list, newest first. Pure. */

import type { Alert, Event } from "../../lib/types";

export interface Happened {
  key: string;
  href: string;
  thumb: string;
  label: string;
  where: string;
  time: string;
  alert: boolean;
  open: boolean;
}

export function joined(alerts: readonly Alert[], events: readonly Event[]): Happened[] {
  const loud = alerts.map((one) => ({
    key: `a${one.id}`,
    href: `/alerts/${one.id}`,
    thumb: `/api/alerts/${one.id}/thumb.jpg`,
    label: one.label.replaceAll("_", " "),
    where: one.zones.join(", "),
    time: one.opened,
    alert: true,
    open: one.state === "open",
  }));
  const quiet = events.map((one) => ({
    key: `e${one.id}`,
    href: `/event/${one.id}`,
    thumb: `/api/events/${one.id}/thumb.jpg`,
    label: (one.label || one.kind).replaceAll("_", " "),
    where: one.zones.join(", "),
    time: one.start,
    alert: false,
    open: false,
  }));
  return [...loud, ...quiet].toSorted((a, b) => b.time.localeCompare(a.time));
}
