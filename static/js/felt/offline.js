// Asks the browser to keep the form for times without a connection; see worker.js.

/** Keep this page and what it was made of; resolves with the number of files, 0 where it cannot. */
export async function keepForOffline(address, scope) {
  const workers = navigator.serviceWorker; // none without TLS, and in some private windows
  if (!workers) return 0;
  try {
    await workers.register(address, { scope });
    const { active } = await workers.ready;
    const told = new Promise((resolve) => {
      workers.addEventListener("message", (event) => resolve(event.data.kept), { once: true });
    });
    workers.startMessages();
    const files = performance.getEntriesByType("resource").map(({ name }) => new URL(name))
      .filter((url) => url.origin === location.origin && /\.[0-9a-f]{12}\.\w+$/.test(url.pathname))
      .map((url) => url.pathname);
    active.postMessage({ files: [location.pathname, ...new Set(files)] });
    return await told;
  } catch {
    return 0; // the form works without
  }
}
