/**
 * What a person likes, kept by the server for their account (`/api/preferences`) and by this browser until it answers:
 *
 *     const filters = preferences.get("filters", []);      // reactive
 *     preferences.set("filters", [...filters, one]);       // written a moment later, once for several changes
 *
 * A key per part: theme, rail, wall, player, filters … At most 64 kB in all.
 */

import { get, Problem, send } from "./api";

const KEPT = "redshank.preferences";
const WRITE_MS = 800;

class Preferences {
  #all = $state.raw<Record<string, unknown>>(kept());
  #timer: ReturnType<typeof setTimeout> | undefined;

  async load() {
    try {
      const found = await get<Record<string, unknown>>("/api/preferences");
      // What was changed here meanwhile is newer.
      if (this.#timer === undefined) this.#take(found);
    } catch (error) {
      // A guest has none, and a broken line is no reason to show nothing.
      if (!(error instanceof Problem)) throw error;
    }
  }

  get<T>(key: string, otherwise: T): T {
    return (this.#all[key] as T | undefined) ?? otherwise;
  }

  set(key: string, value: unknown) {
    this.#take({ ...this.#all, [key]: value });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#write(), WRITE_MS);
  }

  /** Somebody else is here now. */
  forget() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#take({});
  }

  #take(all: Record<string, unknown>) {
    this.#all = all;
    try {
      localStorage.setItem(KEPT, JSON.stringify(all));
    } catch {
      // Private windows may have no room; the server has it.
    }
  }

  async #write() {
    this.#timer = undefined;
    try {
      await send("PUT", "/api/preferences", this.#all);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}

function kept(): Record<string, unknown> {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Record<string, unknown>;
  } catch {
    return {};
  }
}

export const preferences = new Preferences();
