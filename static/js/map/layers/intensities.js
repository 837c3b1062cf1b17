// Where it was felt and how strongly: one sign a place, the strongest on top, in the colours of MSK-64.

import { fill, intensity } from "../../texts.js";
import { utc } from "../../times.js";
import { token } from "../leaflet.js";
import { eventAddress } from "../quakes.js";
import { make, throttled } from "../tools/dom.js";
import { spread } from "./declutter.js";
import { DataLayer, world } from "./layer.js";

const LISTED = 6;

export class Intensities extends DataLayer {
  constructor(atlas, words, options) {
    super(atlas, words, { ...options, key: "intensities", order: 446, bySearch: true });
    this.places = [];
    this.drawn = [];
    this.hiddenCount = 0;
    const chosen = throttled(() => {
      if (!this.isOn || !this.rows) return;
      this.take(this.rows);
      this.redraw();
    }, 300);
    atlas.on("shown", chosen);
  }

  take(rows) {
    const wanted = new Set(rows.map((row) => row.id));
    const shown = new Set();
    this.atlas.eachShown(({ id }) => wanted.has(id) && shown.add(id));
    const places = new Map();
    for (const row of rows) {
      if (!shown.has(row.id)) continue;
      const key = `${row.lat.toFixed(3)}/${row.lon.toFixed(3)}`;
      if (!places.has(key)) places.set(key, { world: world(row.lat, row.lon), lat: row.lat, lon: row.lon, rows: [] });
      places.get(key).rows.push(row);
    }
    this.places = [...places.values()];
    for (const place of this.places) {
      place.rows.sort((a, b) => strength(b) - strength(a));
      place.strength = strength(place.rows[0]);
    }
    this.places.sort((a, b) => b.strength - a.strength);
    this.zoom = null;
  }

  #place(zoom) {
    if (this.zoom === zoom) return;
    this.zoom = zoom;
    const scale = 2 ** zoom;
    const items = this.places.map((place) => ({
      place, x: place.world.x * scale, y: place.world.y * scale, r: place.strength > 0 ? 10 : 6,
    }));
    this.layout = spread(items, { gap: 1, rings: 1 });
  }

  paint(context, frame) {
    this.#place(frame.zoom);
    const [left, top] = frame.place(0, 0);
    this.margin = frame.margin;
    this.drawn = [];
    // Weaker ones first, so that nothing lies on the strongest.
    for (const { item, x, y, moved } of this.layout.placed.toReversed()) {
      const [cx, cy] = [x + left, y + top];
      if (cx < -12 || cy < -12 || cx > frame.width + 12 || cy > frame.height + 12) continue;
      if (moved) {
        context.beginPath();
        context.moveTo(item.x + left, item.y + top);
        context.lineTo(cx, cy);
        context.lineWidth = 1;
        context.strokeStyle = token("symbol-line");
        context.stroke();
      }
      drawIntensity(context, cx, cy, item.place.rows[0]);
      this.drawn.push({ place: item.place, x: cx, y: cy, r: item.r });
    }
    const hidden = this.layout.hidden.length;
    if (hidden !== this.hiddenCount) {
      this.hiddenCount = hidden;
      this.changed();
    }
    this.atlas.map.getContainer().dataset.intensities = String(this.drawn.length);
  }

  get note() {
    return this.hiddenCount ? fill(this.words.noRoomPlaces, { n: this.hiddenCount }) : "";
  }

  legend() {
    const one = (values, text) => ({ text, draw: (context) => drawIntensity(context, 13, 9, values, 8.5) });
    const steps = [[2, "II–III"], [4, "IV"], [5, "V"], [6, "VI"], [7, "VII"], [8, "VIII"], [9, "IX"]]
      .filter(([value]) => value <= Math.max(5, Math.ceil(this.places[0]?.strength ?? 5)))
      .map(([value, roman]) => one({ best: value }, fill(this.words.degree, { roman })));
    return [...steps, one({ felt: true }, this.words.felt), one({ felt: false }, this.words.notFelt)];
  }

  hit(point) {
    if (!this.margin) return null;
    const [x, y] = [point.x + this.margin.x, point.y + this.margin.y];
    const found = this.drawn.findLast((one) => Math.hypot(one.x - x, one.y - y) <= one.r + 2);
    if (!found) return null;
    return { latlng: [found.place.lat, found.place.lon], card: () => this.#card(found.place) };
  }

  #card(place) {
    const { words, config } = this.atlas;
    const line = (row) => {
      const value = valueOf(row);
      const text = value === null ? (row.felt === false ? this.words.notFelt : this.words.felt)
        : `${intensity(value)} ${row.scale}`.trim();
      const marks = [row.agency, row.calculated ? this.words.calculated : "", row.synthetic ? words.synthetic : ""];
      return make("li", {},
        make("strong", { text }), " ",
        make("a", { href: eventAddress(row, config), text: `${utc(row.time).slice(0, 10)}` }),
        ` ${marks.filter(Boolean).join(" · ")}`);
    };
    return make("div", { class: "popup" },
      make("p", { class: "popup__place", text: place.rows[0].place }),
      make("ul", { class: "popup__list" }, ...place.rows.slice(0, LISTED).map(line)),
      place.rows.length > LISTED ? make("p", { text: fill(this.words.andMore, { n: place.rows.length - LISTED }) }) : null);
  }
}

/** What is drawn of a row: the best value, else the greater of what there is, else null. */
export function valueOf(row) {
  return row.best ?? row.maximum ?? row.minimum ?? null;
}

/** For order: a degree, 0.5 for "felt" without one, -1 for "not felt". */
export function strength(row) {
  return valueOf(row) ?? (row.felt === false ? -1 : 0.5);
}

function drawIntensity(context, x, y, row, r = 10) {
  const value = valueOf(row);
  const line = token("symbol-line");
  context.lineWidth = 1;
  context.strokeStyle = line;
  context.beginPath();
  if (value === null) {
    context.arc(x, y, 5, 0, 2 * Math.PI);
    context.fillStyle = row.felt === false ? token("surface") : token("msk-3");
    context.fill();
    context.stroke();
    if (row.felt === false) {
      context.beginPath();
      context.moveTo(x - 3.5, y + 3.5);
      context.lineTo(x + 3.5, y - 3.5);
      context.stroke();
    }
    return;
  }
  const degree = Math.min(Math.max(Math.floor(value), 2), 10);
  context.rect(x - r, y - r * 0.8, 2 * r, 1.6 * r);
  context.fillStyle = token(`msk-${degree}`);
  context.fill();
  context.stroke();
  context.fillStyle = token(degree >= 7 ? "msk-ink-light" : "msk-ink");
  context.font = `600 ${value % 1 ? 9 : 11}px ${token("font")}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(intensity(value), x, y + 0.5);
  context.textAlign = "left";
}
