/** WebRTC by WHEP (RFC 9725): one offer, one answer, nothing to say afterwards but goodbye. */

import { siteNow } from "../clock";
import { Rate } from "./rate";
import type { Ask, Open, Player, Target, Tell } from "./types";
import { Wait } from "./wait";

const GATHER_MS = 1000;
const LOOK_MS = 1000;
/** So many looks without a new picture, and it is tried anew. */
const STUCK_LOOKS = 8;
/** Answers that mean: not this way. 503 and the like are tried again. */
const NEVER = new Set([400, 404, 405, 406, 409, 415, 422, 501]);

class WebRtc implements Player {
  #connection: RTCPeerConnection | null = null;
  #session = "";
  #closed = false;
  #paused = false;
  #wait = new Wait();
  #rate = new Rate();
  #frames = 0;
  #stuck = 0;
  #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly target: Target,
    private readonly ask: Ask,
    private readonly tell: Tell,
  ) {
    addEventListener("online", this.restart);
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    connection.addTransceiver("video", { direction: "recvonly" });
    if (this.ask.sound) connection.addTransceiver("audio", { direction: "recvonly" });
    const stream = new MediaStream();
    connection.ontrack = ({ track, receiver }) => {
      // As little waiting as the network allows.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      stream.addTrack(track);
      this.target.video.srcObject = stream;
      void this.target.video.play().catch(() => {});
    };
    connection.onconnectionstatechange = () => {
      if (this.#connection === connection && ["failed", "closed"].includes(connection.connectionState)) this.#again();
    };
    try {
      await connection.setLocalDescription();
      await gathered(connection);
      if (this.#connection === connection) await this.#exchange(connection);
    } catch {
      if (this.#connection === connection) this.#again();
    }
  }

  async #exchange(connection: RTCPeerConnection): Promise<void> {
    const path = `/api/live/${encodeURIComponent(this.ask.camera)}/whep?stream=${this.ask.stream}`;
    const headers = { "content-type": "application/sdp" };
    const answer = await fetch(path, { method: "POST", body: connection.localDescription!.sdp, headers });
    if (answer.status === 401) this.tell.loggedOut();
    if (NEVER.has(answer.status)) return this.tell.unplayable(`${answer.status}`);
    if (!answer.ok) return this.#again();
    const session = answer.headers.get("location") ?? "";
    const sdp = await answer.text();
    if (this.#connection !== connection) return forget(session);
    this.#session = session;
    await connection.setRemoteDescription({ type: "answer", sdp });
  }

  #again(): void {
    this.#drop();
    if (this.#closed || this.#paused) return;
    this.tell.coming("lost");
    this.#wait.then(() => void this.#connect());
  }

  async #video(): Promise<RTCInboundRtpStreamStats | undefined> {
    const report = await this.#connection?.getStats();
    for (const one of report?.values() ?? []) if (one.type === "inbound-rtp" && one.kind === "video") return one;
    return undefined;
  }

  async #look(): Promise<void> {
    if (!this.#connection || this.#paused) return;
    const found = await this.#video();
    const frames = found?.framesDecoded ?? 0;
    if (frames > this.#frames) {
      this.#wait.reset();
      this.#stuck = 0;
      this.tell.coming("live");
      this.tell.format({ width: found!.frameWidth ?? 0, height: found!.frameHeight ?? 0, codec: "h264" });
    } else if (++this.#stuck === STUCK_LOOKS) {
      this.#stuck = 0;
      this.#again();
    } else if (this.#stuck > 2) {
      this.tell.coming("waiting");
    }
    this.#frames = frames;
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
    void this.#connect();
  };

  async figures() {
    const found = await this.#video();
    const { jitterBufferDelay = 0, jitterBufferEmittedCount = 0, framesDecoded = 0, framesDropped = 0 } = found ?? {};
    return {
      fps: this.#rate.of(framesDecoded, performance.now()),
      lag: jitterBufferEmittedCount ? jitterBufferDelay / jitterBufferEmittedCount : undefined,
      dropped: framesDropped,
    };
  }

  /** The way over the network is short: what is decoded now was taken now. */
  shown(): number | undefined {
    return this.#frames ? siteNow() - 150 : undefined;
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    if (this.#session) forget(this.#session);
    this.#session = "";
    this.#frames = 0;
  }

  close(): void {
    this.#closed = true;
    this.#wait.stop();
    clearInterval(this.#timer);
    removeEventListener("online", this.restart);
    this.#drop();
    this.target.video.srcObject = null;
  }
}

/** The server must not keep it until it notices. */
function forget(session: string): void {
  void fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** Every address of ours is in the offer, or enough time has passed. */
function gathered(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const look = () => connection.iceGatheringState === "complete" && resolve();
    connection.addEventListener("icegatheringstatechange", look);
    setTimeout(resolve, GATHER_MS);
    look();
  });
}

export const open: Open = (target, ask, tell) => new WebRtc(target, ask, tell);
