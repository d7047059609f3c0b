/** The zone of the site's clocks, as the session tells it; else the browser's. */

import { siteZone as told } from "../../lib/clock";

export const siteZone = (): string => told() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
