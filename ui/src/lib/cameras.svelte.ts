/**
 * The cameras one may see, as they are now: `/api/cameras` once, then every second by the topic `cameras`.
 *
 *     $effect(() => cameras.follow());       // while something shows them
 */

import { SvelteMap } from "svelte/reactivity";
import { get } from "./api";
import { news } from "./news.svelte";
import type { Camera } from "./types";

export type { Camera } from "./types";

export type Status = "connecting" | "online" | "stalled" | "offline" | "sleeping" | "ended";

/** Of one stream, as in `/api/status`. */
export interface StreamState {
  camera: string;
  stream: string;
  status: Status;
  since: string;
  reason: string;
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  bitrate?: number;
  recording?: { mode: string; private: boolean; recording: boolean; until: string | null; trouble: string };
  analysed?: { fps: number; motion: number; now: string };
}

class Cameras {
  /** Undefined until they are known. */
  all = $state.raw<Camera[] | undefined>();
  error = $state.raw<unknown>();
  /** By `camera/stream`. */
  readonly #streams = new SvelteMap<string, StreamState>();
  #followers = 0;
  #stop = () => {};

  async load() {
    try {
      const found = await get<{ cameras: Camera[] }>("/api/cameras");
      this.all = found.cameras.filter((camera) => camera.enabled);
      this.error = undefined;
      await this.#state();
    } catch (error) {
      this.error = error;
    }
  }

  /** Who may not see the whole status hears of the cameras within a second. */
  async #state() {
    try {
      const found = await get<{ cameras: StreamState[] }>("/api/status");
      for (const one of found.cameras) this.#hear(one);
    } catch {
      return;
    }
  }

  follow(): () => void {
    if (this.#followers++ === 0) {
      void this.load();
      this.#stop = news.on<StreamState>("cameras", (one) => this.#hear(one));
    }
    return () => {
      if (--this.#followers === 0) this.#stop();
    };
  }

  #hear(one: StreamState) {
    this.#streams.set(`${one.camera}/${one.stream}`, one);
  }

  one(id: string): Camera | undefined {
    return this.all?.find((camera) => camera.id === id);
  }

  stream(id: string, stream: "main" | "sub" = "main"): StreamState | undefined {
    return this.#streams.get(`${id}/${stream}`);
  }

  /** How the camera is: as its best stream. */
  state(id: string): StreamState | undefined {
    const found = [this.stream(id), this.stream(id, "sub")].filter((one) => one !== undefined);
    return found.find((one) => one.status === "online") ?? found[0];
  }

  /** What was seen in it last. */
  seen(id: string): StreamState["analysed"] {
    return this.stream(id)?.analysed ?? this.stream(id, "sub")?.analysed;
  }

  isPrivate(id: string): boolean {
    return this.stream(id)?.recording?.private ?? this.stream(id, "sub")?.recording?.private ?? this.one(id)?.private ?? false;
  }

  /** Width by height of its picture. */
  ratio(id: string): number {
    const known = [this.stream(id), this.stream(id, "sub"), ...(this.one(id)?.streams ?? [])].find((one) => one?.width && one.height);
    return known ? known.width! / known.height! : 16 / 9;
  }
}

export const cameras = new Cameras();
