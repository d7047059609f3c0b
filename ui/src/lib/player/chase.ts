/** How a player stays close to now without being seen to: pure figures. */

/** Behind by more, it jumps (design.md: 4 s, since jumping at 1.5 s stutters on streams that come in bursts). */
export const JUMP_S = 4;
const FASTEST = 1.1;

export interface Chase {
  /** Where to jump to, media time; undefined: nowhere. */
  seek: number | undefined;
  rate: number;
}

/**
 * @param now what is shown, media time in seconds
 * @param ranges what is there: [start, end] each, ascending
 * @param target how far behind the end it wants to be
 */
export function chase(now: number, ranges: readonly (readonly [number, number])[], target: number): Chase {
  const last = ranges.at(-1);
  if (!last) return { seek: undefined, rate: 1 };
  const [start, end] = last;
  const lag = end - now;
  if (now < start || lag > JUMP_S || lag < -1) return { seek: Math.max(start, end - target), rate: 1 };
  const over = lag - target;
  // Within a fragment's length it is where it should be.
  return { seek: undefined, rate: over > 0.15 ? Math.min(FASTEST, 1 + over * 0.15) : 1 };
}

/** What lies so far behind that it may go: [from, to], or undefined while it is not worth it. */
export function old(now: number, ranges: readonly (readonly [number, number])[]): [number, number] | undefined {
  const first = ranges[0];
  return first && now - first[0] > 20 ? [first[0], now - 8] : undefined;
}

/** The wanted distance: grows each time the picture had to wait, shrinks slowly while it does not. */
export class Distance {
  seconds = 0.3;

  waited(): void {
    this.seconds = Math.min(1.5, this.seconds + 0.1);
  }

  /** A second without waiting. */
  calm(): void {
    this.seconds = Math.max(0.3, this.seconds - 0.005);
  }
}
