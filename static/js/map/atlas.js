// What the map's tools and layers are given: the map, the events drawn on it, the search, the address.
// A tool is a module with one function that takes an Atlas; it never reaches into the page's script.

/**
 * A light record of one event, made from the tiles: enough to draw, sort and name it.
 * `kr`, `magnitude`, `depth_km` are null where not reported; `time` is in ms since 1970 (UTC).
 * `kind` is "earthquake", "blast", "nuclear", "induced", "collapse" or "other".
 * @typedef {{id: string, time: number, lat: number, lon: number, depth_km: ?number, kr: ?number,
 *   magnitude: ?number, mpva: ?number, felt: boolean, synthetic: boolean, mechanism: boolean,
 *   minute_precision: boolean, kind: string}} LightRecord
 */

/**
 * What the page's script does for the Atlas.
 * @typedef {Object} Engine
 * @property {(words: Object<string, string>, options: {push: boolean}) => Promise<void>} search
 *   take the whole set of search words, write the address, filter or load
 * @property {() => number} shownCount
 * @property {(visit: (record: LightRecord) => void) => void} eachShown
 * @property {() => {count: number, x: Float32Array, y: Float32Array}} shownPoints
 * @property {(id: string) => ?LightRecord} record
 * @property {(ids: string[]) => Promise<Object[]>} details
 * @property {(id: ?string) => void} select
 * @property {(options: {push: boolean}) => void} remember write the address from the state
 * @property {(options: Object) => {isOn: () => boolean, set: (on: boolean) => void}} addLayer
 * @property {(text: string, isError?: boolean) => void} say
 * @property {() => HTMLCanvasElement[]} pictures
 */

const EVENTS = ["shown", "selected", "view", "words"];

export class Atlas {
  #engine;
  #listeners = new Map(EVENTS.map((name) => [name, new Set()]));
  #claimed = new Set();
  #holds = 0;

  /**
   * @param {Object} parts
   * @param {Object} parts.map the Leaflet map
   * @param {Object} parts.config settings of the page (portal/map_config.py)
   * @param {Object} parts.words texts in the reader's language
   * @param {Object} parts.state what the address holds, see url_state.js; read it, never write it
   * @param {HTMLElement} parts.container where tools put their buttons
   * @param {Engine} parts.engine
   */
  constructor({ map, config, words, state, container, engine }) {
    this.map = map;
    this.config = config;
    this.words = words;
    this.state = state;
    this.container = container;
    this.#engine = engine;
    /** Further keys of the permalink, a tool's own; a value is a short text, "" removes it. */
    this.address = Object.freeze({
      get: (key) => {
        this.#claimed.add(key);
        return this.state.extra[key] ?? "";
      },
      set: (key, value, { push = false } = {}) => {
        this.#claimed.add(key);
        if (value === null || value === undefined || value === "") delete this.state.extra[key];
        else this.state.extra[key] = String(value);
        this.#engine.remember({ push });
      },
    });
  }

  /**
   * Listen: "shown" `{count}` what is drawn changed (search, legend, time window, new tiles);
   * "selected" `{id, record}` with nulls when the choice was let go; "view" `{}` the map moved;
   * "words" `{words}` search words changed (also when the reader goes back).
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name);
    if (!listeners) throw new Error(`no event of the map is called ${name}`);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** For the page's script: tell the listeners. */
  tell(name, detail = {}) {
    for (const listener of [...this.#listeners.get(name)]) listener(detail);
  }

  /**
   * Take these search words beside those that are there; "" or null takes a word away. The address
   * is written (a step back in the browser undoes it), the events are filtered or loaded.
   * @param {Object<string, ?string>} words
   * @returns {Promise<void>} when the answer is drawn, or was refused and said so
   */
  search(words, { push = true } = {}) {
    const next = { ...this.state.words };
    for (const [name, value] of Object.entries(words)) {
      if (value === null || value === undefined || value === "") delete next[name];
      else next[name] = String(value);
    }
    return this.#engine.search(next, { push });
  }

  /** How many events are drawn: search, legend and time window applied, the view not. */
  get shownCount() {
    return this.#engine.shownCount();
  }

  /** Visit every event that is drawn, oldest first. @param {(record: LightRecord) => void} visit */
  eachShown(visit) {
    this.#engine.eachShown(visit);
  }

  /** The same as columns, quick for a million: world pixels of zoom 0 (map.project(latlng, 0)). */
  shownPoints() {
    return this.#engine.shownPoints();
  }

  /** What is known of an event without asking the server, null where it is none of ours. */
  record(id) {
    return this.#engine.record(id);
  }

  /** The full records (columns of events.json, with place) of at most 100 events; cached. */
  details(ids) {
    return this.#engine.details(ids);
  }

  /** Choose an event as a click on it does; null lets go. */
  select(id) {
    this.#engine.select(id);
  }

  /**
   * A line in the layer box, remembered in the address as `layers=`.
   * @param {Object} layer
   * @param {string} layer.key short word of the address, `[a-z-]+`
   * @param {string} layer.label what the reader sees
   * @param {"quakes"|"network"|"base"|"own"} layer.group
   * @param {boolean} layer.on whether it is on where the address says nothing
   * @param {() => (void|Promise<void>)} layer.show may load; a failure is said and switches it off
   * @param {() => void} layer.hide also called at the start where the layer is off
   * @returns {{isOn: () => boolean, set: (on: boolean) => void}}
   */
  addLayer(layer) {
    return this.#engine.addLayer(layer);
  }

  /** Say something in the map's status line; "" is silence. */
  say(text, isError = false) {
    this.#engine.say(text, isError);
  }

  /**
   * Keep the pointer for a tool (drawing, measuring): clicks and hovering choose no events until
   * the returned function is called.
   */
  hold() {
    let held = true;
    this.#holds += 1;
    return () => {
      if (held) this.#holds -= 1;
      held = false;
    };
  }

  get isHeld() {
    return this.#holds > 0;
  }

  /** The canvases epicentres are drawn on, bottom first, painted: for pictures of the map. */
  pictures() {
    return this.#engine.pictures();
  }

  /** Keys of the address that nothing on this page knows: another version's. Taken out of it. */
  dropUnknown() {
    const unknown = Object.keys(this.state.extra).filter((key) => !this.#claimed.has(key));
    for (const key of unknown) delete this.state.extra[key];
    return unknown;
  }
}
