/**
 * What the lanes show, in tiles of BUCKETS buckets, per zoom level: kept, asked for when they come into view, cancelled when they go.
 * While a tile is on its way, a coarser one that is there stands for it.
 */

import { get } from "../../lib/api";
import { levelOf } from "./scale";
import type { Lane, Lanes, Us, View } from "./types";

export const BUCKETS = 512;
const AT_ONCE = 3;
const KEPT = 240;
const COARSER = 8;
/** Of a tile in which something still happens. */
const STALE_MS = 4000;

export interface Tile {
  level: number;
  from: Us;
  to: Us;
  /** By camera. */
  lanes: Map<string, Lane>;
  /** What was drawn of it, by camera: see draw.ts. */
  painted: Map<string, OffscreenCanvas>;
}

interface Entry {
  tile: Tile | null;
  asked: number;
  stop: AbortController | null;
  failed: boolean;
}

export class Lanework {
  #entries = new Map<string, Entry>();
  #cameras: string[] = [];
  #changed: () => void;
  #waiting: string[] = [];
  #running = 0;
  error: unknown = null;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Others than before: nothing of what is there serves. */
  show(cameras: string[]): void {
    if (cameras.join() === this.#cameras.join()) return;
    this.close();
    this.#cameras = cameras;
    this.#entries.clear();
  }

  /** Tiles to draw, best there is first to last; asks for those that are missing. `now`: µs, milliseconds for staleness. */
  tiles(view: View, width: number, now: Us): Tile[] {
    const level = levelOf(view, width);
    const long = 2 ** level * BUCKETS;
    const found: Tile[] = [];
    const wanted = new Set<string>();
    for (let n = Math.floor(view.from / long); n * long < view.to; n += 1) {
      const key = `${level}:${n}`;
      // What has not been yet has nothing to tell.
      if (n * long < now) wanted.add(key);
      const entry = this.#entries.get(key);
      const tile = entry?.tile ?? this.#instead(level, n);
      if (tile && !found.includes(tile)) found.push(tile);
      const stale = entry?.tile && entry.tile.to > now - 60e6 && performance.now() - entry.asked > STALE_MS;
      if (n * long < now && (!entry || (stale && !entry.stop))) this.#want(key);
    }
    this.#drop(wanted);
    this.#next();
    return found.sort((a, b) => b.level - a.level);
  }

  /** A coarser one over the same time. */
  #instead(level: number, n: number): Tile | null {
    for (let up = 1; up <= COARSER; up += 1) {
      const tile = this.#entries.get(`${level + up}:${Math.floor(n / 2 ** up)}`)?.tile;
      if (tile) return tile;
    }
    return null;
  }

  #want(key: string): void {
    const entry = this.#entries.get(key) ?? { tile: null, asked: 0, stop: null, failed: false };
    entry.asked = performance.now();
    this.#entries.set(key, entry);
    if (!this.#waiting.includes(key)) this.#waiting.push(key);
  }

  /** What is no longer looked at is not waited for. */
  #drop(wanted: Set<string>): void {
    this.#waiting = this.#waiting.filter((key) => wanted.has(key) || this.#forget(key));
    for (const [key, entry] of this.#entries) if (entry.stop && !wanted.has(key)) entry.stop.abort();
    if (this.#entries.size <= KEPT) return;
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= KEPT) break;
      if (!wanted.has(key) && !entry.stop) this.#entries.delete(key);
    }
  }

  #forget(key: string): false {
    if (!this.#entries.get(key)?.tile) this.#entries.delete(key);
    return false;
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const key = this.#waiting.shift();
      if (key === undefined) return;
      void this.#load(key);
    }
  }

  async #load(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (!entry || !this.#cameras.length) return;
    const [level, n] = key.split(":").map(Number) as [number, number];
    const long = 2 ** level * BUCKETS;
    const [from, to] = [n * long, (n + 1) * long];
    entry.stop = new AbortController();
    this.#running += 1;
    try {
      const query = { camera: this.#cameras, from, to, buckets: BUCKETS };
      const told = await get<Lanes>("/api/lanes", query, entry.stop.signal);
      entry.tile = { level, from, to, lanes: new Map(told.lanes.map((lane) => [lane.camera, lane])), painted: new Map() };
      this.error = null;
    } catch (error) {
      if (entry.stop.signal.aborted) this.#forget(key);
      else this.error = error;
    }
    entry.stop = null;
    this.#running -= 1;
    this.#changed();
    this.#next();
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.stop?.abort();
    this.#waiting = [];
  }
}

/** Why there is no footage at an instant; undefined: there is, or it is not known. */
export function reasonAt(tiles: readonly Tile[], camera: string, time: Us): string | null | undefined {
  for (const tile of [...tiles].reverse()) {
    const lane = tile.lanes.get(camera);
    if (!lane || time < tile.from || time >= tile.to) continue;
    const at = Math.floor(((time - tile.from) / (tile.to - tile.from)) * lane.footage.length);
    return (lane.footage[at] ?? 0) > 0 ? undefined : (lane.reasons[at] ?? null);
  }
  return undefined;
}
