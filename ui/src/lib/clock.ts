/**
 * The clock of the site: its zone, and its time, which a wrongly set browser does not know. Told by `/api/session`, before anything
 * is shown; until then both are the browser's.
 */

let zone: string | undefined;
let aheadMs = 0;

/** The name of the zone in which times are shown; undefined: the browser's. */
export const siteZone = (): string | undefined => zone;

/** What time it is there, ms. */
export const siteNow = (): number => Date.now() - aheadMs;

/**
 * @param told its zone and its time
 * @param asked when it was asked, by the browser's clock, ms
 * @param answered when the answer was here
 */
export function setClock(told: { timezone: string; time: string }, asked: number, answered: number): void {
  zone = known(told.timezone) ? told.timezone : zone;
  aheadMs = ahead(Date.parse(told.time), asked, answered);
}

/** How far the browser's clock is ahead, ms; 0 when the answer may have been made at that very time. */
export function ahead(time: number, asked: number, answered: number): number {
  return asked <= time && time <= answered ? 0 : (asked + answered) / 2 - time;
}

function known(name: string): boolean {
  try {
    return Boolean(name && new Intl.DateTimeFormat("en-GB", { timeZone: name }));
  } catch {
    return false;
  }
}
