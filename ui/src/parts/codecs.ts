/** What this browser plays, as footage is asked for (`?codecs=`): H.265 then comes as it is, or as something else. */

const TRIED: [string, string][] = [
  ["h264", 'video/mp4; codecs="avc1.640028"'],
  ["hevc", 'video/mp4; codecs="hvc1.1.6.L120.90"'],
];

let found = "";

export function playable(): string {
  if (found) return found;
  const video = document.createElement("video");
  const names = TRIED.filter(([, type]) => video.canPlayType(type) === "probably").map(([name]) => name);
  found = names.length ? names.join(",") : "h264";
  return found;
}
