/** The zone of the site's clocks, as the session tells it; else the browser's. */

import { session } from "../../lib/session.svelte";

export function siteZone(): string {
  const told = (session.now as { timezone?: string } | null)?.timezone;
  return told || Intl.DateTimeFormat().resolvedOptions().timeZone;
}
