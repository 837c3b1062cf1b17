// What the layers of signs have in common: a canvas, data that may fail to come, cards, a legend.

import { ApiError, fetchJson, records } from "../../api.js";
import { CanvasLayer, L, onSchemeChange } from "../leaflet.js";
import { wordsQuery } from "../../url_state.js";

/** World pixels of zoom 0 of a place [deg]. */
export function world(latitude, longitude) {
  const sine = Math.sin((Math.min(Math.max(latitude, -85.05), 85.05) * Math.PI) / 180);
  return {
    x: ((longitude + 180) / 360) * 256,
    y: (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * 256,
  };
}

/**
 * One layer of the map. Its kinds give `paint(context, frame)`, and may give `hit(point)`, which
 * returns `{latlng, card}` for what stands there, and `legend()`, `[{text, draw(context)}]` with
 * `draw` filling a box of 26 by 18 pixels. The pictures of the map use the same functions.
 */
export class Layer {
  /** @param {{key: string, order: number, padding?: number}} options order: z-index of its pane */
  constructor(atlas, words, { key, order, padding = 0.12 }) {
    this.atlas = atlas;
    this.words = words;
    this.key = key;
    this.isOn = false;
    this.order = order;
    const pane = atlas.map.createPane(`layer-${key}`);
    pane.style.zIndex = String(order);
    pane.style.pointerEvents = "none";
    this.canvas = new CanvasLayer((context, frame) => this.paint(context, frame), {
      pane: `layer-${key}`, padding,
    });
    onSchemeChange(() => this.isOn && this.canvas.redraw());
  }

  paint() {}

  hit() {
    return null;
  }

  legend() {
    return [];
  }

  /** A sentence below the legend: what is not shown. */
  get note() {
    return "";
  }

  async show() {
    this.isOn = true;
    this.canvas.addTo(this.atlas.map);
    this.changed();
  }

  hide() {
    this.isOn = false;
    this.canvas.remove();
    this.changed();
  }

  redraw() {
    if (this.isOn) this.canvas.redraw();
  }

  /** Tell the legend; set by tools.js. */
  changed() {}
}

/** A layer whose rows the server sends; asked again when the search changes, where it depends on it. */
export class DataLayer extends Layer {
  constructor(atlas, words, { url, bySearch, failures, label, ...options }) {
    super(atlas, words, options);
    this.url = url;
    this.bySearch = bySearch;
    this.failures = failures;
    this.label = label;
    this.rows = null;
    this.truncated = false;
    this.asked = null;
    atlas.on("words", () => this.isOn && bySearch && this.load());
  }

  /** Rows have come. */
  take() {}

  async show() {
    await super.show();
    await this.load();
  }

  hide() {
    this.request?.abort();
    this.failures.clear(this.key);
    super.hide();
  }

  async load() {
    const query = wordsQuery(this.bySearch ? this.atlas.state.words : {}, { lang: this.atlas.config.language });
    if (this.asked === query && this.rows) return;
    this.request?.abort();
    const mine = new AbortController();
    this.request = mine;
    try {
      const { data } = await fetchJson(this.url + query, { signal: mine.signal });
      this.asked = query;
      this.rows = records(data);
      this.truncated = data.truncated;
      this.failures.clear(this.key);
      this.take(this.rows);
      this.redraw();
      this.changed();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 400) return; // the search itself is wrong; the list says how
      this.failures.tell(this.key, this.label, () => this.load());
    }
  }
}

/** Clicks on signs open cards; an event below a sign is reached by switching the layer off. */
export function listenForCards(atlas, layers) {
  const { map } = atlas;
  const container = map.getContainer();
  const popup = L.popup({ maxWidth: 300, autoPanPadding: [24, 24], className: "layer-card" });
  let down = null;
  const found = (event) => {
    if (atlas.isHeld || event.target.closest?.(".leaflet-control, .leaflet-popup, .leaflet-marker-pane")) return null;
    const point = map.mouseEventToContainerPoint(event);
    for (const layer of layers.toReversed()) {
      const hit = layer.isOn ? layer.hit(point) : null;
      if (hit) return hit;
    }
    return null;
  };
  container.addEventListener("pointerdown", (event) => {
    down = [event.clientX, event.clientY];
  }, true);
  container.addEventListener("click", (event) => {
    if (!down || Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 5) return;
    const hit = found(event);
    if (!hit) return;
    event.stopPropagation();
    popup.setLatLng(hit.latlng).setContent(hit.card()).openOn(map);
  }, true);
  container.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") container.classList.toggle("is-over-sign", found(event) !== null);
  });
}
