/** What is seen now as a file, in the size in which it comes. */

import { siteNow } from "../../lib/clock";
import type { Watch } from "../../lib/player/watch.svelte";

const QUALITY = 0.95;

export async function save(watch: Watch | undefined, camera: string): Promise<void> {
  const picture = watch?.picture();
  if (!picture) return;
  const canvas = document.createElement("canvas");
  const [width, height] = "videoWidth" in picture ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height];
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (!blob) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${camera}-${named(new Date(watch?.shown() ?? siteNow()))}.jpg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** 2026-11-21T12-00-05Z: every file system takes it. */
export function named(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
}
