/** The small pictures of an hour, a sheet each, kept for as long as they may be wanted again; at a deeper zoom the picture itself. */

import { get } from "../../lib/api";
import { HOUR, MINUTE } from "./scale";
import type { Us } from "./types";

const KEPT = 48;

interface Sheet {
  width: number;
  height: number;
  columns: number;
  rows: number;
  tiles: { x: number; y: number; time: string | null }[];
  image: string;
}

export interface Sprite {
  image: string;
  /** CSS pixels within the sheet. */
  x: number;
  y: number;
  width: number;
  height: number;
  sheetWidth: number;
  sheetHeight: number;
  time: Us;
}

const sheets = new Map<string, Promise<Sheet | null>>();

/** The small picture of the minute, or of one close to it; null: there is none. */
export async function spriteAt(camera: string, time: Us): Promise<Sprite | null> {
  const hour = Math.floor(time / HOUR);
  const sheet = await sheetOf(camera, hour, time);
  if (!sheet) return null;
  const minute = Math.floor((time - hour * HOUR) / MINUTE);
  const tile = sheet.tiles[minute]?.time ? sheet.tiles[minute] : null;
  if (!tile?.time) return null;
  const { width, height, columns, rows, image } = sheet;
  return { image, x: tile.x, y: tile.y, width, height, sheetWidth: width * columns, sheetHeight: height * rows, time: Date.parse(tile.time) * 1000 };
}

/** This hour grows: its sheet is another one each minute. */
function sheetOf(camera: string, hour: number, time: Us): Promise<Sheet | null> {
  const grows = (hour + 1) * HOUR > Date.now() * 1000;
  const key = `${camera} ${hour} ${grows ? Math.floor(time / MINUTE) : ""}`;
  let found = sheets.get(key);
  if (!found) {
    found = load(camera, hour);
    sheets.set(key, found);
    const oldest = sheets.size > KEPT ? sheets.keys().next().value : undefined;
    if (oldest !== undefined) forget(oldest);
  }
  return found;
}

function forget(key: string): void {
  const gone = sheets.get(key);
  sheets.delete(key);
  void gone?.then((sheet) => sheet && URL.revokeObjectURL(sheet.image));
}

async function load(camera: string, hour: number): Promise<Sheet | null> {
  const on = new Date((hour * HOUR) / 1000).toISOString();
  const path = `/api/sprites/${camera}/${on.slice(0, 10)}/${Number(on.slice(11, 13))}`;
  try {
    const told = await get<Sheet & { missing: number[] }>(`${path}.json`);
    if (told.missing.length === told.tiles.length) return null;
    // Answers may not be kept by the browser: the picture is kept here.
    const answer = await fetch(`${path}.jpg`, { credentials: "same-origin" });
    if (!answer.ok) return null;
    return { ...told, image: URL.createObjectURL(await answer.blob()) };
  } catch {
    return null;
  }
}
