/** What every player is and tells, whatever way the picture comes. */

/** mse: WebSocket into Media Source Extensions · webrtc: WHEP · hls: low-latency HLS · mjpeg: a stream of JPEGs. */
export type Method = "mse" | "webrtc" | "hls" | "mjpeg";
export type Stream = "auto" | "main" | "sub";
export const METHODS: readonly Method[] = ["mse", "webrtc", "hls", "mjpeg"];

/** live: pictures come · waiting: the server has none yet · offline: the camera is away · lost: no connection, tried again by itself. */
export type Coming = "connecting" | "live" | "waiting" | "offline" | "lost";

export interface Target {
  video: HTMLVideoElement;
  canvas: HTMLCanvasElement;
}

export interface Ask {
  camera: string;
  stream: Stream;
  sound: boolean;
  /** CSS pixels of the box, times the density of the screen. */
  width: number;
  /** RFC-less names, as the API has them: h264, hevc, aac, opus. */
  codecs: readonly string[];
}

export interface Format {
  width: number;
  height: number;
  codec: string;
  stream: string;
  transcoded: boolean;
}

/** Called by a player, at any time until it is closed. */
export interface Tell {
  coming(state: Coming, since?: string | null): void;
  format(format: Partial<Format>): void;
  /** This way will not do for this camera in this browser: take another. */
  unplayable(why: string): void;
  /** Our session has ended. */
  loggedOut(): void;
}

export interface Figures {
  fps: number;
  /** How far what is shown is behind, seconds; undefined: not known. */
  lag: number | undefined;
  dropped: number;
}

export interface Player {
  /** Nobody looks: nothing is to be sent. */
  pause(on: boolean): void;
  /** The line may have been cut without anybody saying so. */
  restart(): void;
  figures(): Promise<Figures>;
  /** UTC ms at which the shown picture was taken; undefined: not known. */
  shown(): number | undefined;
  close(): void;
}

export type Open = (target: Target, ask: Ask, tell: Tell) => Player;
