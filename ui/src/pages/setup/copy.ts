/** Into the clipboard, and says so. Without HTTPS a browser has none to give: then the text can still be selected. */

import { toasts } from "../../parts/toast.svelte";
import { texts } from "../../texts";

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toasts.say(texts.setup.copied);
  } catch (error) {
    toasts.fail(error);
  }
}
