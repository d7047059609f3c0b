/**
 * What happens now: one socket for the whole page, which comes back by itself. Whoever wants a topic asks while it is shown:
 *
 *     $effect(() => news.on("alerts", (alert) => …));       // unsubscribes by itself
 *
 * Topics: alerts, events, cameras, status, observations:CAMERA. After a break `news.back` rises: reload what may have been missed.
 */

import { socketAddress } from "./api";
import { session } from "./session.svelte";

type Hear = (data: never) => void;
const FIRST_MS = 500;
const LONGEST_MS = 10_000;
const POLICY = 1008;
/** Cameras are told of every second: after so long without a word the line is cut, whatever the browser thinks. */
const SILENT_MS = 15_000;

class News {
  /** Whether the socket is open. */
  live = $state(false);
  /** Rises each time the connection is there again after a break. */
  back = $state(0);
  #hearers = new Map<string, Set<Hear>>();
  #socket: WebSocket | null = null;
  #wait = FIRST_MS;
  #wanted = false;
  #silent: ReturnType<typeof setTimeout> | undefined;

  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#open();
  }

  stop() {
    this.#wanted = false;
    clearTimeout(this.#silent);
    this.#socket?.close();
  }

  on<T>(topic: string, hear: (data: T) => void): () => void {
    const hearers = this.#hearers.get(topic) ?? new Set();
    this.#hearers.set(topic, hearers.add(hear as Hear));
    this.#ask();
    return () => {
      hearers.delete(hear as Hear);
      if (hearers.size === 0) this.#hearers.delete(topic);
      this.#ask();
    };
  }

  #ask() {
    if (this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ topics: [...this.#hearers.keys()] }));
  }

  #open() {
    const socket = new WebSocket(socketAddress("/api/ws"));
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      if (!this.live && this.#wait > FIRST_MS) this.back += 1;
      this.#wait = FIRST_MS;
      this.live = true;
      this.#ask();
    };
    socket.onmessage = (message) => {
      clearTimeout(this.#silent);
      this.#silent = setTimeout(() => this.#cut(socket), SILENT_MS);
      const { topic, data } = JSON.parse(message.data as string) as { topic: string; data: never };
      for (const hear of this.#hearers.get(topic) ?? []) hear(data);
    };
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      clearTimeout(this.#silent);
      this.live = false;
      // Refused before it opened, or sent away: perhaps our session is over.
      if (!opened || code === POLICY) void session.load().catch(() => {});
      if (!this.#wanted) return;
      setTimeout(() => this.#wanted && this.#open(), this.#wait);
      this.#wait = Math.min(LONGEST_MS, opened ? FIRST_MS * 2 : this.#wait * 2);
    };
  }

  /** A line that was cut without a word takes minutes to be noticed, and a closed one as long to say so. */
  #cut(socket: WebSocket) {
    const closed = socket.onclose;
    socket.onclose = null;
    socket.close();
    if (this.#socket === socket) closed?.call(socket, new CloseEvent("close"));
  }
}

export const news = new News();
