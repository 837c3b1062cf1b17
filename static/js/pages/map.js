// The home page: epicentres on the map, the same events in the list, all state in the address.

import { ApiError } from "../api.js";
import { Atlas } from "../map/atlas.js";
import { addBasemap } from "../map/basemap.js";
import { Catalogue } from "../map/catalogue.js";
import { topOf } from "../map/choosing.js";
import { Details } from "../map/details.js";
import { compile, ofClasses } from "../map/filters.js";
import { LayerBox } from "../map/layer_box.js";
import { Legend, depthMask, sizeMask, tally } from "../map/legend.js";
import { L, createMap } from "../map/leaflet.js";
import { QuakeLayer } from "../map/quake_layer.js";
import { fillItem, quakeItem, quakeLine, quakePopup } from "../map/quakes.js";
import { Store, worldX, worldY } from "../map/store.js";
import { Timeline } from "../map/timeline.js";
import { attachTools } from "../map/tools.js";
import { count, fill } from "../texts.js";
import { fillForm, formWords, read, wordsQuery, write } from "../url_state.js";

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("map-config").textContent);
const words = JSON.parse(byId("map-words").textContent);
const COUNTRY = [[40.4, 46.3], [55.5, 87.5]];
const SLOW_MS = 5000;
const NOTE_MS = 6000;
/** Pictures between two parts that arrive, and lists while time plays, come at most so often [ms]. */
const PART_MS = 120;
const PLAYED_LIST_MS = 500;
const LOOK_UP_MS = 150;
/** A line beyond the list is brought into it when it is at most so many lines away. */
const BEYOND = 400;

const form = byId("filters");
const list = byId("quakes");
const mapElement = byId("map");
const narrow = matchMedia("(max-width: 52rem)");

const state = read(location.search, config.searchWords);
let extraWords = fillForm(form, state.words);
let matched = new Uint32Array(0); // of the search
let visible = matched; // of these, the classes the legend shows
let truncated = false;
let listed = config.listLength;
let request = new AbortController();
let quiet = false; // a move of the map made by us is not written as the reader's
let here = []; // events under the last click, of which one is chosen
/** Places of the list the page came with, until the full records are here. */
const places = new Map(
  [...list.querySelectorAll("[data-id]")].map((item) => [
    item.dataset.id, item.querySelector('[data-part="place"]').textContent,
  ]),
);

// Before the map, which takes what room is left.
byId("timeline").open = !narrow.matches || state.window !== null;
for (const element of document.querySelectorAll(".js-only")) element.hidden = false;
byId("more-row").hidden = true;
const map = createMap(mapElement, config, words);
// On a wide window the whole world would repeat; the region fills it.
if (mapElement.clientWidth > 900) map.setMinZoom(config.minZoom + 1);
placeMap();
const store = new Store(config.depthBounds);
const details = new Details(config);
const catalogue = new Catalogue(config, store, details, arrived);
const layer = new QuakeLayer(map, store, {
  hover: showCard,
  select: (indices) => choose(indices, { fromMap: true }),
  isHeld: () => atlas.isHeld,
  painted: tellThinned,
}, { webgl: state.extra.webgl !== "0" });
const popup = L.popup({ maxWidth: 300, autoPanPadding: [24, 24], closeButton: true });
popup.on("remove", () => {
  if (!quiet) unselect();
});
homeButton().addTo(map);

const legend = new Legend(byId("legend"), config, words, (chosen) => {
  Object.assign(state, chosen);
  remember({ push: true });
  filter();
});
legend.draw(map.getZoom());
map.on("zoomend", () => legend.draw(map.getZoom()));
// An open legend covers the west of the country unless the window is wide.
if (globalThis.innerWidth < 1600) byId("legend").open = false;
const timeline = new Timeline(byId("timeline"), words, { window: takeWindow });
byId("no-script-more")?.remove();
byId("in-view").checked = state.inview;
byId("sort").value = state.sort;

const box = new LayerBox(map, words, state.layers, {
  changed(keys) {
    state.layers = keys;
    remember({ push: true });
  },
  failed(label, error) {
    say(fill(words.layerFailed, { layer: label }), { isError: true });
    if (!(error instanceof ApiError)) throw error;
  },
});
const atlas = new Atlas({
  map,
  config,
  words,
  state,
  container: byId("map-tools"),
  engine: {
    search: takeWords,
    shownCount: () => layer.shown.length,
    eachShown(visit) {
      for (const i of layer.shown) visit(store.record(i));
    },
    shownPoints: () => ({
      count: layer.shown.length,
      x: Float32Array.from(layer.shown, (i) => store.x[i]),
      y: Float32Array.from(layer.shown, (i) => store.y[i]),
    }),
    record(id) {
      const index = store.indexOf(id);
      return index < 0 ? null : store.record(index);
    },
    details: (ids) => details.fetch(ids),
    select(id) {
      const index = id ? store.indexOf(id) : -1;
      if (index < 0) popup.isOpen() ? popup.remove() : unselect();
      else choose([index]);
    },
    remember,
    addLayer: (options) => box.add(options),
    say: (text, isError) => say(text, { isError }),
    pictures: () => layer.pictures(),
  },
});
atlas.address.get("webgl");
atlas.addLayer({
  key: "epicentres",
  label: words.epicentres,
  group: "quakes",
  on: true,
  show: () => layer.setOn(true),
  hide: () => layer.setOn(false),
});
attachTools(atlas);

const base = addBasemap(map, config).then((layers) => {
  for (const [key, shown] of Object.entries(layers)) {
    atlas.addLayer({
      key,
      label: words[key],
      group: "base",
      on: map.hasLayer(shown),
      show: () => map.addLayer(shown),
      hide: () => map.removeLayer(shown),
    });
  }
});
const unknown = atlas.dropUnknown();
const started = catalogue.open().then(() => load());
listen();
for (const promise of [base, started]) {
  promise.catch((error) => {
    say(words.failed, { isError: true, retry: true });
    throw error;
  });
}
Promise.all([base, started]).then(() => {
  const strange = [...unknown, ...box.unknown()];
  if (strange.length && byId("map-status").hidden) note(fill(words.unknownWords, { words: strange.join(", ") }));
});

// --- State and address -------------------------------------------------------------------------

/** Where the map is now, if the reader has moved it. */
function position() {
  const center = map.getCenter();
  return state.map && { zoom: map.getZoom(), latitude: center.lat, longitude: center.lng };
}

function address() {
  return location.pathname + write({ ...state, map: position() });
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
    link.search = write({
      ...state,
      words: start ? { ...rest, starttime: start } : rest,
      map: position(),
      selected: "",
      window: null,
    });
    const current = (state.words.starttime || "") === start && !state.words.endtime;
    if (current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const id of ["to-search", "to-statistics"]) byId(id).search = wordsQuery(state.words);
  const named = Object.entries(state.words).filter(([name]) => name !== "starttime" || !presetOf());
  byId("active-filters").textContent = named
    .map(([name, value]) => (value === "true" ? labelOf(name) : `${labelOf(name)} ${value}`))
    .join(" · ");
}

/** What the form calls a search word; one it has no field for has its label from the server. */
function labelOf(name) {
  const field = form.elements[name];
  return field?.getAttribute?.("aria-label") || field?.labels?.[0]?.textContent.trim() || words.labels[name] || name;
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
  if (refresh && mapElement.hasAttribute("aria-busy")) return;
  request.abort();
  const mine = new AbortController();
  request = mine;
  const slow = setTimeout(() => !refresh && say(words.slow), SLOW_MS);
  if (!refresh) {
    say(words.loading);
    mapElement.setAttribute("aria-busy", "true");
  }
  try {
    if (refresh) {
      if (await catalogue.refresh({ signal: mine.signal })) {
        settle();
        note(words.newData);
      }
    } else {
      await catalogue.search(state.words, { signal: mine.signal });
      if (mine.signal.aborted) return;
      mapElement.removeAttribute("aria-busy");
      say("");
      settle();
    }
    showProblems([]);
  } catch (error) {
    if (error.name === "AbortError" || mine.signal.aborted) return;
    if (error instanceof ApiError && error.status === 400) {
      showProblems(error.problems);
      mapElement.removeAttribute("aria-busy");
      settle();
      say("");
    } else if (!refresh) {
      say(words.failed, { isError: true, retry: true });
      if (!(error instanceof ApiError)) throw error;
    }
  } finally {
    clearTimeout(slow);
    if (request === mine) {
      mapElement.removeAttribute("aria-busy");
      byId("map-progress").hidden = true;
    }
  }
}

let partTimer = 0;
let partTook = 0;

/** A part of the events has come: show it soon, but spend most of the time on what follows. */
function arrived({ loaded, wanted }) {
  const bar = byId("map-progress");
  bar.hidden = loaded >= wanted;
  bar.style.setProperty("--part", String(wanted ? loaded / wanted : 1));
  mapElement.dataset.tiles = catalogue.hasTiles ? `${loaded}/${wanted}` : "";
  // Before the first part the list of before, or the server's, says more than an empty one.
  if (!loaded || loaded >= wanted || partTimer) return;
  partTimer = setTimeout(() => {
    partTimer = 0;
    const before = performance.now();
    takeResult();
    partTook = performance.now() - before;
  }, Math.max(loaded <= 1 ? 0 : PART_MS, 4 * partTook));
}

/** Everything of the search is here. */
function settle() {
  clearTimeout(partTimer);
  partTimer = 0;
  takeResult();
  mapElement.dataset.loaded = wordsQuery(state.words) || "?";
}

let chosenRevision = -1;

function takeResult() {
  const result = catalogue.result();
  matched = result.order;
  truncated = result.truncated;
  filter();
  const found = state.selected ? store.indexOf(state.selected) : -1;
  const index = matched.includes(found) ? found : -1;
  layer.mark("hovered", -1);
  layer.mark("selected", index);
  if (index >= 0 && chosenRevision !== store.epoch) choose([index], { quietly: popup.isOpen() });
}

/** Apply what the legend and the time window leave of the search. */
function filter() {
  visible = ofClasses(store.style, matched, depthMask(state.depths), sizeMask(state.classes));
  legend.show(state, tally(store.style, matched));
  const limits = compile(state.words) ?? {};
  timeline.setEvents(visible, store.time, limits);
  timeline.setWindow(state.window);
  layer.show(visible, state.window);
  renderList();
  atlas.tell("shown", { count: layer.shown.length });
}

let playedAt = 0;

function takeWindow(window, { final }) {
  state.window = window;
  layer.setWindow(window);
  if (final || performance.now() - playedAt > PLAYED_LIST_MS) {
    playedAt = performance.now();
    renderList({ lookUp: final });
    atlas.tell("shown", { count: layer.shown.length });
  }
  if (final) remember({ push: true });
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

function say(text, { isError = false, retry = false } = {}) {
  const status = byId("map-status");
  byId("map-status-text").textContent = text;
  byId("map-retry").hidden = !retry;
  status.hidden = !text;
  status.classList.toggle("is-error", isError);
}

/** Say something that goes away by itself. */
function note(text) {
  say(text);
  setTimeout(() => {
    if (byId("map-status-text").textContent === text) say("");
  }, NOTE_MS);
}

function tellThinned({ thinned }) {
  const element = byId("legend-thinned");
  element.hidden = !thinned;
  if (thinned) element.textContent = fill(words.thinned, { count: count(thinned) });
}

// --- List --------------------------------------------------------------------------------------

/** Of the events that are drawn those the list holds: with the view's box if it is kept to it. */
function inList() {
  const { shown } = layer;
  if (!state.inview) return shown;
  const view = map.getBounds();
  const [west, east] = [worldX(view.getWest()), worldX(view.getEast())];
  const [north, south] = [worldY(view.getNorth()), worldY(view.getSouth())];
  return shown.filter((i) => store.x[i] >= west && store.x[i] <= east && store.y[i] >= north && store.y[i] <= south);
}

/** The first events of the list's order. */
function firstOf(order, most) {
  if (state.sort === "time") return [...order.subarray(Math.max(order.length - most, 0))].reverse();
  if (state.sort === "time-asc") return [...order.subarray(0, most)];
  return topOf(order, most, (i) => (state.sort === "size" ? store.magnitudeOf(i) : store.depthOf(i)));
}

/** What is known of an event: its full record, else what the tile says and the page came with. */
function recordOf(i) {
  const light = store.record(i);
  return details.get(light.id) ?? { ...light, place: places.get(light.id) ?? "" };
}

function renderList({ lookUp = true } = {}) {
  const order = inList();
  const shown = firstOf(order, listed).map(recordOf);
  const items = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const lines = shown.map((event) => {
    const item = items.get(event.id);
    // A line the page came with has no button yet.
    return item?.querySelector("button") ? fillItem(item, event, config, words) : quakeItem(event, config, words);
  });
  if (lines.length !== list.children.length || lines.some((line, at) => line !== list.children[at])) {
    list.replaceChildren(...lines);
  }
  byId("more-row").hidden = order.length <= listed;
  byId("empty").hidden = order.length > 0 || mapElement.hasAttribute("aria-busy");
  if (!order.length) {
    byId("empty").querySelector("strong").textContent = matched.length ? words.noneInView : words.none;
  }
  byId("count").textContent = truncated
    ? fill(words.oneAndMore, { count: count(matched.length) })
    : fill(words.shown, { shown: count(order.length), count: count(matched.length) });
  list.dataset.count = String(order.length);
  markSelected();
  if (lookUp) lookUpSoon();
}

let lookUpTimer = 0;

/** Fetch places and other sizes of the lines that lack them, when the list has come to rest. */
function lookUpSoon() {
  clearTimeout(lookUpTimer);
  if (mapElement.hasAttribute("aria-busy") && catalogue.progress().loaded > 1) return;
  lookUpTimer = setTimeout(async () => {
    const missing = [...list.children].map((item) => item.dataset.id).filter((id) => !details.get(id));
    if (!missing.length) return;
    try {
      for (const event of await details.fetch(missing)) {
        const item = itemOf(event.id);
        if (item) fillItem(item, event, config, words);
      }
    } catch (error) {
      // The lines say what the tiles know; the next look tries again.
      if (!(error instanceof ApiError)) throw error;
    }
  }, LOOK_UP_MS);
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

function indexOf(node) {
  const id = node.closest?.("[data-id]")?.dataset.id;
  return id ? store.indexOf(id) : -1;
}

// --- Choosing one ------------------------------------------------------------------------------

/** What lies under the pointer, said beside it. */
function showCard(indices, point) {
  const card = byId("map-card");
  markHovered(indices.length ? store.idOf(indices[0]) : null);
  card.hidden = !indices.length || popup.isOpen();
  if (card.hidden) return;
  const event = recordOf(indices[0]);
  const { size, time, depth } = quakeLine(event, config, words);
  const lines = [
    ["strong", size],
    ["span", time],
    ["span", depth],
    ...(event.place ? [["span", event.place]] : []),
    ...(indices.length > 1 ? [["em", fill(words.moreHere, { count: count(indices.length - 1) })]] : []),
  ];
  card.replaceChildren(...lines.map(([name, text]) => {
    const node = document.createElement(name);
    node.textContent = text;
    return node;
  }));
  const right = point.x > mapElement.clientWidth - 240;
  card.style.left = `${right ? point.x - card.offsetWidth - 14 : point.x + 14}px`;
  card.style.top = `${Math.min(point.y + 14, mapElement.clientHeight - card.offsetHeight - 8)}px`;
}

/** Choose the first of these events, which lie at one spot. */
function choose(indices, { fromMap = false, quietly = false, at = 0 } = {}) {
  here = indices.map((i) => store.idOf(i));
  byId("map-card").hidden = true;
  show(at, { fromMap, quietly });
}

function show(at, { fromMap = false, quietly = false } = {}) {
  const id = here[at];
  const index = store.indexOf(id);
  if (index < 0) return;
  state.selected = id;
  chosenRevision = store.epoch;
  layer.mark("selected", index);
  if (fromMap && !itemOf(id)) {
    const place = firstOf(inList(), listed + BEYOND).findIndex((i) => i === index);
    if (place >= 0) {
      listed = place + 20;
      renderList();
    }
  }
  markSelected();
  if (!quietly) {
    const write = (event) => popup.setContent(card(event, at));
    quiet = true;
    popup.setLatLng([store.latOf(index), store.lonOf(index)]);
    write(recordOf(index));
    popup.openOn(map);
    quiet = false;
    if (!details.get(id)) {
      details.fetch([id]).then(([event]) => {
        if (event && state.selected === id && popup.isOpen()) write(event);
      }, (error) => {
        if (!(error instanceof ApiError)) throw error;
      });
    }
    if (fromMap && byId("list-scroll").scrollHeight > byId("list-scroll").clientHeight) {
      itemOf(id)?.scrollIntoView({ block: "nearest" });
    }
  }
  remember();
  atlas.tell("selected", { id, record: store.record(index) });
}

function card(event, at) {
  const node = quakePopup(event, config, words, { place: at, count: here.length });
  for (const button of node.querySelectorAll("[data-step]")) {
    button.addEventListener("click", (click) => {
      click.stopPropagation();
      const step = Number(button.dataset.step);
      show((at + step + here.length) % here.length, { fromMap: true });
      popup.getElement()?.querySelector(`[data-step="${step}"]`)?.focus();
    });
  }
  return node;
}

function unselect() {
  state.selected = "";
  here = [];
  layer.mark("selected", -1);
  markSelected();
  remember();
  atlas.tell("selected", { id: null, record: null });
}

// --- What the reader does ------------------------------------------------------------------------

function applyForm() {
  const next = { ...extraWords, ...formWords(form) };
  if (wordsQuery(next) !== wordsQuery(state.words)) takeWords(next);
}

function takeWords(next, { push = true } = {}) {
  if (wordsQuery(next) === wordsQuery(state.words)) return Promise.resolve();
  state.words = next;
  extraWords = fillForm(form, next);
  listed = config.listLength;
  remember({ push });
  atlas.tell("words", { words: next });
  return load();
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
    state.window = null;
    applyForm();
  });
  const showAll = (event) => {
    event.preventDefault();
    extraWords = {};
    fillForm(form, {});
    Object.assign(state, { inview: false, window: null, depths: null, classes: null });
    byId("in-view").checked = false;
    applyForm();
    remember();
    filter();
  };
  byId("reset").addEventListener("click", showAll);
  byId("empty").querySelector("a")?.addEventListener("click", showAll);
  byId("map-retry").addEventListener("click", () => {
    load();
    mapElement.focus();
  });
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
    list.addEventListener(kind, (event) => layer.mark("hovered", indexOf(event.target)));
  }
  for (const kind of ["mouseleave", "focusout"]) {
    list.addEventListener(kind, () => layer.mark("hovered", -1));
  }
  list.addEventListener("click", (event) => {
    if (!event.target.closest(".quake__locate")) return;
    const index = indexOf(event.target);
    if (index < 0) return;
    map.setView([store.latOf(index), store.lonOf(index)], Math.max(map.getZoom(), 7));
    choose([index]);
    if (narrow.matches) mapElement.scrollIntoView({ block: "start" });
  });
  map.on("moveend", () => {
    if (quiet) return;
    state.map = state.map || { zoom: 0, latitude: 0, longitude: 0 };
    remember();
    if (state.inview) renderList();
    atlas.tell("view");
  });
  map.on("movestart zoomstart", () => {
    byId("map-card").hidden = true;
  });
  addEventListener("popstate", () => {
    const before = wordsQuery(state.words);
    Object.assign(state, read(location.search, config.searchWords));
    extraWords = fillForm(form, state.words);
    byId("in-view").checked = state.inview;
    byId("sort").value = state.sort;
    box.restore(state.layers);
    quiet = true;
    popup.remove();
    quiet = false;
    timeline.stop();
    placeMap();
    mendLinks();
    chosenRevision = -1;
    atlas.tell("words", { words: state.words });
    if (wordsQuery(state.words) === before) settle();
    else load();
  });
  new ResizeObserver(() => {
    quiet = true;
    map.invalidateSize({ animate: false });
    quiet = false;
  }).observe(mapElement);
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
