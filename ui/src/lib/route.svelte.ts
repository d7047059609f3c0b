/** Where we are: the path and the query of the address bar, so that every view is a link that can be shared. */

class Route {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
    // Ordinary links work as they are; they only stay on the page.
    document.addEventListener("click", (event) => {
      const link = (event.target as Element | null)?.closest?.("a");
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
      if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
      const to = new URL(link.href);
      if (to.origin !== location.origin || to.pathname.startsWith("/api/")) return;
      // A place on this page: the browser brings one there, with the focus.
      if (to.hash && to.pathname + to.search === location.pathname + location.search) return;
      event.preventDefault();
      go(to.pathname + to.search);
    });
  }

  #read() {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  /** To another view; `replace` leaves no step in the history. */
  go(to: string, replace = false) {
    if (replace) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
    this.#read();
  }

  /** Change parts of the query of this view; empty ones go. */
  set(changes: Record<string, string | null | undefined>, replace = true) {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const told = query.toString();
    this.go(told ? `${this.path}?${told}` : this.path, replace);
  }
}

export const route = new Route();

export function go(to: string, replace = false): void {
  route.go(to, replace);
}
