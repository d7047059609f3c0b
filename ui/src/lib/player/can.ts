/** What this browser can play, and so which ways are tried in which order. It is asked, never guessed from its name. */

import { METHODS, type Method } from "./types";

/** What is asked; a test gives another. */
export interface Abilities {
  mse: { isTypeSupported(type: string): boolean } | undefined;
  webrtc: boolean;
  nativeHls: boolean;
}

const NAMES: Record<string, string> = {
  h264: 'video/mp4; codecs="avc1.640028"',
  hevc: 'video/mp4; codecs="hvc1.1.6.L120.90"',
  aac: 'audio/mp4; codecs="mp4a.40.2"',
  opus: 'audio/mp4; codecs="opus"',
};

/** On an iPhone there is only the managed one. */
export function mediaSource(): typeof MediaSource | undefined {
  const managed = (globalThis as { ManagedMediaSource?: typeof MediaSource }).ManagedMediaSource;
  return managed ?? globalThis.MediaSource;
}

export function abilities(): Abilities {
  return {
    mse: mediaSource(),
    webrtc: "RTCPeerConnection" in globalThis,
    nativeHls: document.createElement("video").canPlayType("application/vnd.apple.mpegurl") !== "",
  };
}

export function codecs({ mse }: Abilities): string[] {
  return Object.keys(NAMES).filter((name) => mse?.isTypeSupported(NAMES[name]!));
}

/** Ways that may work, best first; the one a person picked before all others. */
export function methods(can: Abilities, picked: Method | "auto" = "auto"): Method[] {
  const h264 = can.mse?.isTypeSupported(NAMES.h264!) ?? false;
  const works: Record<Method, boolean> = { mse: h264, webrtc: can.webrtc, hls: can.nativeHls || h264, mjpeg: true };
  const rank = (method: Method) => (method === picked ? -1 : METHODS.indexOf(method));
  return METHODS.filter((method) => works[method]).toSorted((a, b) => rank(a) - rank(b));
}
