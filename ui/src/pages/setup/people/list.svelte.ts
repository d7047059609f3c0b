/** A list of the server's that a view shows: loaded, and again after each change. */

import { get } from "../../../lib/api";
import { toasts } from "../../../parts/toast.svelte";

export class List<T> {
  items = $state.raw<T[]>();
  error = $state.raw<unknown>();
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async load() {
    try {
      this.items = (await get<{ items: T[] }>(this.#path)).items;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
  }

  /** Does it, says so, and loads again; what failed is told. */
  async act<R>(work: () => Promise<R>, said = ""): Promise<R | undefined> {
    try {
      const done = await work();
      if (said) toasts.say(said);
      await this.load();
      return done;
    } catch (error) {
      toasts.fail(error);
      return undefined;
    }
  }
}
