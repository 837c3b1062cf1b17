// How many events a form finds while it is being filled in: asked after a pause, the last word wins.

/**
 * Return `ask(query)`. `fetchJson(url, {signal})` resolves with `{data}`; `show(state, data)` is told
 * "waiting", "done" or "failed". A newer question ends the older one, asked or not yet.
 */
export function liveCount({ url, fetchJson, show, pause = 450, timers = globalThis }) {
  let timer = null;
  let request = null;
  let last = null;
  return function ask(query) {
    if (query === last) return;
    last = query;
    timers.clearTimeout(timer);
    request?.abort();
    request = null;
    timer = timers.setTimeout(async () => {
      const mine = new AbortController();
      request = mine;
      show("waiting", null);
      try {
        const { data } = await fetchJson(url + query, { signal: mine.signal });
        if (request === mine) show("done", data);
      } catch (error) {
        if (request !== mine || error.name === "AbortError") return;
        last = null;
        show("failed", null);
      }
    }, pause);
  };
}

/** The query of name and value pairs: empty values left out, values of one name in a comma list. */
export function queryOf(pairs, defaults = {}) {
  const words = new Map();
  for (const [name, value] of pairs) {
    const text = String(value).trim();
    if (text) words.set(name, words.has(name) ? `${words.get(name)},${text}` : text);
  }
  for (const [name, usual] of Object.entries(defaults)) {
    if (words.get(name) === usual) words.delete(name);
  }
  const text = new URLSearchParams([...words]).toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text ? `?${text}` : "";
}
