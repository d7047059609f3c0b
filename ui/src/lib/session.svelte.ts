/** Who is logged in, and what they may do. */

import { get, send, whenLoggedOut } from "./api";
import { setClock } from "./clock";
import type { Session, Verb } from "./types";

export type { Verb } from "./types";

class Mine {
  now = $state<Session | null>(null);
  /** Whether it ended under an open page. */
  ended = $state(false);

  constructor() {
    whenLoggedOut(() => {
      if (this.now?.state !== "in") return;
      this.ended = true;
      this.now = { ...this.now, state: "login", rights: {} };
    });
  }

  async load() {
    const asked = Date.now();
    const found = await get<Session>("/api/session");
    setClock(found, asked, Date.now());
    this.ended = found.state === "login" && (this.ended || this.now?.state === "in");
    this.now = found;
  }

  /** Whether this may be done, with this camera or at all. */
  may(verb: Verb, camera?: string): boolean {
    const rights = this.now?.rights ?? {};
    if (!(verb in rights)) return false;
    const cameras = rights[verb];
    return cameras === null || camera === undefined || (cameras?.includes(camera) ?? false);
  }

  async logOut() {
    await send("POST", "/api/logout");
    await this.load();
    this.ended = false;
  }
}

export const session = new Mine();
