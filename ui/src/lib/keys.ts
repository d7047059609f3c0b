/**
 * Keyboard shortcuts. Whoever has some says so while it is shown, with what each does for the overlay of `?`:
 *
 *     $effect(() => keys({ j: [next, texts.alerts.next], "g l": [toLive, texts.frame.pages.live] }));     // takes them back by itself
 *
 * A key is `KeyboardEvent.key` ("ArrowLeft", "/", "?", " "); two after one another are written with a space. Those said last win.
 * Nothing happens while somebody types, or with Ctrl, Alt or Meta held; in a dialog only the dialog's own keys work.
 */

export type Act = (event: KeyboardEvent) => void;
/** What it does, and its name in the overlay; without a name it is not listed. */
export type Shortcuts = Record<string, Act | [Act, string]>;

const said: Shortcuts[] = [];
const SECOND_MS = 1200;
let first = "";
let firstAt = 0;

/** From now on, until the answer is called. */
export function keys(shortcuts: Shortcuts): () => void {
  said.push(shortcuts);
  return () => {
    said.splice(said.indexOf(shortcuts), 1);
  };
}

/** Every shortcut that has a name, those of the frame first: [key, name]. */
export function named(): [string, string][] {
  const found = new Map<string, string>();
  for (const shortcuts of said)
    for (const [key, act] of Object.entries(shortcuts)) if (Array.isArray(act)) found.set(key, act[1]);
  return [...found];
}

function act(key: string): Act | undefined {
  for (const shortcuts of [...said].reverse()) {
    const found = shortcuts[key];
    if (found) return Array.isArray(found) ? found[0] : found;
  }
  return undefined;
}

const begins = (key: string) => said.some((one) => Object.keys(one).some((name) => name.startsWith(`${key} `) && name !== key));

/** Whether keys belong to what has the focus. */
function typing(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement | null;
  if (!at?.matches) return false;
  if (at.matches("textarea, select, [contenteditable]")) return true;
  if (at.matches("input")) return !["checkbox", "radio", "button", "range"].includes((at as HTMLInputElement).type);
  // Space and Enter press a button or follow a link.
  return [" ", "Enter"].includes(event.key) && at.matches("button, a, summary, [role=button]");
}

export function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
  if (document.querySelector("dialog[open]")) return;
  const pair = event.timeStamp - firstAt < SECOND_MS ? `${first} ${event.key}` : "";
  const found = (pair && act(pair)) || act(event.key);
  first = "";
  if (found) {
    event.preventDefault();
    found(event);
  } else if (begins(event.key)) {
    [first, firstAt] = [event.key, event.timeStamp];
  }
}

addEventListener("keydown", pressed);
