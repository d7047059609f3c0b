/** What words of the configuration may be: cameras, zones, channels, volumes, labels. */

import { get, Problem } from "../../lib/api";
import { config } from "./config.svelte";
import { isSection } from "./edits";

class Labels {
  /** What the model in use can tell apart. */
  all = $state.raw<string[]>([]);

  async load() {
    if (this.all.length) return;
    try {
      this.all = (await get<{ labels: string[] }>("/api/labels")).labels;
    } catch (error) {
      // They can still be typed.
      if (!(error instanceof Problem)) throw error;
    }
  }
}
export const labels = new Labels();

export function names(): Record<string, string[]> {
  const cameras = config.section(["cameras"]);
  const zones = Object.values(cameras).flatMap((camera) => (isSection(camera) && isSection(camera.zones) ? Object.keys(camera.zones) : []));
  return {
    cameras: Object.keys(cameras),
    zones: [...new Set(zones)],
    channels: Object.keys(config.section(["channels"])),
    volumes: ["default", ...Object.keys(config.section(["storage", "volumes"]))],
    labels: labels.all,
  };
}
