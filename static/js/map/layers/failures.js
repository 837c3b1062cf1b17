// Layers that could not be loaded: each says so and offers to try again; the map stays.

import { fill } from "../../texts.js";
import { make, button } from "../tools/dom.js";

export class Failures {
  constructor(atlas, words) {
    this.words = words;
    this.told = new Map();
    this.box = make("div", { class: "layer-failures", role: "status" });
    atlas.container.after(this.box);
  }

  tell(key, label, retry) {
    this.clear(key);
    const again = button(this.words.retry, () => {
      again.disabled = true;
      retry();
    });
    const line = make("p", { class: "layer-failure", "data-layer": key },
      make("span", { text: fill(this.words.layerFailed, { layer: label }) }), again);
    this.told.set(key, line);
    this.box.append(line);
  }

  clear(key) {
    this.told.get(key)?.remove();
    this.told.delete(key);
  }
}
