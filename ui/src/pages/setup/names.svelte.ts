/** What words of the configuration may be: cameras, zones, channels, volumes, labels. */

import { config } from "./config.svelte";
import { isSection } from "./edits";

/** What the usual models find most; others can be typed. */
const LABELS = ["person", "car", "truck", "bus", "motorcycle", "bicycle", "dog", "cat", "bird", "horse", "sheep", "cow", "bear", "backpack", "handbag", "suitcase", "boat", "train"];

export function names(): Record<string, string[]> {
  const cameras = config.section(["cameras"]);
  const zones = Object.values(cameras).flatMap((camera) => (isSection(camera) && isSection(camera.zones) ? Object.keys(camera.zones) : []));
  return {
    cameras: Object.keys(cameras),
    zones: [...new Set(zones)],
    channels: Object.keys(config.section(["channels"])),
    volumes: ["default", ...Object.keys(config.section(["storage", "volumes"]))],
    labels: LABELS,
  };
}
