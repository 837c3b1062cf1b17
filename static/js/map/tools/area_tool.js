// Draw a box, a circle or a polygon: it becomes words of the search, and its outline stays on the map.

import { L } from "../leaflet.js";
import { fill, number } from "../../texts.js";
import { areaOf, cornersOf, faultOf, outlineOf, polygonText, wordsOf } from "./areas.js";
import { button, field, icon, make } from "./dom.js";
import { loadGeodesic } from "./geodesic.js";
import { Picker } from "./picker.js";

const KINDS = ["box", "circle", "polygon"];

export class AreaTool {
  constructor(atlas, bar, words) {
    this.atlas = atlas;
    this.words = words;
    this.bar = bar;
    this.kind = "box";
    this.points = [];
    this.area = null;
    this.ring = null;
    this.ellipsoid = null;
    this.outline = L.layerGroup().addTo(atlas.map);
    this.sketch = L.layerGroup().addTo(atlas.map);
    this.pickers = Object.fromEntries(
      KINDS.map((kind) => [
        kind,
        new Picker(atlas, {
          drag: kind !== "polygon",
          point: (point) => this.#point(point),
          move: (point) => this.#move(point),
          undo: () => this.#undo(),
          finish: () => this.#finish(),
          end: () => this.#stop({ focus: true }),
        }),
      ]),
    );
    bar.add({
      key: "area", label: words.area, sign: "area",
      panel: (body) => this.#panel(body),
      closed: () => this.#stop(),
    });
    atlas.on("words", ({ words: search }) => this.take(search));
    this.take(atlas.state.words);
  }

  /** Show the area the search words name, whoever wrote them. */
  async take(search) {
    this.area = areaOf(search);
    this.bar.mark("area", this.area !== null);
    this.#fields();
    this.outline.clearLayers();
    this.ring = null;
    if (!this.area) return;
    const mine = this.area;
    if (mine.kind === "circle" && !(await this.#geodesic())) return;
    if (this.area !== mine) return;
    this.ring = outlineOf(mine, this.ellipsoid?.direct);
    L.polygon(this.ring, { className: "area-halo", interactive: false, fill: false }).addTo(this.outline);
    L.polygon(this.ring, { className: "area-line", interactive: false }).addTo(this.outline);
    const top = this.ring.reduce((best, point) =>
      point[0] > best[0] || (point[0] === best[0] && point[1] > best[1]) ? point : best,
    );
    const cross = make("span", { class: "area-remove" }, icon("close"));
    const marker = L.marker(top, {
      icon: L.divIcon({ html: cross, className: "area-remove-box", iconSize: [28, 28], iconAnchor: [14, 14] }),
      title: this.words.removeArea, alt: this.words.removeArea, keyboard: true,
    });
    marker.on("click keypress", (event) => {
      if (event.type === "keypress" && event.originalEvent.key !== "Enter") return;
      this.remove();
    });
    marker.addTo(this.outline);
    marker.getElement()?.setAttribute("aria-label", this.words.removeArea);
  }

  async remove() {
    await this.atlas.search(wordsOf(null));
    this.atlas.map.getContainer().focus({ preventScroll: true });
  }

  async #geodesic() {
    try {
      this.ellipsoid ??= await loadGeodesic(this.atlas.config.tools.geodesicUrl);
      return true;
    } catch {
      this.#tell(this.words.geodesicFailed);
      this.atlas.say(this.words.geodesicFailed, true);
      return false;
    }
  }

  #panel(body) {
    const { words } = this;
    this.choices = Object.fromEntries(
      KINDS.map((kind) => [
        kind,
        make(
          "button",
          {
            type: "button", class: "tool-choice", "data-kind": kind, "aria-pressed": "false",
            onclick: () => this.#start(kind),
          },
          icon(kind), make("span", { text: words[kind] }),
        ),
      ]),
    );
    this.hint = make("p", { class: "tool-hint", role: "status" });
    this.hint.textContent = words.drawHint;
    this.error = make("p", { class: "field__error", role: "alert" });
    this.form = make("form", { class: "tool-form", novalidate: true });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#typed();
    });
    this.finishButton = button(words.finish, () => this.#finish(), "button--primary");
    this.removeButton = button(words.removeArea, () => this.remove());
    this.finishButton.hidden = true;
    body.append(
      make("div", { class: "tool-choices", role: "group", "aria-label": words.area }, ...Object.values(this.choices)),
      this.hint,
      make("div", { class: "buttons" }, this.finishButton),
      make("details", { class: "tool-more", open: true },
        make("summary", { text: words.byNumbers }), this.form),
      this.error,
      make("div", { class: "buttons" }, this.removeButton),
    );
    this.#fields();
  }

  /** The fields of the kind, filled with the area there is. */
  #fields() {
    if (!this.form) return;
    const { words, area } = this;
    const kind = area?.kind ?? this.kind;
    this.kind = kind;
    this.removeButton.hidden = !area;
    for (const [name, node] of Object.entries(this.choices)) node.classList.toggle("is-kind", name === kind);
    const numeric = { inputmode: "text", required: true };
    const make4 = (names) => names.map((name) => field(words[name], { name, ...numeric }));
    let made;
    if (kind === "box") made = make4(["north", "west", "east", "south"]);
    else if (kind === "circle") made = make4(["latitude", "longitude", "radius"]);
    else {
      made = [field(words.corners, { name: "corners", rows: "3", required: true }, "textarea")];
    }
    const values = !area ? {}
      : area.kind === "polygon" ? { corners: polygonText(area.corners) }
        : { ...area, radius: area.radius_km };
    for (const [, input] of made) {
      const value = values[input.name];
      if (value !== undefined) input.value = typeof value === "number" ? String(Number(value.toFixed(3))) : value;
    }
    this.form.replaceChildren(
      make("div", { class: `tool-fields tool-fields--${kind}` }, ...made.map(([box]) => box)),
      make("button", { type: "submit", class: "button button--small", text: words.useNumbers }),
    );
  }

  #typed() {
    const value = (name) => {
      const text = this.form.elements[name].value.trim().replace(/^([-−]?\d+),(\d+)$/, "$1.$2").replace("−", "-");
      return text === "" ? NaN : Number(text);
    };
    let area;
    if (this.kind === "box") {
      area = { kind: "box", south: value("south"), north: value("north"), west: value("west"), east: value("east") };
    } else if (this.kind === "circle") {
      area = {
        kind: "circle", latitude: value("latitude"), longitude: value("longitude"), radius_km: value("radius"),
      };
    } else {
      area = { kind: "polygon", corners: cornersOf(this.form.elements.corners.value) };
    }
    this.#use(area, { fit: true });
  }

  #use(area, { fit = false } = {}) {
    const fault = faultOf(area);
    if (fault) {
      this.#tell(this.words.areaFaults[fault]);
      return;
    }
    this.#tell("");
    this.#stop();
    this.atlas.search(wordsOf(area)).then(() => {
      if (!fit || !this.ring) return;
      const bounds = L.latLngBounds(this.ring);
      if (!this.atlas.map.getBounds().contains(bounds)) this.atlas.map.fitBounds(bounds.pad(0.1));
    });
  }

  #tell(text) {
    this.error.textContent = text;
  }

  async #start(kind) {
    this.#stop();
    this.#tell("");
    this.kind = kind;
    if (!this.area || this.area.kind !== kind) {
      const { area } = this;
      this.area = null;
      this.#fields();
      this.area = area;
      this.removeButton.hidden = !area;
    }
    if (kind === "circle" && !(await this.#geodesic())) return;
    this.choices[kind].setAttribute("aria-pressed", "true");
    this.hint.textContent = this.words.drawing[kind];
    this.pickers[kind].start();
    this.atlas.map.getContainer().dataset.drawing = kind;
  }

  #stop({ focus = false } = {}) {
    const wasOn = KINDS.find((kind) => this.pickers[kind].isOn);
    for (const picker of Object.values(this.pickers)) picker.stop();
    this.points = [];
    this.sketch.clearLayers();
    delete this.atlas.map.getContainer().dataset.drawing;
    if (!this.choices) return;
    for (const node of Object.values(this.choices)) node.setAttribute("aria-pressed", "false");
    this.hint.textContent = this.words.drawHint;
    this.finishButton.hidden = true;
    if (wasOn && focus) this.choices[wasOn].focus({ preventScroll: true });
  }

  #point(point) {
    const first = this.points[0];
    if (this.kind !== "polygon") {
      if (!first) {
        this.points = [point];
        this.hint.textContent = this.words.second[this.kind];
        this.#move(point);
        return;
      }
      this.#use(this.#between(first, point));
      if (this.pickers[this.kind].isOn) {
        this.points = [];
        this.sketch.clearLayers();
      }
      return;
    }
    const pixels = (a, b) => this.atlas.map.latLngToContainerPoint(a).distanceTo(this.atlas.map.latLngToContainerPoint(b));
    const last = this.points.at(-1);
    // The second click of a double click, Enter twice on a spot, or the first corner again: done.
    if (last && pixels(last, point) < 4) {
      if (this.points.length > 2) this.#finish();
      return;
    }
    if (this.points.length > 2 && pixels(first, point) < 12) {
      this.#finish();
      return;
    }
    this.points.push(point);
    this.finishButton.hidden = this.points.length < 3;
    this.hint.textContent = fill(this.words.cornersSoFar, { n: this.points.length });
    this.#move(point);
  }

  #between(first, point) {
    if (this.kind === "box") {
      return {
        kind: "box",
        south: Math.max(Math.min(first.lat, point.lat), -90), north: Math.min(Math.max(first.lat, point.lat), 90),
        west: Math.min(first.lng, point.lng), east: Math.max(first.lng, point.lng),
      };
    }
    const { metres } = this.ellipsoid.inverse(
      { latitude: first.lat, longitude: first.lng }, { latitude: point.lat, longitude: point.lng },
    );
    return { kind: "circle", latitude: first.lat, longitude: first.lng, radius_km: metres / 1000 };
  }

  #move(point) {
    if (!this.points.length) return;
    this.sketch.clearLayers();
    const dress = { className: "area-sketch", interactive: false };
    if (this.kind === "polygon") {
      L.polygon([...this.points, point], dress).addTo(this.sketch);
      for (const corner of this.points) {
        L.circleMarker(corner, { className: "area-corner", radius: 4, interactive: false }).addTo(this.sketch);
      }
      return;
    }
    const area = this.#between(this.points[0], point);
    if (faultOf(area)) return;
    L.polygon(outlineOf(area, this.ellipsoid?.direct), dress).addTo(this.sketch);
    if (area.kind === "circle") {
      this.hint.textContent = `${this.words.second.circle} ${number(area.radius_km, 1, this.atlas.config.decimal)}\u00a0${this.atlas.words.km}`;
    }
  }

  #undo() {
    this.points.pop();
    this.sketch.clearLayers();
    this.finishButton.hidden = this.points.length < 3;
    if (this.points.length) this.#move(this.points.at(-1));
  }

  #finish() {
    if (this.kind !== "polygon" || !this.points.length) return;
    const corners = this.points.map((point) => [point.lng, point.lat]);
    this.#use({ kind: "polygon", corners });
  }
}
