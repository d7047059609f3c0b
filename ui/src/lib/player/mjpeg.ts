/** A stream of JPEGs onto a canvas: for what plays nothing else. Read by hand, so that we know when it stops. */

import { siteNow } from "../clock";
import { address } from "../api";
import { Multipart, type Part } from "./multipart";
import { Rate } from "./rate";
import type { Ask, Open, Player, Target, Tell } from "./types";
import { Wait } from "./wait";

const QUIET_MS = 12_000;
const FPS = 5;

class Mjpeg implements Player {
  #stop: AbortController | null = null;
  #closed = false;
  #paused = false;
  #wait = new Wait();
  #rate = new Rate();
  #count = 0;
  #dropped = 0;
  #drawing = false;
  #shown: number | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly target: Target,
    private readonly ask: Ask,
    private readonly tell: Tell,
  ) {
    addEventListener("online", this.restart);
    void this.#read();
  }

  async #read(): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const { camera, width } = this.ask;
    const asked = { width: Math.min(1920, Math.max(320, Math.round(width))), fps: FPS };
    try {
      const answer = await fetch(address(`/api/live/${encodeURIComponent(camera)}/mjpeg`, asked), { signal: stop.signal });
      if (answer.status === 401) this.tell.loggedOut();
      if (answer.status === 404) return this.tell.unplayable("404");
      const reader = answer.ok ? answer.body?.getReader() : undefined;
      const parts = new Multipart();
      while (reader) {
        this.#watch(stop);
        const { done, value } = await reader.read();
        if (done) break;
        const newest = parts.add(value).at(-1);
        if (newest) void this.#draw(newest);
      }
    } catch (error) {
      if (stop.signal.aborted && this.#stop !== stop) return;
      if (!(error instanceof TypeError || error instanceof RangeError || error instanceof DOMException)) throw error;
    }
    if (this.#stop === stop) this.#again();
  }

  /** A connection that was cut without a word. */
  #watch(stop: AbortController): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => stop.abort(), QUIET_MS);
  }

  async #draw(part: Part): Promise<void> {
    if (this.#drawing) {
      this.#dropped += 1;
      return;
    }
    this.#drawing = true;
    try {
      const picture = await createImageBitmap(new Blob([part.body], { type: "image/jpeg" }));
      const { canvas } = this.target;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        this.tell.format({ width: picture.width, height: picture.height, codec: "jpeg", transcoded: true });
      }
      canvas.getContext("2d")?.drawImage(picture, 0, 0);
      picture.close();
      const taken = Date.parse(part.headers.get("redshank-time") ?? "");
      this.#shown = Number.isNaN(taken) ? undefined : taken;
      this.#count += 1;
      this.#wait.reset();
      this.tell.coming("live");
    } catch {
      this.#dropped += 1;
    } finally {
      this.#drawing = false;
    }
  }

  #again(): void {
    this.#drop();
    if (this.#closed || this.#paused) return;
    this.tell.coming("lost");
    this.#wait.then(() => void this.#read());
  }

  pause(on: boolean): void {
    this.#paused = on;
    if (on) {
      this.#wait.stop();
      this.#drop();
    } else this.restart();
  }

  restart = (): void => {
    if (this.#closed) return;
    this.#wait.stop();
    this.#wait.reset();
    this.#drop();
    void this.#read();
  };

  async figures() {
    const lag = this.#shown === undefined ? undefined : (siteNow() - this.#shown) / 1000;
    return { fps: this.#rate.of(this.#count, performance.now()), lag, dropped: this.#dropped };
  }

  shown(): number | undefined {
    return this.#shown;
  }

  #drop(): void {
    clearTimeout(this.#quiet);
    const stop = this.#stop;
    this.#stop = null;
    stop?.abort();
  }

  close(): void {
    this.#closed = true;
    this.#wait.stop();
    removeEventListener("online", this.restart);
    this.#drop();
  }
}

export const open: Open = (target, ask, tell) => new Mjpeg(target, ask, tell);
