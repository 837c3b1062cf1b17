// Epicentres of a store on the map: painted by WebGL or a canvas, found again under the pointer.

import { CanvasPainter } from "./canvas_points.js";
import { Grid } from "./choosing.js";
import { levelOf, thinnedOrder } from "./detail_level.js";
import { drawingOrder } from "./drawing_order.js";
import { timeIndex } from "./filters.js";
import { CanvasLayer, colour, onSchemeChange, paintRing } from "./leaflet.js";
import { MARKS, NO_SIZE, sizeRadius } from "./store.js";
import { RECENT_HOURS, drawnRadius, inkOf, zoomFactor } from "./symbols.js";
import { WebglPainter } from "./webgl.js";

const HOUR_MS = 3_600_000;
// Opacity of an event a year old or older, and of one that is about to leave a time window.
const OLD = { span: 24 * 365, least: 0.85 };
const LEAVING = 0.65;
const LARGEST_PX = sizeRadius(18) * 1.5;

export class QuakeLayer {
  /**
   * @param {L.Map} map
   * @param {Store} store
   * @param {Object} handlers `hover(indices, point)` (empty: nothing), `select(indices)`,
   *   `isHeld()` (a tool has the pointer), `painted({count, thinned})`
   * @param {{webgl?: boolean}} options webgl false: plain canvas
   */
  constructor(map, store, handlers, { webgl = true } = {}) {
    this.map = map;
    this.store = store;
    this.handlers = handlers;
    this.webgl = webgl;
    this.marks = { hovered: -1, selected: -1 };
    this.isOn = true;
    this.shown = this.order = new Uint32Array(0);
    this.window = null;
    this.look = lookOf();
    this.#arrange();
    this.points = new CanvasLayer((canvas, frame) => this.#paint(canvas, frame), { pane: "quakes", raw: true });
    this.overlay = new CanvasLayer((context, frame) => this.#paintMarks(context, frame), { pane: "quakes" });
    this.points.addTo(map);
    this.overlay.addTo(map);
    onSchemeChange(() => {
      this.look = lookOf();
      this.redraw();
    });
    map.on("mousemove", (event) => this.#pointAt(event.containerPoint));
    map.on("mouseout", () => this.#pointAt(null));
    map.on("click", (event) => {
      if (handlers.isHeld()) return;
      const found = this.find(event.containerPoint, 6);
      if (found.length) handlers.select(found);
    });
  }

  /** "webgl" or "canvas", known after the first frame. */
  get engine() {
    return this.painter instanceof WebglPainter ? "webgl" : "canvas";
  }

  /**
   * Show these events.
   * @param {Uint32Array} order oldest first
   * @param {?number[]} window `[from, until)` [ms], null for all of them
   */
  show(order, window = null) {
    this.order = order;
    this.#arrange();
    this.setWindow(window);
  }

  /** Show another part of time; costs what is in it. */
  setWindow(window) {
    this.window = window;
    const { time } = this.store;
    this.shown = window
      ? this.order.subarray(timeIndex(this.order, time, window[0]), timeIndex(this.order, time, window[1]))
      : this.order;
    this.grid = null;
    this.redraw();
  }

  #arrange() {
    const { store, order } = this;
    const now = Date.now();
    const felt = order.filter((i) => store.style[4 * i + 2] & MARKS.felt);
    this.level = null;
    this.scene = {
      store,
      order: drawingOrder(store.style, order),
      felt,
      recent: order.subarray(timeIndex(order, store.time, now - RECENT_HOURS * HOUR_MS)),
    };
  }

  redraw() {
    this.points.redraw();
    this.overlay.redraw();
  }

  setOn(on) {
    this.isOn = on;
    this.redraw();
  }

  mark(kind, index) {
    if (this.marks[kind] === index) return;
    this.marks[kind] = index;
    this.overlay.redraw();
  }

  /** The painter of this canvas; null where a fresh canvas had to be taken: it will be drawn on. */
  #painterOn(canvas) {
    if (this.painter) return this.painter;
    try {
      this.painter = this.webgl
        ? WebglPainter.on(canvas, { restored: () => this.redraw(), gone: () => this.#withoutWebgl() })
        : null;
    } catch (error) {
      // A driver that cannot link the shaders: the map is drawn without it.
      console.warn(error.message);
      this.#withoutWebgl();
      return null;
    }
    this.painter ??= new CanvasPainter(canvas);
    return this.painter;
  }

  #withoutWebgl() {
    this.webgl = false;
    this.painter = null;
    this.points.renew();
  }

  /** The order to paint: from afar WebGL is spared what would lie hidden. */
  #orderFor(frame) {
    const { order } = this.scene;
    const level = this.webgl && !this.window ? levelOf(frame.zoom, order.items.length) : null;
    if (level === null) return order;
    if (level !== this.level) {
      this.thin = thinnedOrder(order, this.store.x, this.store.y, level);
      this.level = level;
    }
    return this.thin;
  }

  #paint(canvas, frame) {
    const painter = this.#painterOn(canvas);
    if (!painter) return;
    const { window } = this;
    const ends = window ? Math.min(window[1], Date.now()) : Date.now();
    const count = painter.draw(frame, {
      ...this.scene,
      order: this.#orderFor(frame),
      ...(this.isOn ? {} : NOTHING),
      window,
      look: this.look,
      ink: inkOf(frame.zoom),
      factor: zoomFactor(frame.zoom),
      now: ends / HOUR_MS,
      span: window ? (window[1] - window[0]) / HOUR_MS : OLD.span,
      least: window ? LEAVING : OLD.least,
    });
    this.frame = frame;
    const { dataset } = this.map.getContainer();
    dataset.drawn = String(this.isOn ? this.#inside(frame) : 0);
    dataset.engine = this.engine;
    this.handlers.painted?.({ count, thinned: this.painter.thinned ?? 0 });
  }

  #inside({ west, north, width, height, scale }) {
    const { x, y } = this.store;
    const [east, south] = [west + width / scale, north + height / scale];
    let count = 0;
    for (const i of this.shown) {
      if (x[i] >= west && x[i] <= east && y[i] >= north && y[i] <= south) count += 1;
    }
    return count;
  }

  #paintMarks(context, frame) {
    for (const i of new Set(Object.values(this.marks))) {
      if (i < 0) continue;
      const [x, y] = frame.place(this.store.x[i], this.store.y[i]);
      paintRing(context, x, y, this.#radius(i, frame.zoom));
    }
  }

  #radius(i, zoom) {
    return drawnRadius(sizeRadius(this.store.style[4 * i]), zoomFactor(zoom));
  }

  /**
   * The events under a point of the map's container, the topmost first.
   * @param {L.Point} point [px] @param {number} reach beyond a symbol's edge [px]
   * @returns {number[]} indices
   */
  find(point, reach = 3) {
    if (!this.isOn || !this.shown.length) return [];
    const { map, store } = this;
    const zoom = map.getZoom();
    const scale = map.getZoomScale(zoom, 0);
    const world = map.project(map.containerPointToLatLng(point), 0);
    this.grid ??= new Grid(store.x, store.y, this.shown);
    const found = [];
    this.grid.near(world.x, world.y, (LARGEST_PX + reach) / scale, (i) => {
      const far = Math.hypot(store.x[i] - world.x, store.y[i] - world.y) * scale;
      if (far <= this.#radius(i, zoom) + reach) found.push(i);
    });
    // As painted: small above large, new above old, unknown sizes above all.
    const rank = (i) => (store.style[4 * i] === NO_SIZE ? -1 : store.style[4 * i]);
    return found.sort((a, b) => rank(a) - rank(b) || store.time[b] - store.time[a]);
  }

  #pointAt(point) {
    const found = point && !this.handlers.isHeld() ? this.find(point) : [];
    this.map.getContainer().classList.toggle("is-over-quake", found.length > 0);
    const top = found[0] ?? -1;
    if (top !== this.marks.hovered || (found.length && point)) this.handlers.hover(found, point);
    this.mark("hovered", top);
  }

  pictures() {
    return [this.points.picture(), this.overlay.picture()];
  }
}

const EMPTY = new Uint32Array(0);
const NOTHING = { order: { items: EMPTY, runs: [] }, felt: EMPTY, recent: EMPTY };

function lookOf() {
  const names = ["depth-0", "depth-1", "depth-2", "depth-3", "depth-4", "depth-none"];
  return {
    depths: names.map(colour),
    symbol: colour("symbol-line"),
    strange: colour("danger"),
    ring: colour("felt-ring"),
    halo: colour("map-halo"),
    recent: colour("accent"),
  };
}
