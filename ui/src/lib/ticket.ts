/**
 * A one-time ticket in the address: `/#setup=…` (the terminal's link for the first visit) or `/#enter=…` (a log-in or guest link). It is
 * taken out of the address bar before anything else, so that it is in no history, screenshot or bookmark.
 */

export interface Ticket {
  kind: "setup" | "enter";
  secret: string;
}

export function takeTicket(): Ticket | undefined {
  const match = /^#(setup|enter)=([\w.~-]{1,512})$/.exec(location.hash);
  if (!match) return undefined;
  history.replaceState(history.state, "", location.pathname + location.search);
  return { kind: match[1] as Ticket["kind"], secret: match[2]! };
}

/** Of this visit. */
export const ticket: { now: Ticket | undefined } = { now: takeTicket() };
// A link that is pasted into an open page.
addEventListener("hashchange", () => {
  const found = takeTicket();
  if (!found) return;
  sessionStorage.setItem(KEPT, JSON.stringify(found));
  location.reload();
});
const KEPT = "redshank.ticket";
const waiting = sessionStorage.getItem(KEPT);
if (waiting) {
  sessionStorage.removeItem(KEPT);
  ticket.now ??= JSON.parse(waiting) as Ticket;
}
