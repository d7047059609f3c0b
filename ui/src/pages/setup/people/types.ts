/** What the routes of access answer (docs/reference/api.md). */

import type { session } from "../../../lib/session.svelte";

export type Verb = Parameters<typeof session.may>[0];

export type Rights = Partial<Record<Verb, string[] | null>>;
export interface User {
  id: string;
  name: string;
  role: "admin" | "operator" | "viewer";
  rights: Rights;
  created: string;
  last_seen: string | null;
  disabled: boolean;
}
export interface Token {
  id: string;
  name: string;
  owner: string;
  verbs: Verb[];
  cameras: string[] | null;
  expires: string | null;
  created: string;
  last_used: string | null;
}
export interface Guest {
  id: string;
  name: string;
  cameras: string[];
  verbs: Verb[];
  created: string;
  expires: string;
}
export interface SessionItem {
  id: string;
  kind: string;
  name: string;
  created: string;
  seen: string;
  address: string;
  agent: string;
  current: boolean;
}
export interface AuditLine {
  time: string;
  kind: string;
  who: string;
  what: string;
  camera: string;
  detail: string;
  address: string;
  count: number;
}

export const VERBS: Verb[] = ["live", "history", "export", "delete", "talk", "configure"];
/** What a role may, at most. */
export const MAY: Record<User["role"], Verb[]> = {
  admin: VERBS,
  operator: ["live", "history", "export", "talk"],
  viewer: ["live", "history"],
};

/** A verb of a camera on or off; `null` is every camera, one that is not there none. */
export function turned(rights: Rights, verb: Verb, camera: string | null, all: readonly string[]): Rights {
  const now = rights[verb];
  const { [verb]: _old, ...rest } = rights;
  if (camera === null) return now === null ? rest : { ...rest, [verb]: null };
  const there = now === null ? [...all] : (now ?? []);
  const next = there.includes(camera) ? there.filter((one) => one !== camera) : [...there, camera];
  return next.length ? { ...rest, [verb]: next } : rest;
}

export const has = (rights: Rights, verb: Verb, camera: string | null) =>
  verb in rights && (rights[verb] === null || (camera !== null && (rights[verb]?.includes(camera) ?? false)));
