/** Short notices at the edge of the page: what was done, with a way back. */

export interface Toast {
  id: number;
  text: string;
  kind: "good" | "bad";
  undo?: () => void | Promise<void>;
}

const STAYS_MS = 8000;

class Toasts {
  all = $state<Toast[]>([]);
  #next = 1;

  say(text: string, undo?: Toast["undo"], kind: Toast["kind"] = "good") {
    const id = this.#next++;
    this.all.push({ id, text, kind, ...(undo ? { undo } : {}) });
    setTimeout(() => this.drop(id), STAYS_MS);
  }

  /** What a failed request says. */
  fail(error: unknown) {
    this.say(error instanceof Error ? error.message : String(error), undefined, "bad");
  }

  drop(id: number) {
    this.all = this.all.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
