/** The cards of the inbox: pages by cursor, news put in place, and nothing that is being read moves. */

import { hourBegun } from "../../lib/calendar";
import { get, type Query } from "../../lib/api";
import { itemOfAlert, itemOfEvent, type Alert, type Happening, type Item, type Page, type Said } from "./types";

const FIRST = 60;
const NEXT = 100;

export class List {
  items = $state<Item[]>([]);
  /** What came since and is not shown yet. */
  waiting = $state<Item[]>([]);
  loading = $state(true);
  error = $state<unknown>(null);
  done = $state(false);
  #next: string | null = null;
  #query: Query = {};
  #quiet = false;
  #stop = new AbortController();

  /** From the beginning, with this filter. What was asked for before no longer matters. */
  async load(query: Query, quiet: boolean): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    [this.#query, this.#quiet, this.#next] = [query, quiet, null];
    [this.waiting, this.done, this.loading, this.error] = [[], false, true, null];
    await this.#page(FIRST, (items) => (this.items = items));
  }

  /** The next page, once at a time. */
  async more(): Promise<void> {
    if (this.loading || this.done || this.error) return;
    this.loading = true;
    await this.#page(NEXT, (items) => this.items.push(...items));
  }

  async retry(): Promise<void> {
    this.error = null;
    if (this.#next === null) await this.load(this.#query, this.#quiet);
    else await this.more();
  }

  async #page(limit: number, take: (items: Item[]) => void): Promise<void> {
    const stop = this.#stop;
    try {
      const page = await this.#get(limit, this.#next ?? "", stop.signal);
      if (stop.signal.aborted) return;
      take(page.items);
      this.#next = page.next;
      this.done = page.next === null;
    } catch (error) {
      if (stop.signal.aborted) return;
      this.error = error;
    }
    this.loading = false;
  }

  async #get(limit: number, after: string, signal: AbortSignal): Promise<Page<Item>> {
    const query = { ...this.#query, limit, after };
    if (this.#quiet) {
      const page = await get<Page<Happening>>("/api/events", query, signal);
      return { items: page.items.map(itemOfEvent), next: page.next };
    }
    const page = await get<Page<Alert>>("/api/alerts", query, signal);
    return { items: page.items.map(itemOfAlert), next: page.next };
  }

  /** Look whether something came: known cards change in place, new ones wait, or are `shown` at once. */
  async fresh(shown: boolean): Promise<void> {
    if (this.loading || this.error) return;
    const signal = this.#stop.signal;
    const page = await this.#get(40, "", signal).catch(() => null);
    if (!page || signal.aborted) return;
    const known = new Map(this.items.map((item, at) => [item.id, at]));
    const came: Item[] = [];
    for (const item of page.items) {
      const at = known.get(item.id);
      if (at === undefined) came.push(item);
      else this.items[at] = item;
    }
    const first = this.items[0]?.start ?? "";
    this.waiting = came.filter((item) => item.start >= first);
    if (shown) this.show();
  }

  show(): void {
    this.items.unshift(...this.waiting);
    this.waiting = [];
  }

  /** What was said of some of them. */
  said(ids: ReadonlySet<string>, change: Partial<Said>): void {
    for (const item of this.items) if (ids.has(item.id)) Object.assign(item, change);
  }
}

/** Cards by the hour in which they began, in the order they have. */
export function byHour(items: readonly Item[]): { hour: number; items: { item: Item; at: number }[] }[] {
  const groups: { hour: number; items: { item: Item; at: number }[] }[] = [];
  items.forEach((item, at) => {
    const hour = hourBegun(Date.parse(item.start));
    const last = groups.at(-1);
    if (last?.hour === hour) last.items.push({ item, at });
    else groups.push({ hour, items: [{ item, at }] });
  });
  return groups;
}
