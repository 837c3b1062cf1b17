// One's own GeoJSON on the map: picked or dropped, read by this browser, sent nowhere.

import { fill } from "../../texts.js";
import { button, make } from "./dom.js";

export class OwnTool {
  constructor(atlas, bar, words, layer) {
    this.words = words;
    this.layer = layer;
    this.bar = bar;
    this.atlas = atlas;
    bar.add({ key: "own", label: words.own, sign: "own", panel: (body) => this.#panel(body) });
    this.#listenForDrops(atlas.map.getContainer().closest(".atlas__map"));
  }

  #panel(body) {
    const { words } = this;
    this.input = make("input", { type: "file", id: "own-file", accept: ".geojson,.json,application/geo+json" });
    this.input.addEventListener("change", () => {
      const [file] = this.input.files;
      if (file) this.#take(file);
      this.input.value = "";
    });
    this.error = make("p", { class: "field__error", role: "alert" });
    this.state = make("p", { class: "tool-total", role: "status" });
    this.buttons = make("div", { class: "buttons", hidden: true },
      button(words.goThere, () => this.#fit()), button(words.removeFile, () => this.#forget()));
    body.append(
      make("p", { class: "tool-hint", text: words.ownHint }),
      make("div", { class: "tool-field" }, make("label", { for: "own-file", text: words.chooseFile }), this.input),
      this.error, this.state, this.buttons,
    );
  }

  async #take(file) {
    this.error.textContent = await this.layer.take(file);
    if (!this.error.textContent) this.#fit();
    this.#tell();
  }

  #tell() {
    const number = this.layer.shapes.length;
    this.state.textContent = this.layer.name ? fill(this.words.ownShown, { name: this.layer.name, n: number }) : "";
    this.buttons.hidden = !this.layer.name;
    this.bar.mark("own", Boolean(this.layer.name));
  }

  #forget() {
    this.layer.forget();
    this.#tell();
    this.input.focus();
  }

  #fit() {
    const bounds = this.layer.bounds();
    if (bounds.isValid()) this.atlas.map.fitBounds(bounds.pad(0.1), { maxZoom: 10 });
  }

  #listenForDrops(section) {
    section.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      section.classList.add("is-dropping");
    });
    section.addEventListener("dragleave", () => section.classList.remove("is-dropping"));
    section.addEventListener("drop", (event) => {
      section.classList.remove("is-dropping");
      const [file] = event.dataTransfer?.files ?? [];
      if (!file) return;
      event.preventDefault();
      if (this.bar.open?.key !== "own") this.bar.show("own");
      this.#take(file);
    });
  }
}
