/** The one clock all players follow. It waits for one that loads, but not for ever, and jumps over times of which nobody has footage. */

import { nextFootage } from "./footage";
import type { Track } from "./track.svelte";
import type { Us } from "./types";

export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32];
/** Faster than this, single pictures are shown. */
export const SMOOTH = 4;
const PATIENCE_MS = 4000;
const SYNC_MS = 80;

export class Clock {
  at = $state<Us>(0);
  playing = $state(false);
  speed = $state(1);
  /** Waits for footage to load. */
  waiting = $state(false);
  /** What was jumped over last: from, to. */
  skipped = $state<[Us, Us] | null>(null);
  tracks: Track[] = [];
  #last = 0;
  #synced = 0;
  #since = 0;
  #frame = 0;
  #seeking = false;
  #stepping = false;

  start(): () => void {
    const turn = (now: number) => {
      this.#turn(now);
      this.#frame = requestAnimationFrame(turn);
    };
    this.#frame = requestAnimationFrame(turn);
    return () => cancelAnimationFrame(this.#frame);
  }

  get smooth(): boolean {
    return this.speed <= SMOOTH;
  }

  #turn(now: number): void {
    // A page in the background is not called: what passed there is not jumped over at once.
    const gone = Math.min(250, now - this.#last);
    this.#last = now;
    if (this.playing) this.#advance(now, gone);
    if (now - this.#synced < SYNC_MS) return;
    this.#synced = now;
    this.sync();
  }

  #advance(now: number, gone: number): void {
    const states = this.tracks.map((track) => track.state);
    const waits = this.smooth && states.includes("loading");
    if (!waits) this.#since = now;
    this.waiting = waits && now - this.#since < PATIENCE_MS;
    if (this.waiting) return;
    const to = this.at + gone * 1000 * this.speed;
    const end = Date.now() * 1000;
    if (to >= end) this.playing = false;
    this.at = Math.min(to, end);
    if (states.length && states.every((state) => state === "gap")) void this.#skip();
  }

  async #skip(): Promise<void> {
    if (this.#seeking) return;
    this.#seeking = true;
    const from = this.at;
    try {
      const next = await nextFootage(
        this.tracks.map((track) => track.camera),
        from,
        Date.now() * 1000,
      );
      if (Math.abs(this.at - from) > 60e6 * this.speed || !this.playing) return;
      if (next === null) this.playing = false;
      else if (next > this.at + 1e6) {
        this.skipped = [from, next];
        this.at = next;
      }
    } catch {
      this.playing = false;
    } finally {
      this.#seeking = false;
    }
  }

  /** Single pictures need no video to follow. */
  sync(): void {
    for (const track of this.tracks) track.sync(this.at, this.playing && !this.waiting && this.smooth, this.speed);
  }

  seek(to: Us): void {
    this.at = Math.round(to);
    this.skipped = null;
    this.#since = performance.now();
  }

  faster(by: number): void {
    const place = SPEEDS.indexOf(this.speed);
    this.speed = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, place + by))] ?? 1;
  }

  /** By the pictures of the first camera that shows one; the others follow. */
  async step(by: 1 | -1): Promise<void> {
    this.playing = false;
    if (this.#stepping) return;
    this.#stepping = true;
    const first = this.tracks.find((track) => track.state === "ready");
    const to = (await first?.stepped(by)) ?? null;
    this.#stepping = false;
    this.seek(to ?? this.at + by * 40_000);
  }
}
