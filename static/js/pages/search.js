// The search page with a script: a clean address, the live count, the map beside, the file builder.

import { fetchJson } from "../api.js";
import { listen, sayOnButton } from "../copying.js";
import { curlLine, secondsOf, sizeText, withArguments, withIncludes } from "../file_lines.js";
import { liveCount, queryOf } from "../live_count.js";
import { addBasemap } from "../map/basemap.js";
import { Epicentres } from "../map/epicentres.js";
import { L, createMap } from "../map/leaflet.js";
import { fill } from "../texts.js";

const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id).textContent);
const config = read("map-config");
const words = read("map-words");
const COUNTRY = [[40.4, 46.3], [55.5, 87.5]];

for (const element of document.querySelectorAll(".js-only")) element.hidden = false;
for (const element of document.querySelectorAll(".no-js")) element.hidden = true;

// --- The form ------------------------------------------------------------------------------------

const form = byId("search-form");
const usual = { orderby: "time", columns: form.dataset.columns };

form.addEventListener("formdata", ({ formData }) => {
  const clean = new URLSearchParams(queryOf([...formData], usual));
  for (const name of new Set(formData.keys())) formData.delete(name);
  for (const [name, value] of clean) formData.set(name, value);
});

const live = byId("live-count");
const ask = liveCount({
  url: form.dataset.count,
  fetchJson,
  show(state, data) {
    live.classList.toggle("is-waiting", state === "waiting");
    live.classList.toggle("is-error", state === "failed" || Boolean(data?.problems.length));
    if (state === "waiting") live.textContent = words.counting;
    else live.textContent = state === "failed" ? words.countFailed : data.text;
    if (state === "done") markProblems(data.problems);
  },
});

function markProblems(problems) {
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden") continue;
    const found = problems.find((problem) => problem.word === field.name);
    const text = found?.message ?? (field.validity?.badInput ? words.notANumber : "");
    if (text) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    const place = byId(`id_${field.name}_error`);
    if (place) {
      place.textContent = text;
      place.hidden = !text;
    }
  }
}

const askNow = () => ask(queryOf([...new FormData(form)]));
form.addEventListener("input", askNow);
form.addEventListener("change", askNow);

// On a small screen a search that was asked shows its events first; its words are one tap away.
const panel = byId("form-panel");
const narrow = matchMedia("(max-width: 60rem)");
const fold = () => {
  panel.open = !narrow.matches || !location.search || Boolean(byId("problems"));
};
narrow.addEventListener("change", fold);
fold();
// Every mistake is told at once; the first wrong field is one step away.
byId("problems")?.focus();

// --- The map beside ------------------------------------------------------------------------------

const events = read("map-rows");
const mapElement = byId("map");
if (mapElement) showMap();

function showMap() {
  const map = createMap(mapElement, config, words, { scrollWheelZoom: false });
  const places = events.map((event) => [event.lat, event.lon]);
  const frame = places.length ? L.latLngBounds(places).pad(0.15) : L.latLngBounds(COUNTRY);
  map.fitBounds(frame, { maxZoom: 8, animate: false });
  const rows = byId("rows");
  const rowOf = (event) => rows?.querySelector(`[data-id="${CSS.escape(event.id)}"]`);
  const mark = (style, event) => {
    for (const row of rows?.querySelectorAll(`.${style}`) ?? []) row.classList.remove(style);
    if (event) rowOf(event)?.classList.add(style);
  };
  const epicentres = new Epicentres(map, config, {
    hover: (event) => mark("is-hovered", event),
    select(event) {
      mark("is-selected", event);
      epicentres.select(event);
      const link = rowOf(event)?.querySelector("a");
      link?.focus({ preventScroll: true });
      link?.scrollIntoView({ block: "nearest" });
    },
  });
  epicentres.show(events);
  const eventOf = (node) => {
    const id = node.closest?.("[data-id]")?.dataset.id;
    return events.find((event) => event.id === id) ?? null;
  };
  for (const kind of ["mouseover", "focusin"]) {
    rows?.addEventListener(kind, ({ target }) => {
      const event = eventOf(target);
      epicentres.hover(event);
      if (event && kind === "focusin" && !map.getBounds().contains([event.lat, event.lon])) {
        map.panTo([event.lat, event.lon]);
      }
    });
  }
  for (const kind of ["mouseleave", "focusout"]) {
    rows?.addEventListener(kind, () => epicentres.hover(null));
  }
  byId("take-frame")?.addEventListener("click", () => {
    const box = map.getBounds();
    const values = {
      minlatitude: Math.max(box.getSouth(), -90),
      maxlatitude: Math.min(box.getNorth(), 90),
      minlongitude: Math.max(box.getWest(), -180),
      maxlongitude: Math.min(box.getEast(), 180),
    };
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value.toFixed(2);
    askNow();
  });
  addBasemap(map, config).then(() => {
    mapElement.dataset.loaded = String(events.length);
  });
}
if (!mapElement) byId("take-frame")?.remove();

// --- The file builder ----------------------------------------------------------------------------

const BITS_PER_SECOND = 10_000_000;
const builder = byId("files-form");
if (builder) {
  builder.addEventListener("change", showFile);
  builder.addEventListener("submit", (event) => event.preventDefault());
  listen(byId("files"), sayOnButton(words.copied, byId("copied")));
  showFile();
}

function showFile() {
  const chosen = byId("files-chosen");
  const file = builder.querySelector('[name="format"]:checked');
  const isQuakeml = file.value === "quakeml";
  byId("files-includes").hidden = !isQuakeml;
  const marked = isQuakeml ? [...builder.querySelectorAll("[data-each]:checked")] : [];
  const includes = marked.map((box) => box.name);
  const path = withIncludes(file.dataset.url, includes);
  const address = path ? new URL(path, location.href).href : "";
  const number = Number(chosen.dataset.events);
  const more = marked.reduce((sum, box) => sum + Number(box.dataset.each), 0);
  const bytes = Number(file.dataset.bytes) + number * more;
  byId("file-name").textContent = file.dataset.name;
  if (Number(file.dataset.bytes)) {
    const sign = chosen.dataset.exact === "true" ? "≈" : ">";
    byId("file-size").textContent = `${sign} ${sizeText(bytes, words.bytes, config.decimal)}`;
    if (byId("file-time")) byId("file-time").textContent = timeText(bytes);
  }
  const tooMany = file.dataset.tooMany === "true";
  byId("file-too-many").hidden = !tooMany;
  byId("file-download").hidden = !address || tooMany;
  byId("file-download").href = address;
  byId("files-lines").hidden = !address;
  byId("file-address").value = address;
  byId("file-curl").textContent = curlLine(address, file.dataset.file);
  byId("file-obspy").textContent = withArguments(byId("file-obspy").textContent, includes);
  if (byId("export-form")) {
    byId("export-format").value = file.value;
    byId("export-includes").replaceChildren(
      ...includes.map((name) => Object.assign(document.createElement("input"), { type: "hidden", name, value: "true" })),
    );
  }
}

function timeText(bytes) {
  const seconds = secondsOf(bytes, BITS_PER_SECOND);
  if (seconds < 1) return words.underASecond;
  if (seconds < 90) return fill(words.seconds, { n: Math.round(seconds) });
  return fill(words.minutes, { n: Math.round(seconds / 60) });
}
