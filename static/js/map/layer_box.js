// The box of layers: lines with check marks under headings, remembered in the address as differences
// from what is on by itself: `layers=stations,-relief`.

import { L } from "./leaflet.js";

const GROUPS = ["quakes", "network", "base", "own"];

export class LayerBox {
  /**
   * @param {L.Map} map
   * @param {Object} words `layers`, `layerGroups`, `layerFailed`
   * @param {string[]} keys what the address says
   * @param {{changed: (keys: string[]) => void, failed: (label: string, error: Error) => void}} handlers
   */
  constructor(map, words, keys, handlers) {
    this.words = words;
    this.keys = keys;
    this.handlers = handlers;
    this.lines = new Map();
    this.groups = new Map();
    const control = L.control({ position: "topright" });
    control.onAdd = () => this.#build();
    control.addTo(map);
  }

  #build() {
    const details = L.DomUtil.create("details", "layer-box");
    const summary = document.createElement("summary");
    summary.textContent = this.words.layers;
    this.body = document.createElement("div");
    this.body.className = "layer-box__body";
    details.append(summary, this.body);
    for (const name of GROUPS) {
      const group = document.createElement("fieldset");
      const legend = document.createElement("legend");
      legend.textContent = this.words.layerGroups[name];
      group.append(legend);
      group.hidden = true;
      this.groups.set(name, group);
      this.body.append(group);
    }
    L.DomEvent.disableClickPropagation(details);
    L.DomEvent.disableScrollPropagation(details);
    return details;
  }

  /** See Atlas.addLayer. */
  add({ key, label, group, on, show, hide }) {
    const line = { key, label, usual: on, isOn: null, show, hide };
    const check = document.createElement("label");
    check.className = "check";
    line.input = document.createElement("input");
    line.input.type = "checkbox";
    line.input.dataset.layer = key;
    line.input.addEventListener("change", () => this.#set(line, line.input.checked));
    check.append(line.input, ` ${label}`);
    const place = this.groups.get(group) ?? this.groups.get("own");
    place.append(check);
    place.hidden = false;
    this.lines.set(key, line);
    this.#apply(line, this.#wanted(line));
    return { isOn: () => line.isOn, set: (value) => this.#set(line, value) };
  }

  #wanted({ key, usual }) {
    if (this.keys.includes(key)) return true;
    return this.keys.includes(`-${key}`) ? false : usual;
  }

  async #apply(line, on) {
    line.input.checked = on;
    if (line.isOn === on) return;
    line.isOn = on;
    try {
      await (on ? line.show() : line.hide());
    } catch (error) {
      line.isOn = line.input.checked = false;
      this.handlers.failed(line.label, error);
    }
  }

  #set(line, on) {
    this.#apply(line, on);
    const others = this.keys.filter((key) => key !== line.key && key !== `-${line.key}`);
    this.keys = on === line.usual ? others : [...others, on ? line.key : `-${line.key}`];
    this.handlers.changed(this.keys);
  }

  /** Take what another address says. */
  restore(keys) {
    this.keys = keys;
    for (const line of this.lines.values()) this.#apply(line, this.#wanted(line));
  }

  /** Keys of the address that no line has. */
  unknown() {
    return this.keys.filter((key) => !this.lines.has(key.replace(/^-/, "")));
  }
}
