/** Waits between attempts: each longer than the one before, up to a limit, each a little different so that fifty tiles do not come at once. */

export class Wait {
  #next: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly firstMs = 500,
    private readonly longestMs = 10_000,
    private readonly random: () => number = Math.random,
  ) {
    this.#next = firstMs;
  }

  /** How long the next one is, ms. */
  take(): number {
    const wait = this.#next * (0.8 + 0.4 * this.random());
    this.#next = Math.min(this.longestMs, this.#next * 2);
    return wait;
  }

  /** Call it after a wait, unless that is stopped. */
  then(call: () => void): void {
    this.stop();
    this.#timer = setTimeout(call, this.take());
  }

  /** It worked: begin with the shortest again. */
  reset(): void {
    this.#next = this.firstMs;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
