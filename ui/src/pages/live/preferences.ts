/** What a person likes of the wall; kept under `wall`. */

import { preferences } from "../../lib/preferences.svelte";

export interface Group {
  name: string;
  cameras: string[];
}

export interface WallLikes {
  order: string[];
  groups: Group[];
}

export function likes(): WallLikes {
  const kept = preferences.get<Partial<WallLikes>>("wall", {});
  return { order: kept.order ?? [], groups: kept.groups ?? [] };
}

export function like(change: Partial<WallLikes>): void {
  preferences.set("wall", { ...likes(), ...change });
}

/** With this group, in the place of the one of that name. */
export function withGroup(groups: readonly Group[], group: Group, old = group.name): Group[] {
  const at = groups.findIndex((one) => one.name === old);
  return at < 0 ? [...groups, group] : groups.with(at, group);
}
