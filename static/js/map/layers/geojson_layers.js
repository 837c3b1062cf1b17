// Active faults, where the server has a file of them, and the reader's own GeoJSON.

import { ApiError } from "../../api.js";
import { fill } from "../../texts.js";
import { L, token } from "../leaflet.js";
import { make } from "../tools/dom.js";
import { Layer } from "./layer.js";
import { GeoJsonFault, MOST_BYTES, featuresOf } from "./own_geojson.js";
import { paintShapes, shapeAt, shapesOf } from "./shapes.js";

class GeoJsonLayer extends Layer {
  shapes = [];

  /** Take the features of a text; throws what own_geojson.js finds wrong. */
  read(text) {
    this.shapes = shapesOf(featuresOf(text));
    this.atlas.map.getContainer().dataset[this.key] = String(this.shapes.length);
    this.redraw();
    this.changed();
  }

  style() {
    throw new Error("a kind of this layer gives its style");
  }

  paint(context, frame) {
    this.frame = frame;
    paintShapes(context, frame, this.shapes, this.style());
  }

  hit(point) {
    if (!this.frame || !this.shapes.length) return null;
    const { map } = this.atlas;
    const latlng = map.containerPointToLatLng(point);
    const at = map.project(latlng, 0);
    const shape = shapeAt(this.shapes, at.x, at.y, 6 / 2 ** map.getZoom());
    return shape ? { latlng, card: () => this.#card(shape) } : null;
  }

  /** Properties as text nodes: whatever a file says stays text. */
  #card({ properties }) {
    if (!properties.length) return make("p", { text: this.words.noProperties });
    return make("dl", { class: "property-list" },
      ...properties.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
  }

  bounds() {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const shape of this.shapes) {
      box[0] = Math.min(box[0], shape.box[0]);
      box[1] = Math.min(box[1], shape.box[1]);
      box[2] = Math.max(box[2], shape.box[2]);
      box[3] = Math.max(box[3], shape.box[3]);
    }
    const { map } = this.atlas;
    return L.latLngBounds(map.unproject([box[0], box[1]], 0), map.unproject([box[2], box[3]], 0));
  }
}

export class Faults extends GeoJsonLayer {
  constructor(atlas, words, { failures, label }) {
    super(atlas, words, { key: "faults", order: 424 });
    this.failures = failures;
    this.label = label;
  }

  async show() {
    await super.show();
    await this.#load();
  }

  hide() {
    this.failures.clear(this.key);
    super.hide();
  }

  async #load() {
    if (this.shapes.length) return;
    try {
      const answer = await fetch(this.atlas.config.tools.faultsUrl, { credentials: "same-origin" });
      if (!answer.ok) throw new ApiError(answer.status, []);
      this.read(await answer.text());
      this.failures.clear(this.key);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof TypeError || error instanceof GeoJsonFault)) throw error;
      this.failures.tell(this.key, this.label, () => this.#load());
    }
  }

  style() {
    return { line: token("fault-line"), width: 1.5, fill: null, point: 3 };
  }

  legend() {
    return [{
      text: this.label,
      draw: (context) => {
        context.strokeStyle = token("fault-line");
        context.lineWidth = 1.8;
        context.beginPath();
        context.moveTo(3, 14);
        context.lineTo(23, 4);
        context.stroke();
      },
    }];
  }

  get note() {
    return this.atlas.config.tools.faultsCredit;
  }
}

export class OwnFile extends GeoJsonLayer {
  constructor(atlas, words) {
    super(atlas, words, { key: "own", order: 435 });
    this.name = "";
  }

  /** Read a file in the browser; resolves with "" or a sentence saying what is wrong with it. */
  async take(file) {
    const { ownFaults } = this.words;
    if (file.size > MOST_BYTES) return fill(ownFaults.tooLarge, { most: MOST_BYTES / 1024 / 1024 });
    try {
      this.read(await file.text());
    } catch (error) {
      if (!(error instanceof GeoJsonFault)) return ownFaults.notReadable;
      return fill(ownFaults[error.code], error.values);
    }
    if (!this.shapes.length) return ownFaults.noFeatures;
    this.name = file.name.slice(0, 80);
    if (!this.isOn) await this.show();
    this.changed();
    return "";
  }

  forget() {
    this.shapes = [];
    this.name = "";
    delete this.atlas.map.getContainer().dataset.own;
    this.hide();
  }

  style() {
    return { line: token("own-line"), fill: token("own-line"), width: 2, point: 5 };
  }

  legend() {
    return [{
      text: this.name,
      draw: (context) => {
        context.strokeStyle = token("own-line");
        context.lineWidth = 2;
        context.beginPath();
        context.rect(4, 4, 18, 10);
        context.stroke();
      },
    }];
  }
}
