/** Low-latency HLS: what the browser has of its own, else hls.js. */

import { siteNow } from "../clock";
import type Hls from "hls.js";
import { mediaSource } from "./can";
import { Rate } from "./rate";
import type { Ask, Open, Player, Target, Tell } from "./types";
import { Wait } from "./wait";

const LOOK_MS = 1000;
const STUCK_LOOKS = 12;

class HlsPlayer implements Player {
  #hls: Hls | null = null;
  #closed = false;
  #paused = false;
  #wait = new Wait(1000);
  #rate = new Rate();
  #timer: ReturnType<typeof setInterval>;
  #at = 0;
  #stuck = 0;
  #address: string;

  constructor(
    private readonly target: Target,
    ask: Ask,
    private readonly tell: Tell,
  ) {
    const list = ask.stream === "auto" ? "master.m3u8" : `${ask.stream}/index.m3u8`;
    this.#address = `/api/live/${encodeURIComponent(ask.camera)}/hls/${list}`;
    addEventListener("online", this.restart);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    void this.#begin();
  }

  async #begin(): Promise<void> {
    const { video } = this.target;
    if (!mediaSource()) {
      video.src = this.#address;
      video.onerror = () => this.#again();
      return void video.play().catch(() => {});
    }
    const { default: Hls } = await import("hls.js/light");
    if (this.#closed || this.#paused || this.#hls) return;
    // A worker from a blob is what our Content-Security-Policy is there to forbid.
    const hls = new Hls({ lowLatencyMode: true, enableWorker: false, backBufferLength: 10, maxLiveSyncPlaybackRate: 1.1 });
    this.#hls = hls;
    hls.on(Hls.Events.ERROR, (_event, { fatal, details, response }) => {
      if (!fatal || this.#hls !== hls) return;
      if (response?.code === 401) this.tell.loggedOut();
      const never = details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR || [404, 405, 406].includes(response?.code ?? 0);
      if (never) this.tell.unplayable(details);
      else this.#again();
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, (_event, { level }) => {
      const { width = 0, height = 0, videoCodec = "" } = hls.levels[level] ?? {};
      this.tell.format({ width, height, codec: videoCodec });
    });
    hls.attachMedia(video);
    hls.loadSource(this.#address);
    void video.play().catch(() => {});
  }

  #again(): void {
    this.#drop();
    if (this.#closed || this.#paused) return;
    this.tell.coming("lost");
    this.#wait.then(() => void this.#begin());
  }

  #look(): void {
    const { video } = this.target;
    if (this.#paused || document.hidden) return;
    if (video.paused && video.readyState > 2) void video.play().catch(() => {});
    if (video.currentTime > this.#at && video.readyState > 1) {
      this.#stuck = 0;
      this.#wait.reset();
      this.tell.coming("live");
      if (!this.#hls) this.tell.format({ width: video.videoWidth, height: video.videoHeight });
    } else if (++this.#stuck === STUCK_LOOKS) {
      this.#stuck = 0;
      this.#again();
    } else if (this.#stuck > 2) this.tell.coming("waiting");
    this.#at = video.currentTime;
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
    void this.#begin();
  };

  async figures() {
    const { totalVideoFrames, droppedVideoFrames } = this.target.video.getVideoPlaybackQuality();
    const shown = this.shown();
    return {
      fps: this.#rate.of(totalVideoFrames, performance.now()),
      lag: shown === undefined ? this.#hls?.latency : (siteNow() - shown) / 1000,
      dropped: droppedVideoFrames,
    };
  }

  shown(): number | undefined {
    const { video } = this.target;
    const begun = (video as { getStartDate?: () => Date }).getStartDate?.().getTime();
    const native = begun && !Number.isNaN(begun) ? begun + video.currentTime * 1000 : undefined;
    return this.#hls?.playingDate?.getTime() ?? native;
  }

  #drop(): void {
    this.#hls?.destroy();
    this.#hls = null;
    this.#at = 0;
    const { video } = this.target;
    video.onerror = null;
    video.removeAttribute("src");
    video.load();
  }

  close(): void {
    this.#closed = true;
    this.#wait.stop();
    clearInterval(this.#timer);
    removeEventListener("online", this.restart);
    this.#drop();
  }
}

export const open: Open = (target, ask, tell) => new HlsPlayer(target, ask, tell);
