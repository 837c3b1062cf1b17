// The home page: epicentres on the map, the same events in the list, all state in the address.

import { ApiError, fetchJson, records } from "../api.js";
import { addBasemap, layerBox } from "../map/basemap.js";
import { Epicentres } from "../map/epicentres.js";
import { drawSizes } from "../map/legend.js";
import { L, createMap } from "../map/leaflet.js";
import { quakeItem, quakePopup } from "../map/quakes.js";
import { equivalentMagnitude } from "../map/symbols.js";
import { count, fill } from "../texts.js";
import { fillForm, formWords, read, wordsQuery, write } from "../url_state.js";

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("map-config").textContent);
const words = JSON.parse(byId("map-words").textContent);
const COUNTRY = [[40.4, 46.3], [55.5, 87.5]];
const SLOW_MS = 5000;

const form = byId("filters");
const list = byId("quakes");
const mapElement = byId("map");

const state = read(location.search);
let extraWords = fillForm(form, state.words);
let events = [];
let shown = [];
let answer = { version: null, count: 0, truncated: false, etag: null, url: "" };
let listed = config.listLength;
let request = null;
let quiet = false; // a move of the map made by us is not written as the reader's

const map = createMap(mapElement, config, words);
// On a wide window the whole world would repeat; the region fills it.
if (mapElement.clientWidth > 900) map.setMinZoom(config.minZoom + 1);
placeMap();
const epicentres = new Epicentres(map, config, {
  hover: (event) => markHovered(event?.id ?? null),
  select: (event) => select(event, { fromMap: true }),
});
const popup = L.popup({ maxWidth: 300, autoPanPadding: [24, 24], closeButton: true });
popup.on("remove", () => {
  if (!quiet) unselect();
});
homeButton().addTo(map);

const drawLegend = () => drawSizes(byId("legend-sizes"), config.decimal, map.getZoom());
drawLegend();
map.on("zoomend", drawLegend);
// An open legend covers the west of the country unless the window is wide.
if (globalThis.innerWidth < 1600) byId("legend").open = false;
for (const element of document.querySelectorAll(".js-only")) element.hidden = false;
byId("more-row").hidden = true;
byId("no-script-more")?.remove();
byId("in-view").checked = state.inview;
byId("sort").value = state.sort;

const base = addBasemap(map, config).then((layers) => {
  layerBox(map, layers, words);
});
load();
listen();
base.catch((error) => {
  say(words.failed, true);
  throw error;
});

// --- State and address -------------------------------------------------------------------------

function address() {
  const center = map.getCenter();
  return location.pathname + write({
    ...state,
    map: state.map && { zoom: map.getZoom(), latitude: center.lat, longitude: center.lng },
  });
}

function remember({ push = false } = {}) {
  const target = address();
  if (target !== location.pathname + location.search) {
    history[push ? "pushState" : "replaceState"](null, "", target);
  }
  mendLinks();
}

/** Links that carry the search: languages, time ranges, all search words. */
function mendLinks() {
  const query = location.search;
  for (const link of document.querySelectorAll("[data-language]")) {
    link.search = query;
  }
  for (const link of document.querySelectorAll(".presets a")) {
    const { starttime, endtime, ...rest } = state.words;
    const start = link.dataset.start;
    link.search = write({ ...state, words: start ? { ...rest, starttime: start } : rest, selected: "" });
    const current = (state.words.starttime || "") === start && !state.words.endtime;
    if (current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  byId("to-search").search = wordsQuery(state.words);
  const named = Object.entries(state.words).filter(([name]) => name !== "starttime" || !presetOf());
  byId("active-filters").textContent = named
    .map(([name, value]) => (value === "true" ? labelOf(name) : `${labelOf(name)} ${value}`))
    .join(" · ");
}

/** What the form calls a search word; a word it has no field for is its own name. */
function labelOf(name) {
  const field = form.elements[name];
  return field?.getAttribute?.("aria-label") || field?.labels?.[0]?.textContent.trim() || name;
}

function presetOf() {
  return document.querySelector(".presets a[aria-current]");
}

function placeMap() {
  quiet = true;
  if (state.map) map.setView([state.map.latitude, state.map.longitude], state.map.zoom, { animate: false });
  else map.fitBounds(COUNTRY, { animate: false });
  quiet = false;
}

// --- Loading -----------------------------------------------------------------------------------

async function load({ refresh = false } = {}) {
  request?.abort();
  const mine = new AbortController();
  request = mine;
  const url = config.eventsUrl + wordsQuery(state.words, { lang: config.language });
  const slow = setTimeout(() => say(words.slow), SLOW_MS);
  if (!refresh) say(words.loading);
  mapElement.setAttribute("aria-busy", "true");
  try {
    const etag = refresh && url === answer.url ? answer.etag : null;
    const got = await fetchJson(url, { etag, signal: mine.signal });
    if (got.data) take(got.data, got.etag, url, refresh);
    showProblems([]);
    say("");
    mapElement.dataset.loaded = url;
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 400) {
      showProblems(error.problems);
      say("");
      mapElement.dataset.loaded = url;
    } else if (!refresh) {
      say(words.failed, true);
    }
  } finally {
    clearTimeout(slow);
    if (request === mine) mapElement.removeAttribute("aria-busy");
  }
}

function take(data, etag, url, refresh) {
  const before = answer.version;
  answer = { version: data.version, count: data.count, truncated: data.truncated, etag, url };
  events = records(data);
  if (!refresh) listed = config.listLength;
  epicentres.show(events);
  renderList();
  const again = events.find((event) => event.id === state.selected);
  if (again) select(again, { quietly: refresh || popup.isOpen() });
  else if (state.selected) epicentres.select(null);
  if (refresh && before !== null && before !== data.version) {
    say(words.newData);
    setTimeout(() => say(""), 6000);
  }
}

function showProblems(problems) {
  byId("filter-error").textContent = problems.map((problem) => problem.message).join(" ");
  for (const field of form.elements) {
    if (!field.name) continue;
    if (problems.some((problem) => problem.word === field.name)) {
      field.setAttribute("aria-invalid", "true");
      byId("filters-more").open = true;
    } else {
      field.removeAttribute("aria-invalid");
    }
  }
  if (problems.length) byId("filters-more").open = true;
}

function say(text, isError = false) {
  const status = byId("map-status");
  status.textContent = text;
  status.hidden = !text;
  status.classList.toggle("is-error", isError);
}

// --- List --------------------------------------------------------------------------------------

const ORDERS = {
  time: (a, b) => b.time - a.time,
  "time-asc": (a, b) => a.time - b.time,
  size: (a, b) => (equivalentMagnitude(b) ?? -99) - (equivalentMagnitude(a) ?? -99) || b.time - a.time,
  depth: (a, b) => (b.depth_km ?? -99) - (a.depth_km ?? -99) || b.time - a.time,
};

function renderList() {
  const view = map.getBounds();
  const inView = (event) => view.contains([event.lat, event.lon]);
  shown = state.inview ? events.filter(inView) : [...events];
  shown.sort(ORDERS[state.sort]);
  const items = shown.slice(0, listed).map((event) => quakeItem(event, config, words));
  list.replaceChildren(...items);
  byId("more-row").hidden = shown.length <= listed;
  byId("empty").hidden = shown.length > 0;
  if (!shown.length) {
    byId("empty").querySelector("strong").textContent = events.length ? words.noneInView : words.none;
  }
  const total = answer.truncated
    ? fill(words.oneAndMore, { count: count(events.length) })
    : fill(words.shown, { shown: count(shown.length), count: count(answer.count) });
  byId("count").textContent = total;
  list.dataset.count = String(shown.length);
  markSelected();
}

function markHovered(id) {
  for (const item of list.querySelectorAll(".is-hovered")) item.classList.remove("is-hovered");
  if (id) itemOf(id)?.classList.add("is-hovered");
}

function markSelected() {
  for (const item of list.querySelectorAll(".is-selected")) item.classList.remove("is-selected");
  if (state.selected) itemOf(state.selected)?.classList.add("is-selected");
}

function itemOf(id) {
  return list.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function eventOf(node) {
  const id = node.closest?.("[data-id]")?.dataset.id;
  return id ? events.find((event) => event.id === id) : undefined;
}

// --- Choosing one ------------------------------------------------------------------------------

function select(event, { fromMap = false, quietly = false } = {}) {
  state.selected = event.id;
  epicentres.select(event);
  if (fromMap && !itemOf(event.id)) {
    const place = shown.indexOf(event);
    if (place >= 0) {
      listed = place + 20;
      renderList();
    }
  }
  markSelected();
  if (!quietly) {
    quiet = true;
    popup.setLatLng([event.lat, event.lon]).setContent(quakePopup(event, config, words)).openOn(map);
    quiet = false;
    if (fromMap && byId("list-scroll").scrollHeight > byId("list-scroll").clientHeight) {
      itemOf(event.id)?.scrollIntoView({ block: "nearest" });
    }
  }
  remember();
}

function unselect() {
  state.selected = "";
  epicentres.select(null);
  markSelected();
  remember();
}

// --- What the reader does ------------------------------------------------------------------------

function applyForm() {
  const next = { ...extraWords, ...formWords(form) };
  if (wordsQuery(next) === wordsQuery(state.words)) return;
  state.words = next;
  remember({ push: true });
  load();
}

function listen() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    applyForm();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name) applyForm();
  });
  form.querySelector(".presets").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    form.elements.starttime.value = link.dataset.start;
    form.elements.endtime.value = "";
    applyForm();
  });
  const showAll = (event) => {
    event.preventDefault();
    extraWords = {};
    fillForm(form, {});
    state.inview = byId("in-view").checked = false;
    applyForm();
    remember();
    renderList();
  };
  byId("reset").addEventListener("click", showAll);
  byId("empty").querySelector("a")?.addEventListener("click", showAll);
  byId("in-view").addEventListener("change", (event) => {
    state.inview = event.target.checked;
    listed = config.listLength;
    renderList();
    remember({ push: true });
  });
  byId("sort").addEventListener("change", (event) => {
    state.sort = event.target.value;
    renderList();
    remember({ push: true });
  });
  byId("more").addEventListener("click", () => {
    const first = list.children.length;
    listed += config.listLength;
    renderList();
    list.children[first]?.querySelector("a").focus({ preventScroll: true });
  });
  for (const kind of ["mouseover", "focusin"]) {
    list.addEventListener(kind, (event) => epicentres.hover(eventOf(event.target) ?? null));
  }
  for (const kind of ["mouseleave", "focusout"]) {
    list.addEventListener(kind, () => epicentres.hover(null));
  }
  list.addEventListener("click", (event) => {
    if (!event.target.closest(".quake__locate")) return;
    const found = eventOf(event.target);
    if (!found) return;
    map.setView([found.lat, found.lon], Math.max(map.getZoom(), 7));
    select(found);
    if (matchMedia("(max-width: 52rem)").matches) mapElement.scrollIntoView({ block: "start" });
  });
  map.on("moveend", () => {
    if (quiet) return;
    state.map = state.map || { zoom: 0, latitude: 0, longitude: 0 };
    remember();
    if (state.inview) renderList();
  });
  addEventListener("popstate", () => {
    Object.assign(state, read(location.search));
    extraWords = fillForm(form, state.words);
    byId("in-view").checked = state.inview;
    byId("sort").value = state.sort;
    quiet = true;
    popup.remove();
    quiet = false;
    placeMap();
    mendLinks();
    load();
  });
  mendLinks();
  setInterval(() => {
    if (document.visibilityState === "visible") load({ refresh: true });
  }, config.refreshSeconds * 1000);
}

function homeButton() {
  const control = L.control({ position: "topleft" });
  control.onAdd = () => {
    const bar = L.DomUtil.create("div", "leaflet-bar");
    const button = L.DomUtil.create("a", "home-button", bar);
    button.href = "#map";
    button.title = words.home;
    button.setAttribute("role", "button");
    button.setAttribute("aria-label", words.home);
    button.textContent = "⌂";
    L.DomEvent.disableClickPropagation(bar);
    L.DomEvent.on(button, "click", (event) => {
      L.DomEvent.preventDefault(event);
      map.fitBounds(COUNTRY);
    });
    return bar;
  };
  return control;
}
