// Seismic stations: a triangle each, a ringed one for an array, coloured by who runs it.

import { coordinates, fill, number } from "../../texts.js";
import { token } from "../leaflet.js";
import { make } from "../tools/dom.js";
import { DataLayer, world } from "./layer.js";

const LABELS_FROM = 6.5;
const ELEMENTS_FROM = 9;
const COLOURS = 3;

export class Stations extends DataLayer {
  constructor(atlas, words, options) {
    super(atlas, words, { ...options, key: "stations", order: 441, bySearch: false });
    this.signs = [];
    this.agencies = [];
    this.drawn = [];
  }

  take(rows) {
    const counts = new Map();
    for (const row of rows) counts.set(row.agency, (counts.get(row.agency) ?? 0) + 1);
    // The two of the catalogue keep their colours whatever else is loaded.
    const lead = this.atlas.config.tools.agencies;
    this.agencies = [...counts.keys()].sort((a, b) => {
      const [first, second] = [a, b].map((code) => (lead.includes(code) ? lead.indexOf(code) : lead.length));
      return first - second || counts.get(b) - counts.get(a);
    });
    this.signs = rows.map((row) => ({ row, world: world(row.lat, row.lon), colour: this.#colour(row.agency) }));
  }

  #colour(agency) {
    const place = this.atlas.config.tools.agencies.indexOf(agency);
    return `station-${place < 0 ? COLOURS : Math.min(place + 1, COLOURS)}`;
  }

  paint(context, frame) {
    this.margin = frame.margin;
    this.drawn = [];
    const size = frame.zoom < 5 ? 5 : 7;
    for (const sign of this.signs) {
      if (sign.row.kind === "array element" && frame.zoom < ELEMENTS_FROM) continue;
      const [x, y] = frame.place(sign.world.x, sign.world.y);
      if (x < -10 || y < -10 || x > frame.width + 10 || y > frame.height + 10) continue;
      drawStation(context, x, y, size, token(sign.colour), sign.row);
      this.drawn.push({ row: sign.row, x, y });
    }
    if (frame.zoom >= LABELS_FROM) this.#label(context, size);
    this.atlas.map.getContainer().dataset.stations = String(this.drawn.length);
  }

  #label(context, size) {
    const taken = this.drawn.map(({ x, y }) => [x - size, y - size, x + size, y + size]);
    context.font = `600 10.5px ${token("font")}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.lineJoin = "round";
    for (const { row, x, y } of this.drawn) {
      const width = context.measureText(row.code).width;
      const spot = [[x + size + 3, y], [x - size - 3 - width, y], [x - width / 2, y + size + 7], [x - width / 2, y - size - 7]]
        .map(([left, middle]) => [left - 1, middle - 6, left + width + 1, middle + 6])
        .find((box) => taken.every((other) => box[2] < other[0] || other[2] < box[0] || box[3] < other[1] || other[3] < box[1]));
      if (!spot) continue;
      taken.push(spot);
      context.strokeStyle = token("map-halo");
      context.lineWidth = 3;
      context.strokeText(row.code, spot[0] + 1, spot[1] + 6);
      context.fillStyle = token("ink");
      context.fillText(row.code, spot[0] + 1, spot[1] + 6);
    }
  }

  legend() {
    const sign = (text, colour, row) => ({ text, draw: (context) => drawStation(context, 13, 9, 6.5, token(colour), row) });
    const known = { open: true, kind: "three-component" };
    const items = [];
    const seen = new Set();
    for (const agency of this.agencies) {
      const colour = this.#colour(agency);
      if (seen.has(colour)) continue;
      seen.add(colour);
      items.push(sign(colour === `station-${COLOURS}` ? this.words.otherAgencies : agency, colour, known));
    }
    if (this.signs.some(({ row }) => row.kind === "array")) {
      items.push(sign(this.words.array, items.length ? "station-2" : "station-3", { open: true, kind: "array" }));
    }
    if (this.signs.some(({ row }) => !row.open)) {
      items.push(sign(this.words.closedStation, "station-3", { open: false, kind: "other" }));
    }
    return items;
  }

  hit(point) {
    if (!this.margin) return null;
    const [x, y] = [point.x + this.margin.x, point.y + this.margin.y];
    const near = (one) => Math.hypot(one.x - x, one.y - y);
    const found = this.drawn.filter((one) => near(one) < 11).sort((a, b) => near(a) - near(b))[0];
    return found ? { latlng: [found.row.lat, found.row.lon], card: () => this.#card(found.row) } : null;
  }

  #card(row) {
    const { words, config } = this.atlas;
    const year = (ms) => new Date(ms).getUTCFullYear();
    const epoch = row.start === null && row.end === null ? ""
      : `${row.start === null ? "…" : year(row.start)}–${row.end === null ? "" : year(row.end)}`;
    return make("div", { class: "popup" },
      make("p", {}, make("strong", { text: row.code }), ` ${row.name}`),
      make("p", { text: [row.network, row.agency].filter(Boolean).join(" · ") }),
      make("p", { text: coordinates(row.lat, row.lon, words, config.decimal, 4) }),
      row.elevation_m === null ? null
        : make("p", { text: fill(this.words.elevation, { metres: number(row.elevation_m, 0, config.decimal) }) }),
      make("p", { text: [this.words.kinds[row.kind] ?? "", epoch].filter(Boolean).join(", ") }),
      row.synthetic ? make("p", {}, make("span", { class: "tag tag--synthetic", text: this.words.syntheticStation })) : null,
      make("p", {}, make("a", {
        class: "popup__link", text: this.words.stationPage,
        href: `${config.tools.stationUrl.replace("STATION", encodeURIComponent(row.code))}?${new URLSearchParams({ of: row.network || row.agency })}`,
      })));
  }
}

function drawStation(context, x, y, r, colour, row) {
  const line = token("symbol-line");
  if (row.kind === "array") {
    context.beginPath();
    context.arc(x, y, r + 2.5, 0, 2 * Math.PI);
    context.fillStyle = token("surface");
    context.fill();
    context.strokeStyle = line;
    context.lineWidth = 1.2;
    context.stroke();
  }
  context.beginPath();
  context.moveTo(x, y - r);
  context.lineTo(x + 0.9 * r, y + 0.65 * r);
  context.lineTo(x - 0.9 * r, y + 0.65 * r);
  context.closePath();
  context.fillStyle = row.open ? colour : token("surface");
  context.fill();
  context.strokeStyle = row.open ? line : colour;
  context.lineWidth = row.open ? 1 : 1.6;
  context.stroke();
}
