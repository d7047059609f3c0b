/** Fragments from a WebSocket into a MediaSource: one queue, one append at a time. */

import { siteNow } from "../clock";
import { mediaSource } from "./can";
import { chase, Distance, old } from "./chase";
import { Line, type Announced } from "./line";
import { Rate } from "./rate";
import type { Ask, Open, Player, Target, Tell } from "./types";

/** Fragments that may wait; more means that the browser does not take any. */
const MOST_WAITING = 150;
/** A format that goes on within this of what is there, goes on in the same buffer. */
const GOES_ON_S = 5;
const LOOK_MS = 250;

interface Clock {
  media: number;
  time: number;
}

class Mse implements Player {
  #line: Line;
  #source: MediaSource | null = null;
  #buffer: SourceBuffer | null = null;
  #mime = "";
  #address = "";
  #queue: ArrayBuffer[] = [];
  #clock: Clock | undefined;
  #distance = new Distance();
  #rate = new Rate();
  #timer: ReturnType<typeof setInterval>;
  #looks = 0;

  constructor(
    private readonly target: Target,
    ask: Ask,
    private readonly tell: Tell,
  ) {
    this.#line = new Line(ask, tell, this.#said, this.#given);
    this.#timer = setInterval(this.#look, LOOK_MS);
    target.video.addEventListener("waiting", this.#waited);
    target.video.addEventListener("error", this.#broken);
  }

  // -- what comes

  #said = (message: Announced): void => {
    if (message.clock) this.#clock = { media: message.clock.media, time: Date.parse(message.clock.time) };
    if (message.mime) this.#announced(message as Announced & { mime: string });
    if (message.state) this.tell.coming(message.state, message.since ?? null);
  };

  #announced(message: Announced & { mime: string }): void {
    if (!mediaSource()?.isTypeSupported(message.mime)) return this.tell.unplayable(message.mime);
    this.tell.format({
      width: message.width ?? 0,
      height: message.height ?? 0,
      codec: message.codecs ?? "",
      stream: message.stream ?? "",
      transcoded: message.transcoded ?? false,
    });
    const ahead = message.clock ? message.clock.media - this.#end() : -1;
    const goesOn = this.#buffer !== null && this.#queue.length === 0 && ahead > -0.1 && ahead < GOES_ON_S && !this.#buffer.updating;
    if (!goesOn) this.#begin(message.mime);
    else if (message.mime !== this.#mime) this.#buffer!.changeType(message.mime);
    this.#mime = message.mime;
  }

  #given = (data: ArrayBuffer): void => {
    this.#queue.push(data);
    if (this.#queue.length > MOST_WAITING) return this.restart();
    this.tell.coming("live");
    this.#pump();
  };

  // -- into the browser

  #begin(mime: string): void {
    this.#end_source();
    const Source = mediaSource()!;
    const source = new Source();
    this.#source = source;
    this.#queue = [];
    this.#address = URL.createObjectURL(source);
    const { video } = this.target;
    // A managed source is only given a picture when nothing else could take it away.
    video.disableRemotePlayback = true;
    source.addEventListener("sourceopen", () => {
      if (this.#source !== source || this.#buffer) return;
      this.#buffer = source.addSourceBuffer(mime);
      this.#buffer.mode = "segments";
      this.#buffer.addEventListener("updateend", this.#pump);
      this.#pump();
    });
    video.src = this.#address;
    void video.play().catch(() => {});
  }

  #pump = (): void => {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#source?.readyState !== "open") return;
    const next = this.#queue.shift();
    try {
      if (next) buffer.appendBuffer(next);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      if (error.name !== "QuotaExceededError") return this.restart();
      this.#queue.unshift(next!);
      buffer.remove(0, Math.max(0.1, this.target.video.currentTime - 1));
    }
    this.#chase();
  };

  #chase(): void {
    const { video } = this.target;
    const { seek, rate } = chase(video.currentTime, this.#ranges(), this.#distance.seconds);
    if (seek !== undefined && !video.seeking) video.currentTime = seek;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #look = (): void => {
    const { video } = this.target;
    const buffer = this.#buffer;
    if (++this.#looks % 4 === 0) this.#distance.calm();
    if (!buffer || document.hidden) return;
    if (video.paused) void video.play().catch(() => {});
    const gone = old(video.currentTime, this.#ranges());
    if (gone && !buffer.updating && this.#queue.length === 0) buffer.remove(...gone);
    else this.#pump();
  };

  #waited = (): void => {
    if (this.target.video.currentTime > 0) this.#distance.waited();
  };

  #broken = (): void => {
    // A fragment the decoder cannot take: begin anew with the next keyframe.
    if (this.#source && this.target.video.error) this.restart();
  };

  #ranges(): [number, number][] {
    const ranges = this.#source?.readyState === "open" && this.#buffer ? this.#buffer.buffered : undefined;
    return Array.from({ length: ranges?.length ?? 0 }, (_, at) => [ranges!.start(at), ranges!.end(at)]);
  }

  #end(): number {
    return this.#ranges().at(-1)?.[1] ?? Number.POSITIVE_INFINITY;
  }

  // -- for the page

  pause(on: boolean): void {
    this.#line.pause(on);
    this.target.video.playbackRate = 1;
  }

  restart = (): void => {
    this.#queue = [];
    this.#end_source();
    this.#line.restart();
  };

  async figures() {
    const { totalVideoFrames, droppedVideoFrames } = this.target.video.getVideoPlaybackQuality();
    const shown = this.shown();
    return {
      fps: this.#rate.of(totalVideoFrames, performance.now()),
      lag: shown === undefined ? undefined : (siteNow() - shown) / 1000,
      dropped: droppedVideoFrames,
    };
  }

  shown(): number | undefined {
    return this.#clock && this.#clock.time + (this.target.video.currentTime - this.#clock.media) * 1000;
  }

  #end_source(): void {
    if (!this.#source) return;
    this.#source = this.#buffer = null;
    URL.revokeObjectURL(this.#address);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#line.close();
    const { video } = this.target;
    video.removeEventListener("waiting", this.#waited);
    video.removeEventListener("error", this.#broken);
    this.#end_source();
    video.removeAttribute("src");
    video.load();
  }
}

export const open: Open = (target, ask, tell) => new Mse(target, ask, tell);
