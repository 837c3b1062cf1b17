// How many events there are in cells of equal degrees: colours that stay apart in grey, and numbers.

import { count } from "../../texts.js";
import { token } from "../leaflet.js";
import { throttled } from "../tools/dom.js";
import { STEPS, bounds, cellSize, cornersOfCell, countCells, stepOf } from "./density_grid.js";
import { Layer, world } from "./layer.js";

export class Density extends Layer {
  constructor(atlas, words) {
    super(atlas, words, { key: "density", order: 430 });
    this.size = null;
    this.cells = new Map();
    this.steps = [1];
    const again = throttled(() => {
      this.size = null;
      this.redraw();
    }, 250);
    atlas.on("shown", () => this.isOn && again());
  }

  async show() {
    this.size = null;
    await super.show();
  }

  #count(size) {
    if (this.size === size) return;
    this.size = size;
    const points = this.atlas.shownPoints();
    const each = (visit) => {
      for (let index = 0; index < points.count; index += 1) {
        const latitude = (Math.atan(Math.sinh(Math.PI * (1 - points.y[index] / 128))) * 180) / Math.PI;
        visit(latitude, (points.x[index] / 256) * 360 - 180);
      }
    };
    this.cells = countCells(each, size);
    let largest = 0;
    for (const number of this.cells.values()) largest = Math.max(largest, number);
    this.largest = largest;
    this.steps = bounds(largest);
    queueMicrotask(() => this.changed());
  }

  paint(context, frame) {
    const size = cellSize(frame.zoom);
    this.#count(size);
    const colours = Array.from({ length: STEPS }, (_, step) => token(`density-${step}`));
    const inks = Array.from({ length: STEPS }, (_, step) => token(step < 3 ? "density-ink" : "density-ink-light"));
    context.textAlign = "center";
    context.textBaseline = "middle";
    let drawn = 0;
    for (const [cell, number] of this.cells) {
      const edge = cornersOfCell(cell, size);
      const a = world(edge.north, edge.west);
      const b = world(edge.south, edge.east);
      const [x, y] = frame.place(a.x, a.y);
      const [right, bottom] = frame.place(b.x, b.y);
      if (right < 0 || bottom < 0 || x > frame.width || y > frame.height) continue;
      drawn += 1;
      const step = stepOf(number, this.steps);
      context.fillStyle = colours[step];
      context.globalAlpha = 0.82;
      context.beginPath();
      context.rect(x + 0.5, y + 0.5, right - x - 1, bottom - y - 1);
      context.fill();
      context.globalAlpha = 1;
      const text = number < 10_000 ? String(number) : `${Math.round(number / 1000)}k`;
      if (right - x > 7 * text.length + 8) {
        context.fillStyle = inks[step];
        context.font = `600 10px ${token("font")}`;
        context.fillText(text, (x + right) / 2, (y + bottom) / 2);
      }
    }
    context.textAlign = "left";
    this.atlas.map.getContainer().dataset.cells = String(drawn);
  }

  legend() {
    if (!this.largest) return [];
    return this.steps.map((from, index) => {
      const to = index + 1 < this.steps.length ? this.steps[index + 1] - 1 : this.largest;
      return {
        text: from === to ? count(from) : `${count(from)}–${count(to)}`,
        draw: (context) => {
          context.fillStyle = token(`density-${stepOf(from, this.steps)}`);
          context.beginPath();
          context.rect(3, 3, 20, 12);
          context.fill();
        },
      };
    });
  }

  get note() {
    return this.size === null ? "" : `${this.words.densityCell} ${String(this.size).replace(".", this.atlas.config.decimal)}°`;
  }
}
