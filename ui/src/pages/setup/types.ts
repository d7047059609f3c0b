/** What the routes of the set-up answer (docs/reference/api.md). */

import type { Values } from "./edits";

export interface Wrong {
  line: number;
  key: string;
  message: string;
}
export interface Configuration {
  text: string;
  version: string;
  path: string;
  problems: Wrong[];
  locked: string[];
  values: Values;
  pending: string[];
}
export interface Saved {
  version: string;
  diff: string;
  applied: string[];
  pending: string[];
  problems: Wrong[];
  used: boolean;
  unused: string[];
}
export interface Checked {
  text: string;
  diff: string;
  problems: Wrong[];
  refused: Wrong[];
  applies: { live: string[]; restart: string[] };
}
export interface Earlier {
  version: string;
  time: string;
  who: string;
  note: string;
  lines: number;
}
/** A camera as `/api/cameras` has it; those that are switched off too. */
export interface CameraItem {
  id: string;
  title: string;
  location: string;
  enabled: boolean;
  status: string;
  since: string | null;
  reason: string;
  recording: boolean;
  private: boolean;
  now: string;
  streams: { stream: string; status: string; codec: string; width: number; height: number; fps: number; bitrate: number; bytes: number }[];
  zones: Record<string, [number, number][]>;
}
export interface Template {
  id: string;
  title: string;
  main: string;
  sub: string;
  port: number;
  notes: string;
}
export interface Volume {
  volume: string;
  total: number;
  free: number;
  reserve: number;
  bytes: number;
  percent: number;
  forecast: { full_in_days: number | null; sentence?: string; bytes_per_day?: number | null } | null;
}
export interface Stored {
  camera: string;
  bytes: number;
  quota: number | null;
  oldest: string | null;
  newest: string | null;
  days: number | null;
  bytes_per_day: number | null;
  volume: string;
}
export interface Storage {
  volumes: Volume[];
  cameras: Stored[];
  warnings: string[];
  stopped: string;
}
