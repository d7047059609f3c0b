/**
 * Watching one camera: takes the best way this browser has, another when that will not do, and keeps it going (hidden pages, sleep, a
 * server that was away). What is shown and how is reactive.
 */

import { session } from "../session.svelte";
import { abilities, codecs, methods } from "./can";
import type { Ask, Coming, Figures, Format, Method, Open, Player, Stream, Target } from "./types";

export interface Wanted {
  camera: string;
  stream: Stream;
  sound: boolean;
  width: number;
  /** What a person picked. */
  method: Method | "auto";
}

const open: Record<Method, () => Promise<{ open: Open }>> = {
  mse: () => import("./mse"),
  webrtc: () => import("./webrtc"),
  hls: () => import("./hls"),
  mjpeg: () => import("./mjpeg"),
};
const TICK_MS = 1000;
/** A tick that comes so late was slept through. */
const SLEPT_MS = 10_000;
/** A page is hidden for a moment when one looks at another. */
const HIDDEN_MS = 3000;

export class Watch {
  /** What is used now; undefined: nothing will do. */
  method = $state<Method | undefined>();
  coming = $state<Coming>("connecting");
  since = $state<string | null>(null);
  format = $state.raw<Format>({ width: 0, height: 0, codec: "", stream: "", transcoded: false });
  figures = $state.raw<Figures>({ fps: 0, lag: undefined, dropped: 0 });
  /** `performance.now()` of the newest picture; 0: none yet. */
  lastMs = 0;
  /** Since when pictures have been coming without a break, `performance.now()`. */
  liveMs = $state(0);

  #player: Player | null = null;
  #ways: Method[];
  #ticked = Date.now();
  #timer: ReturnType<typeof setInterval>;
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #paused = false;

  constructor(
    private readonly target: Target,
    private readonly wanted: Wanted,
  ) {
    const can = abilities();
    this.#ways = methods(can, wanted.method);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener("visibilitychange", this.#look);
    void this.#next();
  }

  async #next(): Promise<void> {
    this.#player?.close();
    this.#player = null;
    const way = this.#ways.shift();
    this.method = way;
    if (!way) return;
    const { open: start } = await open[way]();
    if (this.#closed || this.method !== way) return;
    const { camera, stream, sound, width } = this.wanted;
    const ask: Ask = { camera, stream, sound, width, codecs: codecs(abilities()) };
    // What a player that was closed still says is of no interest.
    let mine: Player | null = null;
    const heard = () => !this.#closed && (mine === null || mine === this.#player);
    mine = this.#player = start(this.target, ask, {
      coming: (state, since = null) => heard() && this.#is(state, since),
      format: (format) => heard() && (this.format = { ...this.format, ...format }),
      unplayable: () => heard() && queueMicrotask(() => void this.#next()),
      loggedOut: () => void session.load().catch(() => {}),
    });
    if (document.hidden) this.#look();
  }

  #is(state: Coming, since: string | null): void {
    if (state === "live") {
      this.lastMs = performance.now();
      if (this.coming !== "live") this.liveMs = this.lastMs;
    } else this.liveMs = 0;
    this.coming = state;
    this.since = since;
  }

  #tick(): void {
    const slept = Date.now() - this.#ticked > SLEPT_MS && !document.hidden;
    this.#ticked = Date.now();
    if (slept) this.#player?.restart();
    if (this.#player && !document.hidden) void this.#player.figures().then((figures) => (this.figures = figures));
  }

  #look = (): void => {
    clearTimeout(this.#hidden);
    if (document.hidden) this.#hidden = setTimeout(() => this.#pause(true), HIDDEN_MS);
    else this.#pause(false);
  };

  #pause(on: boolean): void {
    if (on === this.#paused) return;
    this.#paused = on;
    this.#player?.pause(on);
  }

  /** UTC ms of the picture that is seen. */
  shown(): number | undefined {
    return this.#player?.shown();
  }

  /** What is on the screen, to be drawn elsewhere; undefined: nothing yet. */
  picture(): HTMLVideoElement | HTMLCanvasElement | undefined {
    if (this.coming === "connecting") return undefined;
    return this.method === "mjpeg" ? this.target.canvas : this.target.video;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#hidden);
    document.removeEventListener("visibilitychange", this.#look);
    this.#player?.close();
    this.#player = null;
  }
}
