// Where the person was: a settlement by its name, the phone's position, a press on the map.

import { fetchJson, records } from "../api.js";
import { count, fill } from "../texts.js";

const WAIT_MS = 250;
const SHORTEST = 2;
/** So long a name is looked up before the report goes without [ms]. */
const PATIENCE = 4000;
/** Hidden fields that tell a point. */
const POINT = ["latitude", "longitude", "precision_km", "place_source"];

/** Make an element; `text` is its text. */
function make(tag, { text = "", ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(text, ...children);
  return element;
}

/** What tells two settlements of one name apart: oblast or country, and the name that was found. */
export function labelOf(place) {
  const matched = place.matched ? ` (${place.matched})` : "";
  return [`${place.name}${matched}`, place.oblast || place.country].filter(Boolean).join(", ");
}

/** Kilometres that ten pixels of the map are: how true a press on it is. */
export function precisionOf(latitude, zoom) {
  const metres = (40_075_016.686 * Math.cos((latitude * Math.PI) / 180)) / 2 ** (zoom + 8);
  return Math.round(metres * 10) / 1000;
}

export class PlaceBox {
  constructor(form, config, words) {
    Object.assign(this, { form, config, words });
    this.input = form.elements.namedItem("place");
    this.list = document.getElementById("felt-places");
    this.proposals = document.getElementById("felt-proposals");
    this.state = document.getElementById("felt-place-state");
    this.forgetButton = document.getElementById("felt-point-forget");
    this.known = new Map();
    this.#listen();
  }

  #field(name) {
    return this.form.elements.namedItem(name);
  }

  #listen() {
    let timer = 0;
    this.input.addEventListener("input", () => {
      clearTimeout(timer);
      this.#field("settlement").value = "";
      this.#propose([]);
      const chosen = this.known.get(this.input.value);
      if (chosen) this.choose(chosen);
      else timer = setTimeout(() => this.#suggest(), WAIT_MS);
    });
    this.proposals.addEventListener("change", (event) => {
      const place = this.offered?.[Number(event.target.value)];
      if (place) this.choose(place, { open: true });
      else this.asWritten = true;
    });
    document.getElementById("felt-phone").addEventListener("click", () => this.#locate());
    document.getElementById("felt-map-open").addEventListener("click", (event) => this.#openMap(event.target));
    this.forgetButton.addEventListener("click", () => this.forgetPoint());
    this.form.addEventListener("reset", () => {
      // A browser leaves hidden fields as they are.
      for (const name of ["settlement", ...POINT]) this.#field(name).value = "";
      this.marker?.remove();
      this.#propose([]);
      this.#say("");
      this.forgetButton.hidden = true;
    });
  }

  async #ask(text) {
    const query = new URLSearchParams({ q: text, lang: this.config.map.language });
    const { data } = await fetchJson(`${this.config.placesUrl}?${query}`, { signal: AbortSignal.timeout(PATIENCE) });
    return records(data);
  }

  async #suggest() {
    const text = this.input.value.trim();
    if (text.length < SHORTEST || text.length > 60) return;
    let found;
    try {
      found = await this.#ask(text);
    } catch {
      return; // a name can be written without help
    }
    if (this.input.value.trim() !== text) return;
    this.known = new Map();
    for (const place of found) {
      const label = labelOf(place);
      // Two of one name in one oblast are told apart by their people.
      this.known.set(this.known.has(label) ? `${label}, ${count(place.population ?? 0)}` : label, place);
    }
    this.list.replaceChildren(...[...this.known.keys()].map((value) => make("option", { value })));
  }

  /** Take a settlement. */
  choose(place, { open = false } = {}) {
    this.#field("settlement").value = String(place.id);
    this.asWritten = false;
    if (!open) this.#propose([]);
    this.#say("");
  }

  /**
   * Make sure that a place in words is one settlement; false while the person has to choose.
   * Without a connection the words go as they are.
   */
  async settled() {
    const text = this.input.value.trim();
    if (!text || this.#field("settlement").value || this.#field("latitude").value || this.asWritten) return true;
    let found;
    try {
      found = await this.#ask(text.slice(0, 60));
    } catch {
      this.asWritten = true;
      return true;
    }
    const same = (name) => name.toLocaleLowerCase() === text.toLocaleLowerCase();
    const named = found.filter((place) => same(place.name) || same(place.matched) || same(labelOf(place)));
    if (named.length === 1) {
      this.choose(named[0]);
      return true;
    }
    const offered = named.length ? named : found;
    this.#propose(offered);
    this.#say(offered.length ? this.words[named.length ? "choosePlace" : "similarPlace"] : this.words.noPlace);
    // Nothing to choose from has been said once; the next press sends the words.
    if (!offered.length) this.asWritten = true;
    (this.proposals.querySelector("input") ?? this.input).focus();
    return false;
  }

  #propose(places) {
    this.offered = places;
    this.asWritten = false;
    const option = (value, text, more = "") => make(
      "label", { class: "felt__choice" },
      make("input", { type: "radio", name: "felt-proposal", value }),
      make("span", { text }, more ? make("span", { class: "muted small", text: ` ${more}` }) : ""),
    );
    const people = ({ population }) => (population ? fill(this.words.people, { n: count(population) }) : "");
    this.proposals.replaceChildren(
      ...places.map((place, index) => option(String(index), labelOf(place), people(place))),
      ...(places.length ? [option("as-written", this.words.asWritten)] : []),
    );
    this.proposals.hidden = !places.length;
  }

  // --- A point ---------------------------------------------------------------------------------

  #point(latitude, longitude, precision, source) {
    this.#field("latitude").value = latitude.toFixed(5);
    this.#field("longitude").value = longitude.toFixed(5);
    this.#field("precision_km").value = String(precision);
    this.#field("place_source").value = source;
    this.forgetButton.hidden = false;
    this.form.dispatchEvent(new Event("change"));
  }

  forgetPoint() {
    for (const name of POINT) this.#field(name).value = "";
    this.forgetButton.hidden = true;
    this.marker?.remove();
    this.#say("");
    this.input.focus();
  }

  #locate() {
    if (!navigator.geolocation) {
      this.#say(this.words.noPosition);
      return;
    }
    this.#say(this.words.seeking);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        this.#point(coords.latitude, coords.longitude, coords.accuracy / 1000, "phone");
        const { km, m } = this.words;
        const distance = coords.accuracy < 1000
          ? `${Math.max(10, Math.round(coords.accuracy / 10) * 10)}\u00a0${m}`
          : `${Math.round(coords.accuracy / 1000)}\u00a0${km}`;
        this.#say(fill(this.words.position, { distance }));
      },
      ({ code }) => this.#say(this.words[code === 1 ? "denied" : "noPosition"]),
      { enableHighAccuracy: true, timeout: 20_000, maximumAge: 60_000 },
    );
  }

  async #openMap(button) {
    const box = document.getElementById("felt-map-box");
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    if (box.hidden || this.map) return;
    try {
      const { openMap } = await import("./map.js");
      this.map = await openMap(document.getElementById("felt-map"), this.config, this.words.map, (spot, zoom, marker) => {
        this.marker = marker;
        this.#point(spot.lat, spot.lng, precisionOf(spot.lat, zoom), "map");
        this.#say(this.words.onMap);
      });
    } catch {
      box.hidden = true;
      button.setAttribute("aria-expanded", "false");
      this.#say(this.words.mapFailed);
    }
  }

  #say(text) {
    this.state.textContent = text;
  }
}
