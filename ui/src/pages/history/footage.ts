/** Footage in chunks of some minutes: what each holds, and its own time (without the gaps) against the time on the wall. */

import { address, get, Problem } from "../../lib/api";
import { MINUTE } from "./scale";
import type { Described, Us } from "./types";

export const CHUNK = 5 * MINUTE;
const KEPT = 80;
/** So often something that still grows is looked at again. */
const AGAIN_MS = 3000;

export interface Chunk {
  /** Of its MP4; empty: there is no footage in it. */
  src: string;
  start: Us;
  end: Us;
  gaps: [Us, Us][];
  transcoded: boolean;
  growing: boolean;
  /** It begins within the chunk, where it was asked for: there may be more before. */
  partial: boolean;
}

const NONE: Chunk = { src: "", start: 0, end: 0, gaps: [], transcoded: false, growing: false, partial: false };

export const chunkOf = (time: Us) => Math.floor(time / CHUNK);

/** Seconds of the movie at a wall time; null: a gap, or outside. Pure. */
export function mediaOf(chunk: Chunk, time: Us): number | null {
  if (!chunk.src || time < chunk.start || time >= chunk.end) return null;
  let left = 0;
  for (const [from, to] of chunk.gaps) {
    if (time >= to) left += to - from;
    else if (time >= from) return null;
  }
  return (time - chunk.start - left) / 1e6;
}

/** The wall time of a second of the movie. Pure. */
export function wallOf(chunk: Chunk, media: number): Us {
  let time = chunk.start + Math.round(media * 1e6);
  for (const [from, to] of chunk.gaps) if (time >= from) time += to - from;
  return time;
}

/** Of one stream of one camera. */
export class Footage {
  #known = new Map<number, { chunk: Chunk | null; at: number; asked: boolean }>();

  constructor(
    readonly camera: string,
    readonly stream: string,
    private readonly codecs: string,
    private readonly changed: () => void,
  ) {}

  /** What is known now; undefined: not yet, and it is asked for. */
  chunk(n: number): Chunk | undefined {
    const known = this.#known.get(n);
    const ends = (n + 1) * CHUNK;
    const grows = ends > Date.now() * 1000 - 30e6;
    const old = known?.chunk && !known.chunk.partial && grows && performance.now() - known.at > AGAIN_MS;
    if (!known || (old && !known.asked)) void this.#load(n);
    return known?.chunk ?? undefined;
  }

  /** The rest of a chunk, from a time in it. */
  anew(n: number, from: Us): void {
    if (this.#known.get(n)?.asked) return;
    this.#known.delete(n);
    void this.#load(n, Math.floor(from));
  }

  async #load(n: number, from = n * CHUNK): Promise<void> {
    const entry = this.#known.get(n) ?? { chunk: null, at: 0, asked: false };
    entry.asked = true;
    this.#known.set(n, entry);
    const before = entry.chunk;
    try {
      entry.chunk = await this.#describe(n, from);
    } catch (error) {
      // Nothing of this time is kept: that is an answer. Anything else is asked again.
      entry.chunk = error instanceof Problem && error.status === 404 ? NONE : before;
      if (!entry.chunk) this.#known.delete(n);
    }
    entry.at = performance.now();
    entry.asked = false;
    const oldest = this.#known.size > KEPT ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.changed();
  }

  async #describe(n: number, from: Us): Promise<Chunk> {
    const { codecs } = this;
    const base = `/api/play/${this.camera}/${this.stream}`;
    const told = await get<Described>(`${base}/${from}/${(n + 1) * CHUNK}.json`, { codecs });
    const [start, end] = [us(told.start), us(told.end)];
    // What grows is asked for up to where it is: the address of a longer one is another.
    const to = told.growing ? end : (n + 1) * CHUNK;
    return {
      src: address(`${base}/${from}/${to}.mp4`, { codecs }),
      start,
      end,
      gaps: told.gaps.map((gap) => [us(gap.start), us(gap.end)]),
      transcoded: told.transcoded,
      growing: told.growing,
      partial: from > n * CHUNK,
    };
  }
}

/** RFC 3339 to µs, all six digits of it. */
export function us(time: string): Us {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  const seconds = Math.floor(Date.parse(time) / 1000);
  return seconds * 1e6 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/** The next time from here at which one of the cameras has footage; null: none until `until`. */
export async function nextFootage(cameras: readonly string[], from: Us, until: Us): Promise<Us | null> {
  const found = await Promise.all(cameras.map((camera) => firstOf(camera, from, until)));
  const times = found.filter((time) => time !== null);
  return times.length ? Math.min(...times) : null;
}

async function firstOf(camera: string, from: Us, until: Us): Promise<Us | null> {
  const BUCKETS = 2000;
  for (let look = 0; look < 4 && until > from; look += 1) {
    const told = await get<{ footage: number[] }>(`/api/timeline/${camera}`, { from, to: until, buckets: Math.min(BUCKETS, until - from) });
    const at = told.footage.findIndex((share) => share > 0);
    if (at < 0) return null;
    const long = (until - from) / told.footage.length;
    [from, until] = [Math.floor(from + at * long), Math.ceil(from + (at + 1) * long)];
    if (long <= 1e6) break;
  }
  return from;
}
