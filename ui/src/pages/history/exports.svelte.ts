/** What one had exported, and how far it is: asked for again while something is being made. */

import { get, send } from "../../lib/api";
import { toasts } from "../../parts/toast.svelte";
import type { Export, Us } from "./types";

const EVERY_MS = 1000;

class Exports {
  items = $state<Export[]>([]);
  loaded = $state(false);
  #timer = 0;

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      this.items = (await get<{ items: Export[] }>("/api/exports")).items;
      this.loaded = true;
    } catch (error) {
      toasts.fail(error);
      return;
    }
    if (this.items.some((one) => one.status === "queued" || one.status === "running")) this.#timer = window.setTimeout(() => void this.load(), EVERY_MS);
  }

  async order(cameras: string[], [from, to]: [Us, Us], kind: Export["kind"]): Promise<boolean> {
    try {
      await send<Export>("POST", "/api/exports", { cameras, from: String(from), to: String(to), kind });
      await this.load();
      return true;
    } catch (error) {
      toasts.fail(error);
      return false;
    }
  }

  async remove(one: Export): Promise<void> {
    try {
      await send("DELETE", `/api/exports/${one.id}`);
      this.items = this.items.filter((item) => item.id !== one.id);
    } catch (error) {
      toasts.fail(error);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

export const exports = new Exports();
