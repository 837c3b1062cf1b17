// The map as a picture to take away: title, search, map, scale, legend, citation, credits.
//
// Nothing is copied from the screen. The painters of the map draw once more, larger, in the colours of
// the light page, on a canvas (PNG, print) or into SVG.

import { count, fill } from "../../texts.js";
import { basemapOf } from "../basemap.js";
import { L, token } from "../leaflet.js";
import { world } from "../layers/layer.js";
import { RINGS, classRadius, depthStyle, drawnRadius, inkOf, radius, shape, zoomFactor } from "../symbols.js";

const EDGE = 20;
const SIDE = 232;
const GAP = 28;
const HIGHEST = 1100;
/** Epicentres that an SVG holds as vectors; more become a bitmap inside it. */
export const MOST_VECTORS = 20_000;
export const RATIO = 2;

/** What a picture shows, gathered once: the frame of the map, its events, its texts. */
export class Plate {
  constructor(atlas, layers, words, area) {
    Object.assign(this, { atlas, layers, words, area });
    const { map } = atlas;
    const size = map.getSize();
    this.width = Math.min(Math.max(size.x, 900), 1600);
    this.height = Math.min(Math.max(size.y, 600), HIGHEST);
    this.hasEvents = !atlas.state.layers.includes("-epicentres");
    this.zoom = map.getZoom();
    this.scale = 2 ** this.zoom;
    this.#look();
    // A long legend makes the map as high as itself.
    const legend = this.#paintLegend(document.createElement("canvas").getContext("2d"), 0, 0, { isDrawn: false });
    if (legend > this.height) {
      this.height = Math.min(Math.ceil(legend), HIGHEST);
      this.#look();
    }
    this.texts = this.#texts();
  }

  /** Frame the map round its middle and gather the events in it. */
  #look() {
    const { map } = this.atlas;
    const centre = map.project(map.getCenter(), this.zoom);
    const origin = [centre.x - this.width / 2, centre.y - this.height / 2];
    this.frame = {
      width: this.width, height: this.height, zoom: this.zoom, margin: L.point(0, 0),
      place: (x, y) => [x * this.scale - origin[0], y * this.scale - origin[1]],
    };
    this.events = this.#eventsInView();
  }

  /** Events in view, the largest first, so that none hides below a larger one. */
  #eventsInView() {
    const found = [];
    this.atlas.eachShown((record) => {
      const at = world(record.lat, record.lon);
      const [x, y] = this.frame.place(at.x, at.y);
      if (x < -40 || y < -40 || x > this.width + 40 || y > this.height + 40) return;
      found.push({
        x, y, r: drawnRadius(radius(record), zoomFactor(this.zoom)), shape: shape(record),
        style: depthStyle(record.depth_km, this.atlas.config.depthBounds), felt: record.felt,
      });
    });
    return found.sort((a, b) => b.r - a.r);
  }

  #texts() {
    const { words, atlas } = this;
    const { citation, version } = atlas.config.tools;
    const today = new Date().toISOString().slice(0, 10);
    const search = Object.entries(atlas.state.words).map(([name, value]) => `${name}=${value}`).join("  ");
    const query = new URLSearchParams({ ...atlas.state.words, catalogueversion: version });
    const address = new URL(`${citation.path}?${query}`, location.href).href;
    return {
      title: words.pictureTitle,
      search: search ? fill(words.selection, { words: search }) : words.wholeCatalogue,
      number: fill(words.pictureCount, { n: count(atlas.shownCount), m: count(this.events.filter(({ x, y }) => x >= 0 && y >= 0 && x <= this.width && y <= this.height).length) }) + (this.#isNarrowed() ? ` ${words.narrowed}` : ""),
      citation: fill(citation.text, { year: today.slice(0, 4), version, address, date: today }),
      credits: words.credits,
      date: fill(words.pictureDate, { date: today }),
    };
  }

  #isNarrowed() {
    const { window: span, depths, classes } = this.atlas.state;
    return [span, depths, classes].some((value) => (Array.isArray(value) ? value.length : value));
  }

  get fileName() {
    const parts = Object.entries(this.atlas.state.words).map(([name, value]) => `${name}-${value}`);
    const text = ["earthquakes-kz", ...parts].join("_").replace(/[^\p{L}\p{N}_.-]+/gu, "-");
    return text.slice(0, 100).replace(/[-_.]+$/, "");
  }

  // --- The parts ---------------------------------------------------------------------------------

  /** Whether the bitmap holds the epicentres because they are too many for vectors. */
  get isCrowded() {
    return this.hasEvents && this.events.length > MOST_VECTORS;
  }

  paintGround(context) {
    const base = basemapOf(this.atlas.map);
    if (base) {
      base.ground(context, this.frame);
      base.lines(context, this.frame);
    } else {
      context.fillStyle = token("map-water");
      context.fillRect(0, 0, this.width, this.height);
    }
  }

  /** All above the ground, in the order of the map's panes. */
  paintSigns(context, { withEvents = true } = {}) {
    const shown = this.layers.filter((layer) => layer.isOn);
    const steps = shown.map((layer) => [layer.order, () => layer.paint(context, this.frame)]);
    if (withEvents) steps.push([440, () => this.paintEvents(context)]);
    if (this.area) steps.push([448, () => this.#paintArea(context)]);
    const base = basemapOf(this.atlas.map);
    if (base) steps.push([450, () => base.labels(context, this.frame)]);
    for (const [, paint] of steps.sort(([a], [b]) => a - b)) {
      context.save();
      paint();
      context.restore();
    }
  }

  paintEvents(context) {
    if (!this.hasEvents) return;
    const ink = inkOf(this.zoom);
    const line = token("symbol-line");
    for (const event of this.events) drawEvent(context, event, ink, line);
    for (const { x, y, r, felt } of this.events) {
      if (!felt) continue;
      for (const [width, style] of [[3.2, token("map-halo")], [1.5, token("felt-ring")]]) {
        context.beginPath();
        context.arc(x, y, r + RINGS.felt, 0, 2 * Math.PI);
        context.lineWidth = width;
        context.strokeStyle = style;
        context.stroke();
      }
    }
  }

  #paintArea(context) {
    context.beginPath();
    this.area.forEach(([latitude, longitude], index) => {
      const at = world(latitude, longitude);
      const [x, y] = this.frame.place(at.x, at.y);
      if (index) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
    context.closePath();
    context.lineWidth = 2;
    context.strokeStyle = token("accent");
    context.stroke();
  }

  #paintScale(context) {
    const { decimal } = this.atlas.config;
    const centre = this.atlas.map.getCenter();
    const metresPerPixel = (40_075_016.686 * Math.cos((centre.lat * Math.PI) / 180)) / (256 * this.scale);
    const most = 140 * metresPerPixel;
    const power = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((n) => n * power).find((metres) => metres <= most);
    const pixels = length / metresPerPixel;
    const [x, y] = [14, this.height - 16];
    const km = length / 1000;
    const text = `${String(km).replace(".", decimal)} ${this.atlas.words.km}`;
    context.lineJoin = "round";
    for (const [width, style] of [[4, token("map-halo")], [1.6, token("ink")]]) {
      context.beginPath();
      context.moveTo(x, y - 6);
      context.lineTo(x, y);
      context.lineTo(x + pixels, y);
      context.lineTo(x + pixels, y - 6);
      context.lineWidth = width;
      context.strokeStyle = style;
      context.stroke();
    }
    context.font = `600 11px ${token("font")}`;
    context.textBaseline = "middle";
    context.textAlign = "center";
    context.lineWidth = 3;
    context.strokeStyle = token("map-halo");
    context.strokeText(text, x + pixels / 2, y - 9);
    context.fillStyle = token("ink");
    context.fillText(text, x + pixels / 2, y - 9);
    context.textAlign = "left";
  }

  /** Everything round the map, and the map itself by `paintMap(context)`. Returns nothing. */
  paint(context, paintMap) {
    const { head } = this.measured(context);
    const height = this.fullHeight(context);
    context.fillStyle = token("surface");
    context.fillRect(0, 0, this.fullWidth, height);
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillStyle = token("ink");
    context.font = `650 20px ${token("font")}`;
    context.fillText(this.texts.title, EDGE, EDGE - 4);
    context.font = `400 12px ${token("font")}`;
    context.fillStyle = token("ink-2");
    let y = EDGE + 24;
    for (const line of head) {
      context.fillText(line, EDGE, y);
      y += 16;
    }
    const top = y + 6;
    context.save();
    context.translate(EDGE, top);
    context.save();
    if (context.clipRect) context.clipRect(0, 0, this.width, this.height);
    else {
      context.beginPath();
      context.rect(0, 0, this.width, this.height);
      context.clip();
    }
    paintMap(context);
    this.#paintScale(context);
    context.restore();
    context.beginPath();
    context.rect(0, 0, this.width, this.height);
    context.lineWidth = 1;
    context.strokeStyle = token("line-strong");
    context.stroke();
    context.restore();
    this.#paintLegend(context, EDGE + this.width + GAP, top);
    this.#paintFoot(context, top + this.#middle(context) + 12);
  }

  get fullWidth() {
    return this.width + SIDE + 2 * EDGE + GAP;
  }

  /** Lines of text broken to the width of the picture. */
  measured(context) {
    const width = this.fullWidth - 2 * EDGE;
    context.font = `400 12px ${token("font")}`;
    const head = [...broken(context, this.texts.search, width, 3), this.texts.number];
    context.font = `400 11px ${token("font")}`;
    const foot = [
      ...broken(context, this.texts.citation, width, 4), ...broken(context, this.texts.credits, width, 2), this.texts.date,
    ];
    return { head, foot };
  }

  fullHeight(context) {
    const { head, foot } = this.measured(context);
    return Math.ceil(EDGE + 24 + 16 * head.length + 6 + this.#middle(context) + 12 + 15 * foot.length + EDGE);
  }

  /** Height of the map or of the legend beside it, whichever is more. */
  #middle(context) {
    return Math.max(this.height, this.#paintLegend(context, 0, 0, { isDrawn: false }));
  }

  #paintFoot(context, top) {
    const { foot } = this.measured(context);
    context.font = `400 11px ${token("font")}`;
    context.textBaseline = "top";
    context.fillStyle = token("ink-2");
    foot.forEach((line, index) => context.fillText(line, EDGE, top + 15 * index));
  }

  /** Paint the legend, or only find how high it is; returns that [px]. */
  #paintLegend(context, left, top, { isDrawn = true } = {}) {
    const font = token("font");
    let y = top;
    const title = (text) => {
      context.font = `650 12px ${font}`;
      context.textBaseline = "top";
      context.fillStyle = token("ink");
      for (const line of broken(context, text, SIDE, 2)) {
        if (isDrawn) context.fillText(line, left, y);
        y += 16;
      }
      y += 4;
    };
    const row = (text, draw, height = 20) => {
      if (isDrawn) {
        context.save();
        context.translate(left, y + (height - 18) / 2);
        draw(context);
        context.restore();
      }
      context.font = `400 11.5px ${font}`;
      context.textBaseline = "middle";
      context.textAlign = "left";
      context.fillStyle = token("ink");
      const lines = broken(context, text, SIDE - 36, 3);
      if (isDrawn) lines.forEach((line, index) => context.fillText(line, left + 34, y + height / 2 + 14 * index));
      y += height + 14 * (lines.length - 1);
    };
    const ink = inkOf(this.zoom);
    if (this.hasEvents) title(this.words.size);
    for (const whole of this.hasEvents ? [7, 9, 11, 13, 15] : []) {
      const r = classRadius(whole) * zoomFactor(this.zoom);
      row(`KR ${whole}`, (c) => drawEvent(c, { x: 13, y: 9, r, shape: "circle", style: "depth-none" }, ink, token("symbol-line")), Math.max(17, 2 * r + 2));
    }
    y += 6;
    title(this.words.depth);
    this.atlas.words.depth.forEach((text, index, all) => {
      const style = index === all.length - 1 ? "depth-none" : `depth-${index}`;
      row(text, (c) => drawEvent(c, { x: 13, y: 9, r: 6, shape: "circle", style }, { fill: 1, line: 0.8 }, token("symbol-line")), 17);
    });
    y += 6;
    const marks = this.hasEvents ? this.events : [];
    if (marks.some(({ felt }) => felt)) {
      row(this.words.felt, (c) => {
        drawEvent(c, { x: 13, y: 9, r: 4.5, shape: "circle", style: "depth-0" }, { fill: 1, line: 0.8 }, token("symbol-line"));
        c.beginPath();
        c.arc(13, 9, 7, 0, 2 * Math.PI);
        c.lineWidth = 1.5;
        c.strokeStyle = token("felt-ring");
        c.stroke();
      });
    }
    if (marks.some((event) => event.shape === "square")) {
      row(this.words.synthetic, (c) => drawEvent(c, { x: 13, y: 9, r: 6, shape: "square", style: "depth-0" }, ink, token("symbol-line")));
    }
    if (marks.some((event) => event.shape === "diamond")) {
      row(this.words.sizeUnknown, (c) => drawEvent(c, { x: 13, y: 9, r: 6, shape: "diamond", style: "depth-none" }, ink, token("symbol-line")));
    }
    for (const layer of this.layers) {
      const items = layer.isOn ? layer.legend() : [];
      if (!items.length) continue;
      y += 8;
      title(layer.title);
      for (const item of items) row(item.text, item.draw, 19);
      if (layer.note) row(layer.note, () => {}, 19);
    }
    return y - top;
  }
}

function drawEvent(context, { x, y, r, shape: form, style }, ink, line) {
  context.beginPath();
  if (form === "square") context.rect(x - r, y - r, 2 * r, 2 * r);
  else if (form === "diamond") {
    context.moveTo(x, y - r - 1);
    context.lineTo(x + r + 1, y);
    context.lineTo(x, y + r + 1);
    context.lineTo(x - r - 1, y);
    context.closePath();
  } else context.arc(x, y, r, 0, 2 * Math.PI);
  if (form !== "diamond") {
    context.globalAlpha = form === "square" ? 0.35 : ink.fill;
    context.fillStyle = token(style);
    context.fill();
    context.globalAlpha = 1;
  }
  context.lineWidth = form === "circle" ? ink.line : 1.4;
  context.strokeStyle = form === "circle" ? line : form === "square" ? token("danger") : token(style);
  context.setLineDash(form === "square" ? [3, 2] : []);
  context.stroke();
  context.setLineDash([]);
}

/** A text in lines no wider than so many pixels; what does not fit into `most` lines ends in "…". */
function broken(context, text, width, most) {
  const lines = [];
  let line = "";
  const fits = (word) => context.measureText(word).width <= width;
  // An address wider than the picture is cut where the line ends, without a hyphen.
  const pieces = (word) => {
    if (word.length < 2 || fits(word)) return [word];
    let end = word.length - 1;
    while (end > 1 && !fits(word.slice(0, end))) end -= 1;
    return [word.slice(0, end), ...pieces(word.slice(end))];
  };
  for (const word of text.split(/\s+/).filter(Boolean).flatMap(pieces)) {
    const longer = line ? `${line} ${word}` : word;
    if (line && context.measureText(longer).width > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  if (line) lines.push(line);
  return lines.length > most ? [...lines.slice(0, most - 1), `${lines[most - 1]}…`] : lines;
}
