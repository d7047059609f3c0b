/**
 * One camera held to the master clock: two <video>, one that is seen, one that loads the next chunk. It follows by playing a little faster
 * or slower, and jumps when it is far off.
 */

import { CHUNK, chunkOf, Footage, mediaOf, wallOf, type Chunk } from "./footage";
import { stepped } from "../../parts/step";
import type { Us } from "./types";

export type State = "loading" | "ready" | "gap" | "failed";

const FAR_S = 0.5;
const PAUSED_S = 0.02;
const PULL = 0.5;
const MOST_PULL = 0.12;
const AHEAD_S = 25;
const MOST_TRIES = 3;
const AGAIN_MS = 1500;

interface Slot {
  video: HTMLVideoElement;
  src: string;
}

export class Track {
  state = $state<State>("loading");
  /** Which of the two is seen. */
  front = $state(0);
  transcoded = $state(false);
  ratio = $state(0);
  /** How far it is from the clock, seconds; for those who measure. */
  drift = 0;
  readonly footage: Footage;
  #slots: Slot[] = [];
  #chunk: Chunk | undefined;
  #shown = -1;
  #step = 1 / 25;
  #stepping = false;
  #tries = 0;
  #tried = 0;

  constructor(
    readonly camera: string,
    stream: string,
    codecs: string,
    changed: () => void,
  ) {
    this.footage = new Footage(camera, stream, codecs, changed);
  }

  take(videos: HTMLVideoElement[]): () => void {
    this.#slots = videos.map((video) => ({ video, src: "" }));
    const stops = this.#slots.map((slot, n) => this.#watch(slot.video, n));
    return () => {
      stops.forEach((stop) => stop());
      for (const { video } of this.#slots) {
        video.removeAttribute("src");
        video.load();
      }
      this.#slots = [];
    };
  }

  #watch(video: HTMLVideoElement, n: number): () => void {
    let last = -1;
    let handle = 0;
    const shown = (_now: number, told: { mediaTime: number }) => {
      const gone = told.mediaTime - last;
      if (gone > 0.004 && gone < 0.4 && !video.paused) this.#step = Math.min(gone, this.#step * 1.5);
      last = told.mediaTime;
      if (n === this.front) this.#shown = told.mediaTime;
      handle = video.requestVideoFrameCallback(shown);
    };
    handle = video.requestVideoFrameCallback(shown);
    const sized = () => video.videoHeight && (this.ratio = video.videoWidth / video.videoHeight);
    video.addEventListener("loadedmetadata", sized);
    return () => {
      video.cancelVideoFrameCallback(handle);
      video.removeEventListener("loadedmetadata", sized);
    };
  }

  /** As the clock says. */
  sync(at: Us, playing: boolean, speed: number): void {
    if (!this.#slots.length || this.#stepping) return;
    const chunk = this.footage.chunk(chunkOf(at));
    this.#chunk = chunk;
    if (!chunk) return this.#rest("loading");
    const now = performance.now();
    if (chunk.partial && at < chunk.start) {
      this.footage.anew(chunkOf(at), at);
      return this.#rest("loading");
    }
    const media = mediaOf(chunk, at);
    if (media === null) return this.#rest("gap");
    this.transcoded = chunk.transcoded;
    this.#show(chunk, media, playing);
    const { video } = this.#slots[this.front]!;
    if (video.error) return this.#again(at);
    const there = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (there && now > this.#tried + 5 * AGAIN_MS) this.#tries = 0;
    this.state = there && !(video.seeking && playing) ? "ready" : "loading";
    if (there) this.#follow(video, media, playing, speed);
    if (playing && (chunkOf(at) + 1) * CHUNK - at < AHEAD_S * speed * 1e6) this.#ahead(chunkOf(at) + 1);
  }

  /**
   * Chromium cannot always jump into a movie whose index it does not have (pictures that depend on later ones); it can always begin it:
   * the rest of the chunk is asked for, from here on.
   */
  #again(at: Us): void {
    const now = performance.now();
    if (this.#tries >= MOST_TRIES) return this.#rest("failed");
    this.state = "loading";
    if (now - this.#tried < AGAIN_MS) return;
    this.#tried = now;
    this.#tries += 1;
    this.footage.anew(chunkOf(at), at);
    const slot = this.#slots[this.front]!;
    slot.src = "";
    slot.video.removeAttribute("src");
    slot.video.load();
  }

  #rest(state: State): void {
    this.state = state;
    for (const { video } of this.#slots) if (!video.paused) video.pause();
  }

  /** The chunk's slot is the front; where none has it, one that is not seen is given it. */
  #show(chunk: Chunk, media: number, playing: boolean): void {
    let n = this.#slots.findIndex((slot) => slot.src === chunk.src);
    if (n < 0) {
      const front = this.#slots[this.front]!;
      // The same minutes, longer now: what is seen stays until it is over.
      if (front.src && same(front.src, chunk.src) && !(media >= front.video.duration - 0.3)) return;
      n = front.src ? 1 - this.front : this.front;
      this.#load(n, chunk, media);
    }
    const { video } = this.#slots[n]!;
    if (n !== this.front && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#slots[this.front]!.video.pause();
      this.front = n;
      if (playing) void video.play().catch(() => undefined);
    } else if (n !== this.front && !playing && Math.abs(video.currentTime - media) > PAUSED_S && !video.seeking) {
      video.currentTime = media;
    }
  }

  #load(n: number, chunk: Chunk, media: number): void {
    const slot = this.#slots[n]!;
    slot.src = chunk.src;
    slot.video.src = chunk.src;
    slot.video.preload = "auto";
    slot.video.currentTime = Math.max(0, media);
  }

  #follow(video: HTMLVideoElement, media: number, playing: boolean, speed: number): void {
    this.drift = media - video.currentTime;
    if (!playing) {
      if (!video.paused) video.pause();
      if (Math.abs(this.drift) > PAUSED_S && !video.seeking) video.currentTime = media;
      return;
    }
    if (video.paused && !video.ended) void video.play().catch(() => undefined);
    if (Math.abs(this.drift) > FAR_S * Math.max(1, speed)) {
      if (!video.seeking) video.currentTime = media;
      return;
    }
    const pull = Math.min(MOST_PULL, Math.max(-MOST_PULL, this.drift * PULL));
    const rate = Math.min(16, Math.max(0.0625, speed * (1 + pull)));
    if (Math.abs(video.playbackRate - rate) > 0.01) video.playbackRate = rate;
  }

  #ahead(n: number): void {
    const chunk = this.footage.chunk(n);
    if (!chunk?.src || chunk.growing) return;
    const back = this.#slots[1 - this.front]!;
    if (back.src !== chunk.src && this.#slots[this.front]!.src !== chunk.src) this.#load(1 - this.front, chunk, 0);
  }

  pause(): void {
    for (const { video } of this.#slots) video.pause();
  }

  sound(on: boolean): void {
    this.#slots.forEach(({ video }, n) => (video.muted = !(on && n === this.front)));
  }

  /** One picture on or back; its wall time. null: none is shown. */
  async stepped(by: 1 | -1): Promise<Us | null> {
    const slot = this.#slots[this.front];
    const chunk = this.#chunk;
    if (!slot || !chunk?.src || this.#shown < 0 || this.state !== "ready") return null;
    this.#stepping = true;
    this.#step = await stepped(slot.video, by, () => this.#shown, this.#step);
    this.#stepping = false;
    return wallOf(chunk, slot.video.currentTime);
  }
}

/** Whether two addresses begin with the same time. */
function same(a: string, b: string): boolean {
  return a.slice(0, a.lastIndexOf("/")) === b.slice(0, b.lastIndexOf("/"));
}
