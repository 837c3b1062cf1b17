// The form opens without a connection where it has been opened before: its page and the files it
// needs are kept, nothing else is touched. A page from the server goes first, if it comes in time.
//
// A worker of its own for each language: its cache is named by the scope.

const CACHE = `felt ${self.registration.scope}`;
/** A phone at the edge of a cell hangs rather than fails [ms]. */
const PATIENCE = 6000;
/** A name with a digest in it never means another content. */
const FOR_EVER = /\.[0-9a-f]{12}\.\w+$/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (FOR_EVER.test(pathname)) event.respondWith(kept(request));
  else if (request.mode === "navigate") event.respondWith(page(request, event));
});

/** The page tells which files it was made of: these are kept, former ones are not. */
self.addEventListener("message", (event) => event.waitUntil(keep(event.data.files).then(
  () => event.source.postMessage({ kept: event.data.files.length }),
)));

async function keep(files) {
  const cache = await caches.open(CACHE);
  const wanted = new Set(files.map((file) => new URL(file, self.location.href).href));
  for (const request of await cache.keys()) {
    if (!wanted.has(request.url)) await cache.delete(request);
  }
  const missing = await Promise.all([...wanted].map(async (url) => ((await cache.match(url)) ? null : url)));
  await cache.addAll(missing.filter(Boolean));
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request)) ?? fetch(request);
}

async function page(request, event) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request, { ignoreSearch: true });
  const fresh = fetch(request).then((answer) => {
    // Maintenance and faults are no form.
    if (answer.ok && !answer.redirected) event.waitUntil(cache.put(request, answer.clone()));
    return answer.ok || !known ? answer : known;
  });
  if (!known) return fresh;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, known));
  return Promise.race([fresh.catch(() => known), late]);
}
