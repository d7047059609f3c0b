/** Trying a camera: what the server says, line by line, while it says it. */

import { ask } from "../../../lib/api";
import { lines } from "../lines";

export interface Source {
  url: string;
  user?: string;
  password?: string;
}
export interface Step {
  name: string;
  verdict: string;
  found: string;
  advice: string;
}
export interface Facts {
  ok: boolean;
  reason?: string;
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  bitrate?: number;
  gop_s?: number;
  audio?: string;
}
export type Line = ({ kind: "step" } & Step) | { kind: "picture"; picture: string } | ({ kind: "done" } & Facts);

export async function probe(source: Source, hear: (line: Line) => void, signal: AbortSignal): Promise<void> {
  const answer = await ask("POST", "/api/cameras/probe", {
    body: JSON.stringify(source),
    headers: { "content-type": "application/json" },
    signal,
  });
  await lines<Line>(answer, hear);
}

/** An address of a make: `{host}`, `{port}`, `{channel}`, `{channel:02}` with two digits, `{channel0}` counted from 0. */
export function filled(template: string, host: string, port: string, channel: string): string {
  const number = Number(channel);
  return template
    .replaceAll("{host}", host.includes(":") && !host.startsWith("[") ? `[${host}]` : host)
    .replaceAll("{port}", port)
    .replaceAll("{channel:02}", channel.padStart(2, "0"))
    .replaceAll("{channel0}", Number.isFinite(number) ? String(number - 1) : channel)
    .replaceAll("{channel}", channel);
}

/** "Front door!" → "front-door". */
export function slug(name: string): string {
  const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  return plain.replace(/[^a-z0-9_]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
}

/** The section of a camera that only has what somebody said. */
export function section(main: Source, sub: string, name: string, location: string): Record<string, unknown> {
  const login = { ...(main.user ? { user: main.user } : {}), ...(main.password ? { password: main.password } : {}) };
  return {
    ...(name ? { friendly_name: name } : {}),
    ...(location ? { location } : {}),
    streams: { main: { url: main.url, ...login }, ...(sub ? { sub: { url: sub, ...login } } : {}) },
  };
}
