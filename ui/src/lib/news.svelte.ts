/**
 * What happens now: one socket for the whole page, which comes back by itself. Whoever wants a topic asks while it is shown:
 *
 *     $effect(() => news.on("alerts", (alert) => …));       // unsubscribes by itself
 *
 * Topics: alerts, events, cameras, status, observations:CAMERA. After a break `news.back` rises: reload what may have been missed.
 */

import { socketAddress } from "./api";

type Hear = (data: never) => void;
const FIRST_MS = 500;
const LONGEST_MS = 10_000;

class News {
  /** Whether the socket is open. */
  live = $state(false);
  /** Rises each time the connection is there again after a break. */
  back = $state(0);
  #hearers = new Map<string, Set<Hear>>();
  #socket: WebSocket | null = null;
  #wait = FIRST_MS;
  #wanted = false;

  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#open();
  }

  stop() {
    this.#wanted = false;
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
      const { topic, data } = JSON.parse(message.data as string) as { topic: string; data: never };
      for (const hear of this.#hearers.get(topic) ?? []) hear(data);
    };
    socket.onclose = () => {
      this.live = false;
      if (!this.#wanted) return;
      setTimeout(() => this.#wanted && this.#open(), this.#wait);
      this.#wait = Math.min(LONGEST_MS, opened ? FIRST_MS * 2 : this.#wait * 2);
    };
  }
}

export const news = new News();
