// Distance along the geodesic, leg after leg, with azimuths.

import { L } from "../leaflet.js";
import { number } from "../../texts.js";
import { button, field, make } from "./dom.js";
import { along, loadGeodesic } from "./geodesic.js";
import { Picker } from "./picker.js";
import { coordinatesOf } from "./typed_place.js";

const MOST_POINTS = 50;

export class MeasureTool {
  constructor(atlas, bar, words) {
    this.atlas = atlas;
    this.words = words;
    this.bar = bar;
    this.points = [];
    this.drawn = L.layerGroup().addTo(atlas.map);
    this.picker = new Picker(atlas, {
      point: (point) => this.add(point),
      move: (point) => this.#draw(point),
      undo: () => this.undo(),
      end: () => this.picker.stop(),
    });
    bar.add({
      key: "measure", label: words.measure, sign: "measure",
      panel: (body) => this.#panel(body),
      opened: () => this.#open(),
      closed: () => {
        this.picker.stop();
        this.#draw();
      },
    });
  }

  async #open() {
    this.error.textContent = "";
    try {
      this.ellipsoid = await loadGeodesic(this.atlas.config.tools.geodesicUrl);
    } catch {
      this.error.textContent = this.words.geodesicFailed;
      return;
    }
    if (this.bar.open?.key === "measure") this.picker.start();
  }

  #panel(body) {
    const { words } = this;
    const [box, input] = field(words.addPoint, { name: "point", placeholder: "43.25 76.95" });
    this.input = input;
    this.error = make("p", { class: "field__error", role: "alert" });
    const form = make("form", { class: "tool-form tool-form--line", novalidate: true }, box,
      make("button", { type: "submit", class: "button button--small", text: words.add }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const found = coordinatesOf(input.value);
      this.error.textContent = found ? "" : words.notCoordinates;
      if (!found || !this.ellipsoid) return;
      this.add(L.latLng(found.latitude, found.longitude));
      input.value = "";
    });
    this.legs = make("tbody");
    this.table = make("table", { class: "tool-table", hidden: true },
      make("thead", {}, make("tr", {},
        make("th", { scope: "col", text: words.leg }),
        make("th", { scope: "col", class: "num", text: words.distance }),
        make("th", { scope: "col", class: "num", text: words.azimuth }))),
      this.legs);
    this.total = make("p", { class: "tool-total", role: "status" });
    this.buttons = make("div", { class: "buttons", hidden: true },
      button(words.undo, () => this.undo()), button(words.clear, () => this.clear()));
    body.append(make("p", { class: "tool-hint", text: words.measureHint }), form, this.error, this.table,
      this.total, this.buttons);
  }

  add(point) {
    const last = this.points.at(-1);
    if (last && last.equals(point, 1e-9)) return;
    if (this.points.length >= MOST_POINTS) {
      this.error.textContent = this.words.manyPoints;
      return;
    }
    this.points.push(point);
    this.#tell();
    this.#draw();
  }

  undo() {
    this.points.pop();
    this.#tell();
    this.#draw();
  }

  clear() {
    this.points = [];
    this.#tell();
    this.#draw();
  }

  #leg(from, to) {
    return this.ellipsoid.inverse(
      { latitude: from.lat, longitude: from.lng }, { latitude: to.lat, longitude: to.lng },
    );
  }

  #text(metres) {
    const { decimal } = this.atlas.config;
    const km = metres / 1000;
    const places = km < 10 ? 2 : km < 1000 ? 1 : 0;
    return `${number(km, places, decimal)}\u00a0${this.atlas.words.km}`;
  }

  #tell() {
    const legs = this.points.slice(1).map((to, index) => this.#leg(this.points[index], to));
    this.legs.replaceChildren(...legs.map((leg, index) => make("tr", {},
      make("th", { scope: "row", text: String(index + 1) }),
      make("td", { class: "num", text: this.#text(leg.metres) }),
      make("td", { class: "num", text: `${number(leg.azimuth, 1, this.atlas.config.decimal)}°` }))));
    this.table.hidden = !legs.length;
    this.buttons.hidden = !this.points.length;
    const metres = legs.reduce((sum, leg) => sum + leg.metres, 0);
    this.total.textContent = legs.length ? `${this.words.total} ${this.#text(metres)}` : "";
    this.total.dataset.metres = metres.toFixed(3);
    this.bar.mark("measure", this.points.length > 1);
  }

  #draw(next = null) {
    this.drawn.clearLayers();
    if (!this.ellipsoid) return;
    const points = next && this.points.length && this.picker.isOn ? [...this.points, next] : this.points;
    points.slice(1).forEach((to, index) => {
      const from = points[index];
      const line = along(this.ellipsoid, { latitude: from.lat, longitude: from.lng }, { latitude: to.lat, longitude: to.lng });
      L.polyline(line, { className: "measure-halo", interactive: false }).addTo(this.drawn);
      const leg = L.polyline(line, { className: "measure-line", interactive: false }).addTo(this.drawn);
      leg.bindTooltip(this.#text(this.#leg(from, to).metres), {
        permanent: true, direction: "center", className: "measure-label", interactive: false,
      });
    });
    for (const point of this.points) {
      L.circleMarker(point, { className: "area-corner", radius: 4, interactive: false }).addTo(this.drawn);
    }
  }
}
