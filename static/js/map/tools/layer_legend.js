// The legend of the layers that are on, below the legend of the epicentres.

import { onSchemeChange } from "../leaflet.js";
import { make } from "./dom.js";

export class LayerLegend {
  constructor(layers) {
    this.layers = layers;
    this.box = make("div", { class: "layer-legend", id: "layer-legend", hidden: true });
    document.querySelector("#legend .legend__body")?.append(this.box);
    onSchemeChange(() => this.draw());
  }

  draw() {
    const shown = this.layers.filter((layer) => layer.isOn && (layer.legend().length || layer.note));
    this.box.hidden = !shown.length;
    this.box.replaceChildren(...shown.map((layer) => make("section", { "data-layer": layer.key },
      make("h2", { text: layer.title }),
      make("ul", {}, ...layer.legend().map((item) => make("li", {}, swatch(item), item.text))),
      layer.note ? make("p", { class: "legend__note", text: layer.note }) : null)));
  }
}

function swatch({ draw }) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  const canvas = make("canvas", { class: "layer-legend__sign", "aria-hidden": "true", width: 26 * ratio, height: 18 * ratio });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  draw(context);
  return canvas;
}
