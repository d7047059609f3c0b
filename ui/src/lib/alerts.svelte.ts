/**
 * The newest alerts, as they happen: the first page of the inbox once, then the topic `alerts`.
 *
 *     $effect(() => newest.follow());       // while something shows them
 */

import { get } from "./api";
import { siteNow } from "./clock";
import { news } from "./news.svelte";
import type { Alert, Listed } from "./types";

const SHOWN = 20;
/** Else an alert whose end was missed keeps its frame for ever. */
const OPEN_MS = 15 * 60_000;

class Newest {
  items = $state.raw<Alert[] | undefined>();
  error = $state.raw<unknown>();
  #open = $derived(new Set(this.items?.filter(isOpen).map((one) => one.camera)));
  #followers = 0;
  #stop = () => {};

  async load() {
    try {
      this.items = (await get<Listed<Alert>>("/api/alerts", { limit: SHOWN })).items;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
  }

  follow(): () => void {
    if (this.#followers++ === 0) {
      void this.load();
      this.#stop = news.on<Alert>("alerts", (one) => this.#hear(one));
    }
    return () => {
      if (--this.#followers === 0) this.#stop();
    };
  }

  /** Whether an alert of the camera is open. */
  open(camera: string): boolean {
    return this.#open.has(camera);
  }

  #hear(one: Alert) {
    const known = this.items ?? [];
    const before = known.find((item) => item.id === one.id);
    const others = known.filter((item) => item.id !== one.id);
    const all = [{ ...before, ...one }, ...others].sort((a, b) => b.opened.localeCompare(a.opened));
    this.items = all.slice(0, SHOWN);
  }
}

function isOpen(alert: Alert): boolean {
  return alert.state === "open" && alert.severity === "alert" && siteNow() - Date.parse(alert.updated) < OPEN_MS;
}

export const newest = new Newest();
