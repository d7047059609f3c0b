/** What the API answers, by the names used here; generated from its description (`npm run types`). */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Alert = Schemas["Alert"];
export type Camera = Schemas["CameraItem"];
/** How much of a day is recorded. */
export type Day = Schemas["DayShare"];
export type Event = Schemas["Event"];
export type Login = Schemas["SessionShown"];
export type Session = Schemas["SessionState"];
export type Summary = Schemas["Summary"];
export type Verb = Schemas["Verb"];

/** A page of a list. */
export interface Listed<T> {
  items: T[];
  next?: string | null;
}
