// Find a settlement in any of three languages, coordinates, or an event by its id.
//
// A combobox of the ARIA practices: arrows walk the list, Enter goes there, Escape closes.

import { ApiError, fetchJson, records } from "../../api.js";
import { coordinates, count, fill } from "../../texts.js";
import { L } from "../leaflet.js";
import { eventAddress } from "../quakes.js";
import { icon, make } from "./dom.js";
import { coordinatesOf, eventId } from "./typed_place.js";

const WAIT_MS = 180;
const NEAR = 9;

export class PlaceSearch {
  constructor(atlas, words) {
    this.atlas = atlas;
    this.words = words;
    this.options = [];
    this.active = -1;
    this.pin = null;
    this.input = make("input", {
      type: "text", class: "place-search__input", role: "combobox", "aria-expanded": "false",
      "aria-controls": "place-options", "aria-autocomplete": "list", "aria-label": words.findPlace,
      placeholder: words.findPlaceShort, autocomplete: "off", spellcheck: "false", maxlength: "60",
      enterkeyhint: "search",
    });
    this.clear = make("button", {
      type: "button", class: "place-search__clear", "aria-label": words.removePin, title: words.removePin,
      hidden: true, onclick: () => this.#forget(),
    }, icon("close"));
    this.list = make("ul", { class: "place-search__list", id: "place-options", role: "listbox", "aria-label": words.findPlace, hidden: true });
    this.note = make("p", { class: "place-search__note", role: "status", hidden: true });
    this.box = make("div", { class: "place-search", role: "search" },
      icon("search"), this.input, this.clear, this.list, this.note);
    atlas.container.after(this.box);
    L.DomEvent.disableClickPropagation(this.box);
    L.DomEvent.disableScrollPropagation(this.box);
    this.#listen();
  }

  /** A place the address of the page names: `lat,lon,name`. */
  restore(text) {
    const match = /^(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?),?(.{0,80})$/su.exec(text);
    if (!match) return;
    const [latitude, longitude] = [Number(match[1]), Number(match[2])];
    if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return;
    this.#mark({ latitude, longitude, name: match[3] });
  }

  #listen() {
    let timer = 0;
    this.input.addEventListener("input", () => {
      clearTimeout(timer);
      this.clear.hidden = !this.input.value && !this.pin;
      timer = setTimeout(() => this.#ask(), WAIT_MS);
    });
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("focus", () => {
      if (this.options.length && this.input.value) this.#open(true);
    });
    this.input.addEventListener("blur", () => this.#open(false));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("li");
      if (item) this.#choose(this.options[Number(item.dataset.index)]);
    });
  }

  async #ask() {
    const text = this.input.value.trim();
    this.request?.abort();
    this.#say("");
    const id = eventId(text);
    const point = coordinatesOf(text);
    if (id) {
      this.#show([{ kind: "event", id, name: fill(this.words.eventOption, { id }), sub: "" }]);
      return;
    }
    if (point) {
      const name = coordinates(point.latitude, point.longitude, this.atlas.words, this.atlas.config.decimal, 4);
      this.#show([{ kind: "point", ...point, name, sub: this.words.coordinates }]);
      return;
    }
    if (text.length < 2) {
      this.#show([]);
      return;
    }
    const mine = new AbortController();
    this.request = mine;
    const { placesUrl } = this.atlas.config.tools;
    const query = new URLSearchParams({ q: text, lang: this.atlas.config.language });
    try {
      const { data } = await fetchJson(`${placesUrl}?${query}`, { signal: mine.signal });
      const found = records(data).map((place) => ({
        kind: "place", latitude: place.lat, longitude: place.lon, name: place.name, sub: this.#about(place),
      }));
      this.#show(found);
      if (!found.length) this.#say(this.words.noPlace);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      this.#show([]);
      this.#say(error.problems[0]?.message ?? this.words.placesFailed);
    }
  }

  #about(place) {
    const parts = [place.matched, place.oblast || place.country];
    if (place.population) parts.push(fill(this.words.people, { n: count(place.population) }));
    return parts.filter(Boolean).join(" · ");
  }

  #show(options) {
    this.options = options;
    this.active = -1;
    this.list.replaceChildren(...options.map((option, index) => make(
      "li", { role: "option", id: `place-option-${index}`, "data-index": String(index), "aria-selected": "false" },
      make("span", { class: "place-search__name", text: option.name }),
      option.sub ? make("span", { class: "place-search__sub", text: option.sub }) : null,
    )));
    this.#open(options.length > 0);
  }

  #open(open) {
    const shown = open && this.options.length > 0;
    this.list.hidden = !shown;
    this.input.setAttribute("aria-expanded", String(shown));
    if (!shown) this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.options.length) {
      event.preventDefault();
      this.#open(true);
      const n = this.options.length;
      this.#activate(this.active < 0 ? (step > 0 ? 0 : n - 1) : (this.active + step + n) % n);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#enter();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (!this.list.hidden) this.#open(false);
      else this.#forget();
    }
  }

  async #enter() {
    if (this.active >= 0 && !this.list.hidden) {
      this.#choose(this.options[this.active]);
      return;
    }
    await this.#ask(); // Enter may come before the answer
    if (this.options.length) this.#choose(this.options[0]);
  }

  #activate(index) {
    this.active = index;
    [...this.list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === index)));
    this.input.setAttribute("aria-activedescendant", `place-option-${index}`);
    this.list.children[index].scrollIntoView({ block: "nearest" });
  }

  async #choose(option) {
    this.#open(false);
    if (option.kind === "event") {
      await this.#goToEvent(option.id);
      return;
    }
    this.input.value = option.name;
    this.#mark(option);
    const { map, address } = this.atlas;
    const { latitude, longitude } = option;
    map.setView([latitude, longitude], Math.max(map.getZoom(), NEAR));
    // Parsed again by restore(): numbers first, the name last.
    address.set("pin", `${latitude.toFixed(4)},${longitude.toFixed(4)},${option.kind === "place" ? option.name.slice(0, 80) : ""}`);
  }

  async #goToEvent(id) {
    const record = this.atlas.record(id);
    if (!record) {
      // Not among those the map holds: its own page, if there is one.
      const found = await this.atlas.details([id]).catch(() => null);
      if (found?.length) location.assign(eventAddress({ id }, this.atlas.config));
      else this.#say(found ? fill(this.words.noEvent, { id }) : this.words.placesFailed);
      return;
    }
    const { map } = this.atlas;
    map.setView([record.lat, record.lon], Math.max(map.getZoom(), 7));
    this.atlas.select(id);
  }

  #mark({ latitude, longitude, name }) {
    this.pin?.remove();
    const text = name || coordinates(latitude, longitude, this.atlas.words, this.atlas.config.decimal, 4);
    this.pin = L.marker([latitude, longitude], {
      interactive: false, keyboard: false,
      icon: L.divIcon({ className: "place-pin", html: make("span"), iconSize: [18, 26], iconAnchor: [9, 25] }),
    }).addTo(this.atlas.map);
    // setContent takes a node, so a name can never be HTML.
    this.pin.bindTooltip(make("span", { text }), { permanent: true, direction: "right", offset: [8, -14], className: "place-label" });
    this.pinned = { latitude, longitude, name: text };
    this.clear.hidden = false;
  }

  #forget() {
    this.pin?.remove();
    this.pin = null;
    this.pinned = null;
    this.input.value = "";
    this.clear.hidden = true;
    this.#show([]);
    this.#say("");
    this.atlas.address.set("pin", "");
    this.input.focus({ preventScroll: true });
  }

  #say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }
}
