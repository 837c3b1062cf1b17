// A few thousand epicentres on one canvas, found again under the pointer by arithmetic: the map beside
// a search. The home page's map, which holds a million, is quake_layer.js.

import { trace } from "./canvas_points.js";
import { CanvasLayer, L, onSchemeChange, paintRing, token } from "./leaflet.js";
import { depthStyle, drawnRadius, inkOf, radius, shape, zoomFactor } from "./symbols.js";

export class Epicentres {
  /** `handlers.hover(event | null)`, `handlers.select(event)`. */
  constructor(map, config, handlers) {
    this.map = map;
    this.bounds = config.depthBounds;
    this.handlers = handlers;
    this.events = [];
    this.drawn = [];
    this.hovered = null;
    this.selected = null;
    this.layer = new CanvasLayer((context, frame) => this.paint(context, frame), { pane: "quakes" });
    this.layer.addTo(map);
    onSchemeChange(() => this.layer.redraw());
    map.on("mousemove", (event) => this.pointAt(event.containerPoint));
    map.on("mouseout", () => this.pointAt(null));
    map.on("click", (event) => {
      const found = this.find(event.containerPoint, 6);
      if (found) handlers.select(found);
    });
  }

  /** Show these events; small ones are painted last so that none hides below a large one. */
  show(events) {
    const crs = L.CRS.EPSG3857;
    this.events = events
      .map((event) => ({
        event,
        world: crs.latLngToPoint(L.latLng(event.lat, event.lon), 0),
        radius: radius(event),
        shape: shape(event),
        style: depthStyle(event.depth_km, this.bounds),
      }))
      .sort((a, b) => b.radius - a.radius || a.event.time - b.event.time);
    this.layer.redraw();
  }

  hover(event) {
    if (this.hovered === event) return;
    this.hovered = event;
    this.layer.redraw();
  }

  select(event) {
    this.selected = event;
    this.layer.redraw();
  }

  paint(context, frame) {
    const factor = zoomFactor(frame.zoom);
    const ink = inkOf(frame.zoom);
    const fills = Object.fromEntries(
      ["depth-0", "depth-1", "depth-2", "depth-3", "depth-4", "depth-none"].map((n) => [n, token(n)]),
    );
    const line = token("symbol-line");
    const ring = token("felt-ring");
    const halo = token("map-halo");
    const strange = token("danger");
    this.margin = frame.margin;
    this.drawn = [];
    const felt = [];
    const marked = [];
    for (const item of this.events) {
      const [x, y] = frame.place(item.world.x, item.world.y);
      const r = drawnRadius(item.radius, factor);
      if (x < -r || y < -r || x > frame.width + r || y > frame.height + r) continue;
      this.drawn.push({ event: item.event, x, y, r });
      trace(context, item.shape, x, y, r);
      context.fillStyle = fills[item.style];
      if (item.shape !== "diamond") {
        context.globalAlpha = item.shape === "square" ? 0.35 : ink.fill;
        context.fill();
        context.globalAlpha = 1;
      }
      context.lineWidth = item.shape === "circle" ? ink.line : 1.4;
      context.strokeStyle = item.shape === "circle" ? line : item.shape === "square" ? strange : fills[item.style];
      context.setLineDash(item.shape === "square" ? [3, 2] : []);
      context.stroke();
      context.setLineDash([]);
      if (item.event.felt) felt.push([x, y, r]);
      if (item.event === this.hovered || item.event === this.selected) marked.push([x, y, r]);
    }
    // Rings last, so that a felt event is found among thousands of others.
    for (const [x, y, r] of felt) {
      for (const [width, style] of [[3.2, halo], [1.5, ring]]) {
        context.beginPath();
        context.arc(x, y, r + 2.5, 0, 2 * Math.PI);
        context.lineWidth = width;
        context.strokeStyle = style;
        context.stroke();
      }
    }
    for (const [x, y, r] of marked) paintRing(context, x, y, r);
    this.map.getContainer().dataset.drawn = String(this.drawn.length);
  }

  /** The event under a point of the map, the topmost first, else null. */
  find(point, reach = 3) {
    if (!this.margin) return null;
    const x = point.x + this.margin.x;
    const y = point.y + this.margin.y;
    for (let index = this.drawn.length - 1; index >= 0; index -= 1) {
      const item = this.drawn[index];
      if (Math.hypot(item.x - x, item.y - y) <= item.r + reach) return item.event;
    }
    return null;
  }

  pointAt(point) {
    const found = point ? this.find(point) : null;
    this.map.getContainer().classList.toggle("is-over-quake", found !== null);
    if (found !== this.hovered) {
      this.hover(found);
      this.handlers.hover(found);
    }
  }
}
