/** What changed between two values as edits of the configuration, and such edits made. Pure. */

export type Path = (string | number)[];
export type Values = Record<string, unknown>;
export interface Edit {
  op: "set" | "remove" | "rename";
  path: Path;
  value?: unknown;
}

export const isSection = (value: unknown): value is Values => typeof value === "object" && value !== null && !Array.isArray(value);
const isNothing = (value: unknown) => value === undefined || (isSection(value) && Object.keys(value).length === 0);

export function at(tree: unknown, path: Path): unknown {
  let found = tree;
  for (const key of path) found = isSection(found) || Array.isArray(found) ? (found as Values)[key] : undefined;
  return found;
}

/** Key by key: only what differs. An empty section is one that is not there. */
export function changes(before: unknown, after: unknown, path: Path = []): Edit[] {
  if (JSON.stringify(before) === JSON.stringify(after) || (isNothing(before) && isNothing(after))) return [];
  if (isNothing(after)) return [{ op: "remove", path }];
  if (isSection(before) && isSection(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changes(before[key], after[key], [...path, key]));
  }
  return [{ op: "set", path, value: after }];
}

/** A copy with the edits made; `from`: where in the configuration the value stands. */
export function applied(value: unknown, edits: readonly Edit[], from: Path = []): Values {
  const made = (isSection(value) ? structuredClone(value) : {}) as Values;
  for (const { op, path, value: put } of edits) {
    const keys = path.slice(from.length);
    const last = keys.pop();
    if (last === undefined) continue;
    let place = made;
    for (const key of keys) {
      if (!isSection(place[key])) place[key] = {};
      place = place[key] as Values;
    }
    if (op === "set") place[last] = put;
    else if (op === "remove") delete place[last];
  }
  return made;
}

/** As the configuration names a key: `cameras.yard.detect.fps`. */
export const dotted = (path: Path) => path.join(".");
