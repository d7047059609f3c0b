/** What the API says for the timeline (docs/reference/api.md). */

export interface AlertDot {
  id: string;
  time: string;
  end: string | null;
  label: string;
  severity: "alert" | "quiet";
}

export interface Lane {
  camera: string;
  /** Per bucket: share covered 0–1; most motion or null; why something is missing or null. */
  footage: number[];
  motion: (number | null)[];
  reasons: (string | null)[];
  /** Empty when there are too many; then only `counts`. */
  alerts: AlertDot[];
  counts: number[];
}

export interface Lanes {
  from: string;
  to: string;
  lanes: Lane[];
}

export interface StreamInfo {
  stream: string;
  width: number;
  height: number;
  first: string | null;
  last: string | null;
}

export interface CameraInfo {
  id: string;
  title: string;
  streams: StreamInfo[];
}

/** /api/play/….json */
export interface Described {
  start: string;
  end: string;
  duration_s: number;
  transcoded: boolean;
  growing: boolean;
  stream: string;
  gaps: { start: string; end: string }[];
}

export interface Export {
  id: string;
  kind: "clip" | "evidence" | "timelapse";
  cameras: string[];
  start: string;
  end: string;
  status: "queued" | "running" | "done" | "failed";
  done: number;
  bytes: number;
  error: string;
  created: string;
  address: string | null;
}

/** µs since 1970; fits a double exactly until 2255. */
export type Us = number;
export interface View {
  from: Us;
  to: Us;
}
