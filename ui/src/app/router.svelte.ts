// The address bar is the state: path and query, moved by links and keys.
type Place = { path: string; query: URLSearchParams };

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

let place = $state.raw<Place>(here());
/** How the page was reached: going back restores the scroll, a new page starts at its top. */
let arrived_back = false;

export const router = {
  get path(): string {
    return place.path;
  },
  get query(): URLSearchParams {
    return place.query;
  },
  /** The path with its query, as one text. */
  get address(): string {
    const query = place.query.toString();
    return query ? `${place.path}?${query}` : place.path;
  },
  get arrived_back(): boolean {
    return arrived_back;
  },
  go(url: string, how: { replace?: boolean } = {}): void {
    const next = new URL(url, location.href);
    if (next.origin !== location.origin) return;
    history.replaceState({ ...history.state, scroll: scrollY }, "");
    arrived_back = false;
    if (how.replace) history.replaceState({}, "", next);
    else history.pushState({}, "", next);
    place = here();
  },
  back(otherwise: string): void {
    if (history.length > 1) history.back();
    else this.go(otherwise);
  },
  /** Changes the query only; empty and null values disappear. */
  ask(changes: Record<string, string | null>, how: { replace?: boolean } = {}): void {
    const query = new URLSearchParams(place.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    this.go(text ? `${place.path}?${text}` : place.path, how);
  },
};

/** Listens for back and forward, and for clicks on links to our own pages. */
export function startRouter(): void {
  addEventListener("popstate", () => {
    arrived_back = true;
    place = here();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/")) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    router.go(link.href);
  });
}

/** Where the reader was on this page before leaving it. */
export function keptScroll(): number {
  const state: unknown = history.state;
  return state && typeof state === "object" && "scroll" in state && typeof state.scroll === "number" ? state.scroll : 0;
}
