/** What a few typed letters may mean: a camera, alerts of a camera or a zone, alerts with a label. Pure. */

import type { Query } from "./api";
import type { Camera } from "./cameras.svelte";

export interface Answer {
  text: string;
  path: string;
  query: Query;
}
const MOST = 8;

export function found(text: string, cameras: readonly Camera[]): Answer[] {
  const words = text.trim().toLowerCase();
  if (!words) return [];
  const answers: Answer[] = [];
  for (const { id, title, location, zones } of cameras) {
    if (`${id} ${title} ${location}`.toLowerCase().includes(words)) {
      answers.push({ text: `${title}: live`, path: `/camera/${id}`, query: {} });
      answers.push({ text: `${title}: alerts`, path: "/alerts", query: { camera: id } });
    }
    for (const zone of Object.keys(zones ?? {}))
      if (zone.toLowerCase().includes(words))
        answers.push({ text: `${zone} (${title}): alerts`, path: "/alerts", query: { camera: id, zone } });
  }
  const label = words.replace(/\s+/g, "_");
  return [...answers.slice(0, MOST), { text: `Alerts with “${text.trim()}”`, path: "/alerts", query: { label } }];
}
