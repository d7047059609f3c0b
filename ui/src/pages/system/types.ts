/** What the routes of the system answer (docs/reference/api.md, docs/guide/status.md). */

import type { StreamState } from "../../lib/cameras.svelte";
import type { Storage } from "../setup/types";

export interface State extends StreamState {
  time: string;
  friendly_name?: string;
  analysed?: { fps: number; motion: number; now: string; dropped?: number; stages?: Record<string, { cpu_ms: number }> };
}
export interface System {
  version: string;
  started: string;
  time: string;
  problems: string[];
  cameras: State[];
  detector: { model?: string; device?: string; ms?: number; calls?: number; waiting?: number };
  channels: Record<string, Record<string, unknown>>;
  processes?: Record<string, Record<string, unknown>>;
  storage: Storage;
  complete_today: Record<string, number | null>;
}
export interface LogLine {
  time: string;
  level: string;
  module: string;
  text: string;
}
export interface Logs {
  items: LogLine[];
  levels: Record<string, string>;
}
