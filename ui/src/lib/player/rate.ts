/** Pictures a second, from a counter that only rises. */

export class Rate {
  #before = 0;
  #at = 0;
  #rate = 0;

  of(count: number, nowMs: number): number {
    if (count < this.#before) this.#at = 0;
    if (this.#at === 0) [this.#before, this.#at] = [count, nowMs];
    if (nowMs - this.#at >= 900) {
      this.#rate = ((count - this.#before) * 1000) / (nowMs - this.#at);
      [this.#before, this.#at] = [count, nowMs];
    }
    return this.#rate;
  }
}
