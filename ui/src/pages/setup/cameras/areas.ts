/** Zones and masks of a camera's section of the configuration, as outlines and back. Pure. */

import { parsed, written, type Point } from "../../../parts/polygon";
import { isSection, type Values } from "../edits";

export type Kind = "zones" | "mask" | "masks";
export interface Area {
  key: string;
  kind: Kind;
  name: string;
  points: Point[];
}
export const KINDS: Kind[] = ["zones", "mask", "masks"];

const part = (value: unknown): Values => (isSection(value) ? value : {});
function names(camera: Values, kind: Kind): Values {
  return part(kind === "zones" ? camera.zones : kind === "masks" ? camera.privacy_masks : part(camera.motion).mask);
}

export function areas(camera: Values): Area[] {
  const detect = part(camera.detect);
  const size: Point = [Number(detect.width ?? 1), Number(detect.height ?? 1)];
  return KINDS.flatMap((kind) =>
    Object.entries(names(camera, kind)).map(([name, value]) => ({ key: `${kind}/${name}`, kind, name, points: parsed(value, size) })),
  ).filter((area) => area.points.length > 2);
}

function replaced(camera: Values, kind: Kind, inner: Values): Values {
  if (kind === "zones") return { ...camera, zones: inner };
  if (kind === "masks") return { ...camera, privacy_masks: inner };
  return { ...camera, motion: { ...part(camera.motion), mask: inner } };
}

export function drawn(camera: Values, kind: Kind, name: string, points: Point[]): Values {
  const all = names(camera, kind);
  const value = kind === "zones" ? { ...part(all[name]), coordinates: written(points) } : written(points);
  return replaced(camera, kind, { ...all, [name]: value });
}

export function dropped(camera: Values, kind: Kind, name: string): Values {
  const { [name]: _gone, ...rest } = names(camera, kind);
  return replaced(camera, kind, rest);
}

/** In its place among the others. */
export function renamed(camera: Values, kind: Kind, from: string, to: string): Values {
  const all = Object.entries(names(camera, kind)).map(([name, value]) => [name === from ? to : name, value] as const);
  return replaced(camera, kind, Object.fromEntries(all));
}

/** What a zone says beyond its corners. */
export function told(camera: Values, name: string): Values {
  const { coordinates: _corners, ...rest } = part(part(camera.zones)[name]);
  return rest;
}
export function retold(camera: Values, name: string, values: Values): Values {
  const zones = part(camera.zones);
  return { ...camera, zones: { ...zones, [name]: { coordinates: part(zones[name]).coordinates, ...values } } };
}

export function freeName(taken: readonly string[], like: string): string {
  for (let n = 1; ; n++) if (!taken.includes(n === 1 ? like : `${like}-${n}`)) return n === 1 ? like : `${like}-${n}`;
}

/** In the middle of the picture, a little aside of the last one. */
export function square(n: number): Point[] {
  const [x, y] = [0.3 + (n % 5) * 0.04, 0.35 + (n % 5) * 0.04];
  return [
    [x, y],
    [x + 0.3, y],
    [x + 0.3, y + 0.35],
    [x, y + 0.35],
  ];
}
