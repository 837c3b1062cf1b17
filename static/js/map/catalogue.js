// Where the map's events come from. With tiles the page holds the events themselves: a search is
// answered here, or the server tells which ids match; nothing that is there is fetched again. Where
// the server has no tiles yet, each search fetches its rows.

import { ApiError, fetchBytes, fetchJson, records } from "../api.js";
import { wordsQuery } from "../url_state.js";
import { compile, timeLimit, within, withKeys } from "./filters.js";
import { decode, decodeMatching } from "./tiles.js";

const AT_ONCE = 8;
// Words that name events the tiles do not hold (automatic ones, single ids): their rows are fetched.
const BESIDE = ["status", "eventid"];

export class Catalogue {
  /**
   * @param {Object} config addresses: tilesUrl, changesUrl, matchingUrl, eventsUrl; language
   * @param {Store} store
   * @param {Details} details
   * @param {(state: {loaded: number, wanted: number}) => void} part called as tiles arrive
   */
  constructor(config, store, details, part) {
    this.config = config;
    this.store = store;
    this.details = details;
    this.part = part;
    this.version = null;
    this.tiles = null; // of the manifest, newest first; null: rows are fetched
    this.here = new Set(); // addresses of the tiles in the store
    this.coming = new Map(); // address -> promise of a tile on its way
    this.truncated = false;
    this.caughtUp = false; // with what changed after the tiles were made
    this.asked = { words: {}, limits: {}, keys: null, beside: false };
    this.rows = { url: "", etag: null, count: 0, truncated: false };
  }

  get hasTiles() {
    return this.tiles !== null;
  }

  /** Learn whether there are tiles. Never fails: without them each search fetches its rows. */
  async open() {
    try {
      const { data } = await fetchJson(this.config.tilesUrl);
      if (data.format === 1 && data.version !== null) this.#take(data);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #take(manifest) {
    this.tiles = manifest.tiles;
    this.version = manifest.version;
    const named = new Set(manifest.tiles.map((tile) => tile.url));
    for (const url of [...this.here]) {
      if (named.has(url)) continue;
      this.store.dropTile(url);
      this.here.delete(url);
    }
    this.store.settle();
  }

  /**
   * Take a search.
   * @param {Object<string, string>} words
   * @param {{signal: AbortSignal}} options
   * @returns {Promise<void>} when everything it needs has arrived
   * @throws {ApiError} a refused search (400 with problems) or a failed request
   */
  async search(words, { signal }) {
    if (!this.hasTiles) {
      await this.#fetchRows(words, { signal });
      return;
    }
    if (Object.keys(words).some((word) => BESIDE.includes(word.toLowerCase()))) {
      await this.#fetchBeside(words, signal);
      return;
    }
    const limits = compile(words);
    const keys = limits ? null : await this.#matching(words, signal);
    this.asked = { words, limits, keys, beside: false };
    this.part(this.progress());
    await Promise.all([this.#loadNeeded(signal), this.#catchUp(signal)]);
  }

  /** The first time: learn what changed after the tiles were made. */
  async #catchUp(signal) {
    if (this.caughtUp) return;
    this.caughtUp = true;
    try {
      await this.refresh({ signal });
    } catch (error) {
      this.caughtUp = false;
      throw error;
    }
  }

  async #fetchBeside(words, signal) {
    const url = this.config.eventsUrl + wordsQuery(words, { lang: this.config.language });
    const { data } = await fetchJson(url, { signal });
    const rows = records(data);
    this.details.put(rows);
    this.truncated = data.truncated;
    this.asked = { words, limits: {}, keys: null, beside: true };
    this.store.putGuests(rows);
    this.part(this.progress());
  }

  async #matching(words, signal) {
    const answer = decodeMatching(await fetchBytes(this.config.matchingUrl + wordsQuery(words), { signal }));
    this.truncated = answer.truncated;
    return answer.keys;
  }

  /** Tiles that touch the time of the search. */
  #needed() {
    const { words, limits, beside } = this.asked;
    if (beside) return [];
    const from = limits?.from ?? timeLimit(words.starttime ?? words.start ?? "") ?? -Infinity;
    const until = limits?.until ?? timeLimit(words.endtime ?? words.end ?? "") ?? Infinity;
    return this.tiles.filter((tile) => tile.end > from && tile.start <= until);
  }

  progress() {
    if (!this.hasTiles) return { loaded: 1, wanted: 1 };
    const needed = this.#needed();
    return {
      loaded: needed.filter((tile) => this.here.has(tile.url)).length,
      wanted: needed.length,
    };
  }

  async #loadNeeded(signal) {
    const missing = this.#needed().filter((tile) => !this.here.has(tile.url));
    if (!missing.length) return;
    this.store.reserve(this.store.length + missing.reduce((sum, tile) => sum + tile.count, 0) + 1024);
    const queue = [...missing];
    const worker = async () => {
      for (let tile = queue.shift(); tile; tile = queue.shift()) {
        signal.throwIfAborted();
        await this.#tile(tile.url);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** One tile, asked for once; a new search does not break off what is on its way. */
  #tile(url) {
    if (!this.coming.has(url)) {
      this.coming.set(url, this.#loadTile(url).finally(() => this.coming.delete(url)));
    }
    return this.coming.get(url);
  }

  async #loadTile(url) {
    const bytes = await fetchBytes(url);
    // The manifest may have changed meanwhile.
    if (!this.tiles.some((tile) => tile.url === url) || this.here.has(url)) return;
    this.store.addTile(url, decode(bytes));
    this.here.add(url);
    this.part(this.progress());
  }

  async #fetchRows(words, { signal, etag = null }) {
    const url = this.config.eventsUrl + wordsQuery(words, { lang: this.config.language });
    const got = await fetchJson(url, { etag: url === this.rows.url ? etag : null, signal });
    this.asked = { words, limits: {}, keys: null, beside: false };
    if (!got.data) return false;
    const { version, count, truncated } = got.data;
    const rows = records(got.data);
    this.rows = { url, etag: got.etag, count, truncated };
    this.store.clear();
    this.store.putRecords(rows, { fresh: true });
    this.details.put(rows);
    const changed = this.version !== null && this.version !== version;
    this.version = version;
    this.part(this.progress());
    return changed;
  }

  /**
   * The events of the search among those that are here.
   * @returns {{order: Uint32Array, truncated: boolean}} indices, oldest first
   */
  result() {
    const { limits, keys, beside } = this.asked;
    if (beside) return { order: this.store.guests, truncated: this.truncated };
    const { order } = this.store;
    if (!this.hasTiles) return { order, truncated: this.rows.truncated };
    if (keys) return { order: withKeys(this.store, order, keys), truncated: this.truncated };
    return { order: within(this.store, order, limits), truncated: false };
  }

  /**
   * Ask what changed; one changed event costs one small answer.
   * @returns {Promise<boolean>} whether something did
   */
  async refresh({ signal }) {
    if (!this.hasTiles) return this.#fetchRows(this.asked.words, { signal, etag: this.rows.etag });
    let data;
    try {
      ({ data } = await fetchJson(`${this.config.changesUrl}?since=${this.version}`, { signal }));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 410) throw error;
      const manifest = (await fetchJson(this.config.tilesUrl, { signal })).data;
      if (manifest.version === this.version) return false;
      this.#take(manifest);
      this.details.forget();
      await this.#askAgain(signal);
      return true;
    }
    if (data.version === this.version && !data.rows.length && !data.gone.length) return false;
    this.version = data.version;
    const changed = records(data);
    if (!changed.length && !data.gone.length) return false;
    this.store.remove(data.gone);
    this.store.putRecords(changed);
    this.details.forget([...data.gone, ...changed.map((record) => record.id)]);
    await this.#askAgain(signal);
    return true;
  }

  async #askAgain(signal) {
    if (this.asked.keys) this.asked.keys = await this.#matching(this.asked.words, signal);
    if (this.asked.beside) await this.#fetchBeside(this.asked.words, signal);
    await this.#loadNeeded(signal);
    this.part(this.progress());
  }
}
