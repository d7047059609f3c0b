/** Footage into a <video>: a file as it is, a growing playlist by hls.js (loaded only then). */

export function attach(video: HTMLVideoElement, src: string, growing: boolean, broke: () => void): () => void {
  let gone = false;
  let end = () => {};
  const failed = () => !gone && broke();
  video.addEventListener("error", failed);
  if (growing) void follow(video, src, failed).then((stop) => (gone ? stop() : (end = stop)));
  else video.src = src;
  return () => {
    gone = true;
    end();
    video.removeEventListener("error", failed);
    video.removeAttribute("src");
    video.load();
  };
}

async function follow(video: HTMLVideoElement, src: string, broke: () => void): Promise<() => void> {
  const { default: Hls } = await import("hls.js/light");
  if (!Hls.isSupported()) {
    video.src = src;
    return () => undefined;
  }
  // From its beginning: what is going on is live on another page.
  const hls = new Hls({ startPosition: 0, enableWorker: false, backBufferLength: 600, maxBufferLength: 60 });
  hls.on(Hls.Events.ERROR, (_event, told) => {
    if (!told.fatal) return;
    hls.destroy();
    broke();
  });
  hls.loadSource(src);
  hls.attachMedia(video);
  return () => hls.destroy();
}
