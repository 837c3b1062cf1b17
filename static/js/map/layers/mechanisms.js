// Focal mechanisms as beachballs: the largest first, others moved aside with a line to their epicentre.

import { fill, magnitude } from "../../texts.js";
import { utc } from "../../times.js";
import { token } from "../leaflet.js";
import { eventAddress } from "../quakes.js";
import { classRadius, drawnClass, krClass, zoomFactor } from "../symbols.js";
import { make, throttled } from "../tools/dom.js";
import { quadrants, vectors, vectorsOfTensor } from "./beachball.js";
import { spread } from "./declutter.js";
import { DataLayer, world } from "./layer.js";

export class Mechanisms extends DataLayer {
  constructor(atlas, words, options) {
    super(atlas, words, { ...options, key: "mechanisms", order: 445, bySearch: true });
    this.balls = [];
    this.drawn = [];
    this.hiddenCount = 0;
    const chosen = throttled(() => {
      if (!this.isOn) return;
      this.#choose();
      this.redraw();
    }, 300);
    atlas.on("shown", chosen);
  }

  take(rows) {
    this.balls = rows.flatMap((row) => {
      const couple = coupleOf(row);
      return couple ? [{ row, world: world(row.lat, row.lon), parts: quadrants(couple) }] : [];
    });
    this.#choose();
  }

  /** Only events the map shows: legend and time window count as well as the search. */
  #choose() {
    const shown = new Set();
    this.atlas.eachShown((record) => {
      if (record.mechanism) shown.add(record.id);
    });
    this.shown = this.balls.filter((ball) => shown.has(ball.row.id));
    this.zoom = null;
  }

  #place(zoom) {
    if (this.zoom === zoom) return;
    this.zoom = zoom;
    const scale = 2 ** zoom;
    const factor = zoomFactor(zoom);
    const items = (this.shown ?? []).map((ball) => {
      const size = drawnClass(ball.row);
      const r = Math.max(9, 6 + factor * classRadius(size === null ? 8 : krClass(size)));
      return { ball, x: ball.world.x * scale, y: ball.world.y * scale, r };
    });
    this.layout = spread(items);
  }

  paint(context, frame) {
    this.#place(frame.zoom);
    const scale = 2 ** frame.zoom;
    const [left, top] = frame.place(0, 0);
    const inView = (x, y, r) => x > -r && y > -r && x < frame.width + r && y < frame.height + r;
    this.margin = frame.margin;
    this.drawn = [];
    const line = token("symbol-line");
    for (const { item, x, y, moved } of this.layout.placed) {
      if (!moved || !inView(x + left, y + top, item.r)) continue;
      context.strokeStyle = line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(item.x + left, item.y + top);
      context.lineTo(x + left, y + top);
      context.stroke();
      context.beginPath();
      context.arc(item.x + left, item.y + top, 2, 0, 2 * Math.PI);
      context.fillStyle = line;
      context.fill();
    }
    for (const { item, x, y } of this.layout.placed) {
      if (!inView(x + left, y + top, item.r)) continue;
      const { ball } = item;
      drawBall(context, x + left, y + top, item.r, ball.parts, {
        fill: token(inkOf(styleOf(ball.row))), synthetic: ball.row.synthetic,
      });
      this.drawn.push({ row: ball.row, parts: ball.parts, x: x + left, y: y + top, r: item.r, world: { x: x / scale, y: y / scale } });
    }
    const hidden = this.layout.hidden.filter((item) => inView(item.x + left, item.y + top, 0)).length;
    if (hidden !== this.hiddenCount) {
      this.hiddenCount = hidden;
      this.changed();
    }
    this.atlas.map.getContainer().dataset.mechanisms = String(this.drawn.length);
  }

  get note() {
    return this.hiddenCount ? fill(this.words.noRoom, { n: this.hiddenCount }) : "";
  }

  legend() {
    const shown = new Set((this.shown ?? []).map(({ row }) => styleOf(row)));
    const ball = (style, text, synthetic = false) => ({
      text,
      draw: (context) => drawBall(context, 13, 9, 8, quadrants(vectors(...EXAMPLES[style])), {
        fill: token(inkOf(style)), synthetic,
      }),
    });
    const items = Object.entries(this.words.styles)
      .filter(([style]) => shown.has(style)).map(([style, text]) => ball(style, text));
    if (this.drawn.some(({ row }) => row.synthetic)) items.push(ball("SS", this.words.synthetic, true));
    return items;
  }

  hit(point) {
    if (!this.margin) return null;
    const [x, y] = [point.x + this.margin.x, point.y + this.margin.y];
    const found = this.drawn.findLast((one) => Math.hypot(one.x - x, one.y - y) <= one.r + 2);
    if (!found) return null;
    const { row } = found;
    const latlng = this.atlas.map.unproject([found.world.x, found.world.y], 0);
    return { latlng, card: () => this.#card(row, found.parts) };
  }

  #card(row, parts) {
    const { words, config } = this.atlas;
    const plane = (n) => {
      const values = [row[`strike_${n}`], row[`dip_${n}`], row[`rake_${n}`]];
      return values.every((value) => value !== null) ? values.map((value) => `${Math.round(value)}°`).join(" / ") : null;
    };
    const size = row.kr !== null ? `KR\u00a0${magnitude(row.kr, config.decimal)}`
      : row.magnitude !== null ? `${row.magnitude_type || "M"}\u00a0${magnitude(row.magnitude, config.decimal)}` : "";
    const lines = [plane(1), plane(2)].filter(Boolean);
    return make("div", { class: "popup" },
      picture(parts, row),
      make("p", {}, make("strong", { text: size })),
      make("p", { class: "popup__time", text: `${utc(row.time)} UTC` }),
      row.style ? make("p", { text: `${this.words.style}: ${this.words.styles[row.style]}` }) : null,
      lines.length ? make("p", { text: `${this.words.planes}: ${lines.join("; ")}` }) : null,
      row.agency ? make("p", { text: `${this.words.author}: ${row.agency}` }) : null,
      row.synthetic ? make("p", {}, make("span", { class: "tag tag--synthetic", text: words.synthetic })) : null,
      make("p", {}, make("a", { class: "popup__link", href: eventAddress(row, config), text: words.details })));
  }
}

/** Of each faulting style (Zoback 1992) a mechanism that shows it: strike, dip, rake. */
const EXAMPLES = {
  NF: [90, 45, -90], NS: [90, 60, -45], SS: [0, 90, 0], TS: [90, 60, 45], TF: [90, 45, 90], U: [0, 90, 90],
};

/** An event's style; one whose row tells none is drawn as undefined. */
const styleOf = (row) => row.style || "U";

/** The token of a style's colour. */
const inkOf = (style) => `style-${style.toLowerCase()}`;

function coupleOf(row) {
  for (const n of [1, 2]) {
    const values = [row[`strike_${n}`], row[`dip_${n}`], row[`rake_${n}`]];
    if (values.every((value) => Number.isFinite(value) && value !== null)) return vectors(...values);
  }
  return Array.isArray(row.tensor) ? vectorsOfTensor(row.tensor) : null;
}

/** The ball of a card, as large as a few lines; its words stand beside it. */
function picture(parts, row) {
  const ratio = Math.max(2, window.devicePixelRatio || 1);
  const canvas = make("canvas", {
    class: "popup__ball", width: String(56 * ratio), height: String(56 * ratio), "aria-hidden": "true",
  });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  drawBall(context, 28, 28, 26, parts, { fill: token(inkOf(styleOf(row))), synthetic: row.synthetic });
  return canvas;
}

/** One ball; a synthetic event's has a dashed rim in the colour of warnings. */
export function drawBall(context, x, y, r, parts, { fill: ink, synthetic }) {
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fillStyle = token("beach-light");
  context.fill();
  context.fillStyle = ink;
  context.strokeStyle = token("symbol-line");
  context.lineWidth = 0.6;
  for (const ring of parts) {
    context.beginPath();
    ring.forEach(([px, py], index) => {
      if (index) context.lineTo(x + px * r, y + py * r);
      else context.moveTo(x + px * r, y + py * r);
    });
    context.closePath();
    context.fill();
    context.stroke();
  }
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.lineWidth = synthetic ? 1.8 : 1;
  context.strokeStyle = synthetic ? token("danger") : token("symbol-line");
  context.setLineDash(synthetic ? [3, 2] : []);
  context.stroke();
  context.setLineDash([]);
}
