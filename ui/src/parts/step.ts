/** One picture on or back, whatever their distance: videos do not say it, and it may change from picture to picture. */

const EDGE_S = 0.002;
const MOST_S = 2;
const PATIENCE_MS = 3000;

/** `shown`: the time of the picture that is shown now. `guess`: how far the next may be, seconds; the answer is the better guess. */
export async function stepped(video: HTMLVideoElement, by: 1 | -1, shown: () => number, guess: number): Promise<number> {
  const from = shown();
  if (by < 0) {
    // Just before this picture began the one before it was shown.
    await sought(video, Math.max(0, from - EDGE_S));
    return guess;
  }
  for (let far = guess; far < MOST_S; far += guess) {
    if (from + far >= video.duration) return guess;
    await sought(video, from + far + EDGE_S);
    if (shown() > from + EDGE_S) return Math.min(guess * 4, Math.max(0.01, shown() - from));
  }
  return guess;
}

/** Until the picture of that time is on the screen. */
function sought(video: HTMLVideoElement, time: number): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, PATIENCE_MS);
    const after = () => requestAnimationFrame(() => requestAnimationFrame(() => (clearTimeout(timer), done())));
    video.addEventListener("seeked", after, { once: true });
    video.currentTime = time;
  });
}
