/** What the API says of alerts and events (docs/reference/api.md). Times are RFC 3339; boxes are [x1, y1, x2, y2], 0–1 of the picture. */

export type Box = [number, number, number, number];
export type Mark = "right" | "wrong" | "missed";
export type Kind = "alert" | "event";

export interface Said {
  reviewed: boolean;
  mark: Mark | null;
  note: string;
}

export interface Alert extends Said {
  id: string;
  rule: string;
  camera: string;
  title: string;
  label: string;
  score: number;
  box: Box | null;
  zones: string[];
  severity: "alert" | "quiet";
  state: "open" | "closed";
  opened: string;
  updated: string;
  closed: string | null;
  tracks: string[];
  grouped: number;
  reason: string;
  picture: boolean;
}

export interface Happening extends Said {
  id: string;
  kind: "track" | "motion" | "health";
  camera: string;
  title: string;
  start: string;
  end: string | null;
  label: string;
  score: number;
  box: Box | null;
  best_time: string | null;
  zones: string[];
  alert: string | null;
}

export interface Condition {
  name: string;
  wanted: string;
  got: string;
  met: boolean;
}

export interface Verdict {
  time: string;
  change: "open" | "update" | "close" | "none";
  fired: boolean;
  label: string;
  score: number;
  box: Box | null;
  zones: string[];
  conditions: Condition[];
}

export interface Told {
  channel: string;
  kind: string;
  status: "queued" | "sent" | "dry_run" | "suppressed" | "dead";
  created: string;
  attempts: number;
  error: string;
  deliveries: { time: string; outcome: string; error: string }[];
}

/** Microseconds, then the box, then the score. */
export type Point = [number, number, number, number, number, number];

export interface Trailed extends Happening {
  trail?: { points: Point[] } | null;
}

export interface FullAlert extends Alert {
  verdict: Verdict | null;
  verdicts: Verdict[];
  rule_text: string;
  told: Told[];
  events: Trailed[];
  clip_start: string;
  clip_end: string;
}

export interface FullEvent extends Trailed {
  verdicts: (Verdict & { rule?: string })[];
}

export interface Seen {
  track: string;
  label: string;
  score: number;
  box: Box;
  state: string;
  /** False: the box is predicted. */
  seen?: boolean;
}

export interface Analysed {
  time: string;
  motion: number;
  detected: boolean;
  tracks: Seen[];
  picture: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Counts {
  total: number;
  camera: Record<string, number>;
  label: Record<string, number>;
  zone: Record<string, number>;
  severity: Record<string, number>;
  rule: Record<string, number>;
  reviewed: Record<string, number>;
  mark: Record<string, number>;
}

/** One card of the inbox: an alert, or something no alert came of. */
export interface Item extends Said {
  kind: Kind;
  id: string;
  camera: string;
  title: string;
  label: string;
  score: number;
  zones: string[];
  severity: "alert" | "quiet";
  open: boolean;
  start: string;
  end: string | null;
}

export function itemOfAlert(alert: Alert): Item {
  const { id, camera, title, label, score, zones, severity, reviewed, mark, note } = alert;
  const open = alert.state === "open";
  return { kind: "alert", id, camera, title, label, score, zones, severity, open, reviewed, mark, note, start: alert.opened, end: alert.closed };
}

export function itemOfEvent(event: Happening): Item {
  const { id, camera, title, score, zones, reviewed, mark, note, start, end } = event;
  const label = event.label || event.kind;
  return { kind: "event", id, camera, title, label, score, zones, severity: "quiet", open: end === null, reviewed: reviewed ?? false, mark, note, start, end };
}

export const pageOf = (item: { kind: Kind; id: string }) => (item.kind === "alert" ? `/alerts/${item.id}` : `/event/${item.id}`);
export const apiOf = (item: { kind: Kind; id: string }) => `/api/${item.kind}s/${item.id}`;
