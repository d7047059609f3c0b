/** Every text of the page, in one catalogue: a file per part, so that a translation is a folder beside this one. */

import { camera } from "./camera";
import { enter } from "./enter";
import { frame } from "./frame";
import { live } from "./live";
import { alerts } from "./alerts";
import { history } from "./history";
import { setup } from "./setup";
import { rules } from "./rules";
import { insights } from "./insights";
import { system } from "./system";

export const texts = { camera, enter, frame, live, alerts, history, setup, rules, insights, system };
