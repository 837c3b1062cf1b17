// Full records of single events (place, every size, agencies), fetched by id when someone looks.

import { fetchJson, records } from "../api.js";
import { wordsQuery } from "../url_state.js";

const AT_ONCE = 100;

export class Details {
  constructor(config) {
    this.config = config;
    this.known = new Map();
    this.waiting = new Map(); // id -> promise
  }

  get(id) {
    return this.known.get(id);
  }

  put(rows) {
    for (const row of rows) this.known.set(row.id, row);
  }

  /** Forget these, or all: they have changed. */
  forget(ids = [...this.known.keys()]) {
    for (const id of ids) this.known.delete(id);
  }

  /**
   * Full records of events, in the order asked; one the server does not know is left out.
   * @param {string[]} ids
   * @throws {ApiError}
   */
  async fetch(ids) {
    const missing = ids.filter((id) => !this.known.has(id) && !this.waiting.has(id));
    for (let start = 0; start < missing.length; start += AT_ONCE) {
      const some = missing.slice(start, start + AT_ONCE);
      const answer = this.#ask(some).finally(() => {
        for (const id of some) this.waiting.delete(id);
      });
      for (const id of some) this.waiting.set(id, answer);
    }
    await Promise.all(new Set(ids.map((id) => this.waiting.get(id)).filter(Boolean)));
    return ids.map((id) => this.known.get(id)).filter(Boolean);
  }

  async #ask(ids) {
    const words = { eventid: ids.join(","), lang: this.config.language };
    const { data } = await fetchJson(this.config.eventsUrl + wordsQuery(words));
    this.put(records(data));
  }
}
