/** What `/api/insights` answers. */

export interface Bucket {
  start: string;
  motions: number;
  events: number;
  alerts: number;
  notified: number;
}
export interface Marks {
  right: number;
  wrong: number;
  missed: number;
  precision: number | null;
  recall: number | null;
}
export interface Insights {
  buckets: Bucket[];
  camera: Record<string, number>;
  label: Record<string, number>;
  zone: Record<string, number>;
  hours: number[];
  funnel: { motions: number; events: number; alerts: number; notified: number };
  suppressed: { reason: string; count: number }[];
  marks: Marks & { camera: Record<string, Marks>; label: Record<string, Marks> };
}
export interface Heat {
  columns: number;
  rows: number;
  counts: number[];
}
