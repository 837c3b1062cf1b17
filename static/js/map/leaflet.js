// The one module that touches the global Leaflet (django-leaflet's bundled copy).

export const L = globalThis.L;

// Ours among Leaflet's own panes, the lowest first.
const PANES = { base: 200, relief: 210, lines: 220, quakes: 440, labels: 450 };

const reduced = () => globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Make a Leaflet map in our dress: no tiles, our controls' words, bounds of the region. */
export function createMap(element, config, words, options = {}) {
  const motion = !reduced();
  const map = L.map(element, {
    zoomControl: false,
    attributionControl: false,
    minZoom: config.minZoom,
    maxZoom: config.maxZoom,
    zoomSnap: 0.5,
    maxBounds: [[12, 5], [74, 135]],
    maxBoundsViscosity: 0.8,
    zoomAnimation: motion,
    fadeAnimation: motion,
    inertia: motion,
    ...options,
  });
  for (const [name, order] of Object.entries(PANES)) {
    map.createPane(name).style.zIndex = String(order);
  }
  L.control.zoom({ zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(map);
  L.control.attribution({ prefix: false }).addTo(map);
  L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", words.mapLabel);
  return map;
}

let borrowed = null;

/** The value of a CSS custom property of the page: colours live in tokens.css only. */
export function token(name) {
  if (borrowed?.has(name)) return borrowed.get(name);
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Ring an event that is chosen or pointed at; radius in px. */
export function paintRing(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius + 5, 0, 2 * Math.PI);
  context.lineWidth = 6;
  context.strokeStyle = token("surface");
  context.stroke();
  context.lineWidth = 3;
  context.strokeStyle = token("focus");
  context.stroke();
}

const pen = globalThis.document && document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** A colour of the page as red, green, blue from 0 to 1, however the style sheet writes it. */
export function colour(name) {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = token(name);
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
}

/** What `paint()` returns, painted in the colours of the light page: pictures go onto paper. */
export function inLight(paint) {
  borrowed = new Map();
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (rule.selectorText !== ":root") continue;
      for (const name of rule.style) {
        // The light sheet comes first; what the dark one says anew is not taken.
        if (name.startsWith("--") && !borrowed.has(name.slice(2))) {
          borrowed.set(name.slice(2), rule.style.getPropertyValue(name).trim());
        }
      }
    }
  }
  try {
    return paint();
  } finally {
    borrowed = null;
  }
}

/** Call back when colours change (by the system, or as the reader chose) or the page's font has come. */
export function onSchemeChange(callback) {
  globalThis.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
  document.addEventListener("stylechange", callback);
}

/**
 * A canvas that follows the map. `draw(context, frame)` paints; frame has `width`, `height`, `zoom`,
 * `ratio` (device pixels a CSS pixel) and `place(worldX, worldY)`, which turns zoom-0 world pixels
 * into canvas pixels: `(world - west) * scale`, `(world - north) * scale`. With the option `raw` the
 * painter gets the canvas itself, uncleared, and takes a context of its own.
 */
export const CanvasLayer = L && L.Layer.extend({
  initialize(draw, options) {
    this._paint = draw;
    L.setOptions(this, { padding: 0.12, ...options });
  },
  onAdd(map) {
    this._canvas = L.DomUtil.create("canvas", "leaflet-zoom-animated", this.getPane());
    this._canvas.setAttribute("aria-hidden", "true");
    this._map = map;
    this.redraw();
  },
  onRemove() {
    cancelAnimationFrame(this._request);
    this._request = 0;
    this._canvas.remove();
  },
  getEvents() {
    return {
      moveend: this.redraw,
      resize: this.redraw,
      viewreset: this.redraw,
      zoom: () => this._follow(this._map.getCenter(), this._map.getZoom()),
      zoomanim: (event) => this._follow(event.center, event.zoom),
    };
  },
  redraw() {
    // One that waits is not put off: whoever asks in every frame would else never see one.
    this._request ||= requestAnimationFrame(() => {
      this._request = 0;
      this._redraw();
    });
    return this;
  },
  _redraw() {
    const map = this._map;
    if (!map) return;
    const size = map.getSize();
    const margin = size.multiplyBy(this.options.padding).round();
    const width = size.x + 2 * margin.x;
    const height = size.y + 2 * margin.y;
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const canvas = this._canvas;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const corner = map.containerPointToLayerPoint([-margin.x, -margin.y]);
    L.DomUtil.setTransform(canvas, corner, 1);
    this._corner = map.layerPointToLatLng(corner);
    this._zoom = map.getZoom();
    const scale = 2 ** this._zoom;
    const origin = map.project(this._corner, this._zoom);
    this._margin = margin;
    this._paint(this.options.raw ? canvas : cleared(canvas, ratio), {
      width,
      height,
      margin,
      ratio,
      scale,
      zoom: this._zoom,
      west: origin.x / scale,
      north: origin.y / scale,
      place: (x, y) => [x * scale - origin.x, y * scale - origin.y],
    });
  },
  /** Take a fresh canvas: one that has given a context of one kind gives no other. */
  renew() {
    const fresh = this._canvas.cloneNode();
    this._canvas.replaceWith(fresh);
    this._canvas = fresh;
    return this.redraw();
  },
  /** The canvas, for pictures of the map. */
  picture() {
    return this._canvas;
  },
  _follow(center, zoom) {
    if (!this._corner) return;
    const map = this._map;
    const half = map.getSize().divideBy(2);
    const pane = L.DomUtil.getPosition(map.getPane("mapPane"));
    const point = map
      .project(this._corner, zoom)
      .subtract(map.project(center, zoom))
      .add(half)
      .subtract(pane);
    L.DomUtil.setTransform(this._canvas, point, map.getZoomScale(zoom, this._zoom));
  },
});

function cleared(canvas, ratio) {
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
