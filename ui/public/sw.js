/*
 * The page's shell, kept by the browser: it opens at once, also while the server is away. Nothing of /api is ever kept or touched.
 *
 * Files below /assets/ never change under their name: the one kept is taken. Everything else is asked for first, and what is kept is
 * for when nobody answers. The index names the assets of its version, so whoever gets a new index gets a whole new version.
 */

const KEPT = "shell-1";
const ALWAYS = ["/", "/icon.svg", "/manifest.webmanifest"];
const MOST_ASSETS = 150;

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(ALWAYS)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const ours = origin === location.origin && event.request.method === "GET";
  if (!ours || pathname.startsWith("/api/") || pathname === "/healthz" || pathname === "/readyz" || pathname === "/metrics") return;
  if (pathname.startsWith("/assets/")) event.respondWith(kept(event.request));
  else if (event.request.mode === "navigate") event.respondWith(asked(event.request, "/"));
  else if (ALWAYS.includes(pathname)) event.respondWith(asked(event.request, pathname));
});

async function forgetOthers() {
  for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
}

async function kept(request) {
  const cache = await caches.open(KEPT);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    await tidied(cache);
  }
  return answer;
}

/** Old versions go, oldest first. */
async function tidied(cache) {
  const assets = (await cache.keys()).filter((one) => new URL(one.url).pathname.startsWith("/assets/"));
  for (const one of assets.slice(0, Math.max(0, assets.length - MOST_ASSETS))) await cache.delete(one);
}

async function asked(request, name) {
  const cache = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    // Only the page itself: what else is sent here (a redirect, an error) is not the shell.
    if (answer.ok && !answer.redirected && (name !== "/" || answer.headers.get("content-type")?.startsWith("text/html")))
      await cache.put(name, answer.clone());
    return answer;
  } catch (error) {
    const found = await cache.match(name);
    if (found) return found;
    throw error;
  }
}
