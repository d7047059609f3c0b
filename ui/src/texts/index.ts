/** Every text of the page, in one catalogue: a file per part, so that a translation is a folder beside this one. */

import { frame } from "./frame";

export const texts = { frame };
