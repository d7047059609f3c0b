/**
 * The configuration as it is, and changes of it: one for the whole page.
 *
 *     await config.load();
 *     await config.save([{ op: "set", path: ["cameras", "yard", "enabled"], value: false }], "…")   // false: not saved
 *
 * Somebody else's change in between makes `conflict`, which Conflict.svelte asks about; what a change would break is in `refused`.
 */

import { get, Problem, send } from "../../lib/api";
import { cameras } from "../../lib/cameras.svelte";
import { toasts } from "../../parts/toast.svelte";
import type { Schema } from "../../parts/form/schema";
import { texts } from "../../texts";
import { applied, at, changes, dotted, isSection, type Edit, type Path, type Values } from "./edits";
import type { Configuration, Saved, Wrong } from "./types";

export interface Conflict {
  who: string;
  when: string;
  /** Whether to put one's own on top. */
  answer: (mine: boolean) => void;
}

class Config {
  now = $state.raw<Configuration>();
  schema = $state.raw<Schema>();
  error = $state.raw<unknown>();
  conflict = $state.raw<Conflict>();
  refused = $state.raw<Wrong[]>([]);
  busy = $state(false);

  async load() {
    try {
      this.schema ??= await get<Schema>("/api/config/schema");
      this.now = await get<Configuration>("/api/config");
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
  }

  at(path: Path): unknown {
    return at(this.now?.values, path);
  }

  section(path: Path): Values {
    const found = this.at(path);
    return isSection(found) ? found : {};
  }

  /** Whether the environment sets it, or something in it. */
  locked(path: Path): boolean {
    const key = dotted(path);
    return this.now?.locked.some((one) => one === key || key.startsWith(`${one}.`)) ?? false;
  }

  async save(edits: Edit[], note = "", said: string = texts.setup.saved): Promise<boolean> {
    return edits.length ? this.#put({ edits, note }, said) : true;
  }

  async saveText(text: string, note = ""): Promise<boolean> {
    return this.#put({ text, note }, texts.setup.saved);
  }

  async restore(version: string, said: string): Promise<boolean> {
    const from = this.now?.version ?? "";
    const saved = await send<Saved>("POST", `/api/config/history/${version}/restore`, { version: from });
    await this.#changed();
    const undo = from ? () => this.#undo(from, version) : undefined;
    if (saved.used) toasts.say(said, undo);
    else toasts.say(texts.setup.notInUse(saved.unused), undo, "bad");
    return true;
  }

  async #put(change: { edits?: Edit[]; text?: string; note: string }, said: string): Promise<boolean> {
    this.busy = true;
    this.refused = [];
    const before = this.now?.version ?? "";
    try {
      const saved = await send<Saved>("PUT", "/api/config", { version: before, ...change });
      await this.#changed();
      const again = saved.pending.length ? ` ${texts.setup.afterRestart(saved.pending)}` : "";
      const undo = before && saved.version !== before ? () => this.#undo(before, saved.version) : undefined;
      if (saved.used) toasts.say(said + again, undo);
      else toasts.say(texts.setup.notInUse(saved.unused), undo, "bad");
      return true;
    } catch (error) {
      if (error instanceof Problem && error.status === 409) return await this.#ask(error, change, said);
      if (error instanceof Problem && error.status === 422) this.refused = (error.body.problems as Wrong[] | undefined) ?? [];
      toasts.fail(this.refused[0] ? new Error(`${this.refused[0].key}: ${this.refused[0].message}`) : error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** What was typed stays; who looks at theirs first finds it where it was. */
  async #ask(problem: Problem, change: { edits?: Edit[]; text?: string; note: string }, said: string): Promise<boolean> {
    const mine = await new Promise<boolean>((answer) => {
      this.conflict = { who: String(problem.body.who ?? ""), when: String(problem.body.when ?? ""), answer };
    });
    this.conflict = undefined;
    await this.load();
    return mine && (await this.#put(change, said));
  }

  /** Only while nothing came after it: going back would take that along. */
  async #undo(version: string, from: string) {
    if (this.now?.version !== from) {
      toasts.say(texts.setup.tooLate, undefined, "bad");
      return;
    }
    await send("POST", `/api/config/history/${version}/restore`, { version: from });
    await this.#changed();
    toasts.say(texts.setup.undone);
  }

  async #changed() {
    await this.load();
    await cameras.load();
  }
}

export const config = new Config();

/** A section while somebody types: only what differs is sent, and what was typed outlives a reload. */
export class Draft {
  value = $state.raw<Values>({});
  #base = $state.raw<Values>({});
  readonly path: Path;

  constructor(path: Path) {
    this.path = path;
    this.#base = config.section(path);
    this.value = this.#base;
  }

  get edits(): Edit[] {
    return changes(this.#base, this.value, this.path);
  }

  /** On top of the configuration as it is now. */
  rebase() {
    const mine = changes(this.#base, this.value, this.path);
    this.#base = config.section(this.path);
    this.value = applied(this.#base, mine, this.path);
  }

  drop() {
    this.value = this.#base;
    config.refused = [];
  }

  async save(note = ""): Promise<boolean> {
    const done = await config.save(this.edits, note);
    if (done) {
      this.#base = config.section(this.path);
      this.value = this.#base;
    } else this.rebase();
    return done;
  }
}
