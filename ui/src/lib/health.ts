/** The figures of the health line, from what the server tells. Pure. */

export interface Storage {
  volumes: { volume: string; forecast: { full_in_days: number | null; kept_days?: Record<string, number> } | null }[];
}
export interface System {
  cameras: { completeness?: { today?: number | null } | null }[];
}

/** Until the first volume is full; undefined when that is not known, or never. */
export function daysLeft(storage: Storage | undefined): number | undefined {
  const known = storage?.volumes.map((volume) => volume.forecast?.full_in_days).filter((days) => days !== null && days !== undefined);
  return known?.length ? Math.floor(Math.min(...known)) : undefined;
}

/** Percent of today that was recorded, of all cameras together. */
export function recordedShare(system: System | undefined): number | undefined {
  const known = system?.cameras?.map((camera) => camera.completeness?.today).filter((share) => typeof share === "number");
  return known?.length ? known.reduce((sum, share) => sum + share, 0) / known.length : undefined;
}
