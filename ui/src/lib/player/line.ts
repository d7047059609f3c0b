/** A WebSocket to the live view of one camera that comes back by itself: growing waits, after sleep, when the network is there again. */

import { socketAddress } from "../api";
import type { Ask, Tell } from "./types";
import { Wait } from "./wait";

const UNPLAYABLE = 4406;
const LOGGED_OUT = 4403;

export interface Announced {
  mime?: string;
  stream?: string;
  codecs?: string;
  width?: number;
  height?: number;
  transcoded?: boolean;
  clock?: { media: number; time: string };
  state?: "waiting" | "offline" | "live";
  since?: string | null;
  error?: string;
}

export class Line {
  #socket: WebSocket | null = null;
  #wait = new Wait();
  #closed = false;
  #paused = false;

  constructor(
    private readonly ask: Ask,
    private readonly tell: Tell,
    private readonly said: (message: Announced) => void,
    private readonly given: (data: ArrayBuffer) => void,
  ) {
    addEventListener("online", this.restart);
    this.#open();
  }

  #open(): void {
    const { camera, stream, codecs, sound } = this.ask;
    const wanted = codecs.filter((codec) => sound || !["aac", "opus"].includes(codec));
    const socket = new WebSocket(socketAddress(`/api/live/${encodeURIComponent(camera)}/mse`, { stream, codecs: wanted }));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    let opened = false;
    socket.onopen = () => {
      opened = true;
      if (this.#paused) socket.send('{"pause":true}');
    };
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") this.said(JSON.parse(data) as Announced);
      else {
        this.#wait.reset();
        this.given(data);
      }
    };
    socket.onclose = ({ code }) => {
      // One that is refused is closed before it opens, and nobody says why: perhaps our session is over.
      if (this.#socket === socket) this.#gone(opened ? code : LOGGED_OUT);
    };
  }

  #gone(code: number): void {
    this.#socket = null;
    if (this.#closed) return;
    if (code === UNPLAYABLE) return this.tell.unplayable("codec");
    if (code === LOGGED_OUT) this.tell.loggedOut();
    this.tell.coming("lost");
    this.#wait.then(() => this.#open());
  }

  pause(on: boolean): void {
    this.#paused = on;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ pause: on }));
  }

  restart = (): void => {
    if (this.#closed) return;
    this.#wait.stop();
    this.#wait.reset();
    this.#drop();
    this.#open();
  };

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  close(): void {
    this.#closed = true;
    this.#wait.stop();
    this.#drop();
    removeEventListener("online", this.restart);
  }
}
