// The map's address: search words as they are everywhere, and what the map alone knows.
//   map=<zoom>/<latitude>/<longitude>   inview=1   sort=<order>   selected=<event id>
//   window=<time>/<time>   depths=<classes shown>   classes=<sizes shown>   layers=<key>,-<key>
// Further keys belong to the map's tools and stand in `extra`.

import { machine } from "./times.js";

const OWN = ["map", "inview", "sort", "selected", "window", "depths", "classes", "layers"];
const SORTS = ["time", "time-asc", "size", "depth"];
const DEPTHS = ["0", "1", "2", "3", "4", "none"];
/** Sizes of the legend: the upper class of each pair of energy classes. */
export const SIZES = ["7", "9", "11", "13", "15", "none"];

/**
 * Read an address's query.
 * @param {string} query
 * @param {?Iterable<string>} known search words of the server; other keys are `extra`. Without it
 *   every key that is not the map's own is a search word.
 * @returns {{words: Object<string, string>, map: ?Object, inview: boolean, sort: string,
 *   selected: string, window: ?number[], depths: ?string[], classes: ?string[], layers: string[],
 *   extra: Object<string, string>}}
 */
export function read(query, known = null) {
  const parameters = new URLSearchParams(query);
  const searched = known && new Set(known);
  const words = {};
  const extra = {};
  for (const [name, value] of parameters) {
    if (OWN.includes(name) || value.trim() === "") continue;
    const place = !searched || searched.has(name.toLowerCase()) ? words : extra;
    place[name] = value.trim();
  }
  const sort = parameters.get("sort");
  return {
    words,
    map: position(parameters.get("map")),
    inview: parameters.get("inview") === "1",
    sort: SORTS.includes(sort) ? sort : "time",
    selected: parameters.get("selected") || "",
    window: readWindow(parameters.get("window")),
    depths: some(parameters.get("depths"), DEPTHS),
    classes: some(parameters.get("classes"), SIZES),
    layers: (parameters.get("layers") || "").split(",").filter((key) => /^-?[a-z][a-z-]*$/.test(key)),
    extra,
  };
}

/** Those of the words of a comma list that are known; null where that is none or all. */
function some(text, all) {
  const given = (text || "").split(",");
  const found = all.filter((word) => given.includes(word));
  return found.length && found.length < all.length ? found : null;
}

const MOMENT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?$/;

function readWindow(text) {
  const parts = (text || "").split("/");
  if (parts.length !== 2 || !parts.every((part) => MOMENT.test(part))) return null;
  const [from, until] = parts.map((part) => Date.parse(part.length > 10 ? `${part}Z` : part));
  return from < until ? [from, until] : null;
}

function moment(ms) {
  return machine(ms).replace("Z", "").replace(/:00$/, "").replace("T00:00", "");
}

function position(text) {
  const match = /^(\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)$/.exec(text || "");
  if (!match) return null;
  const [zoom, latitude, longitude] = match.slice(1).map(Number);
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180
    ? { zoom, latitude, longitude }
    : null;
}

/** Write the query of a state, "" or "?...", words in a fixed order. */
export function write({
  words, map = null, inview = false, sort = "time", selected = "", window = null, depths = null,
  classes = null, layers = [], extra = {},
}) {
  const sorted = (pairs) => Object.entries(pairs)
    .filter(([, value]) => value !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const parameters = new URLSearchParams([...sorted(words), ...sorted(extra)]);
  if (map) {
    const zoom = Number(map.zoom.toFixed(1));
    parameters.set("map", `${zoom}/${map.latitude.toFixed(3)}/${map.longitude.toFixed(3)}`);
  }
  if (inview) parameters.set("inview", "1");
  if (sort !== "time") parameters.set("sort", sort);
  if (selected) parameters.set("selected", selected);
  if (window) parameters.set("window", window.map(moment).join("/"));
  if (depths) parameters.set("depths", depths.join(","));
  if (classes) parameters.set("classes", classes.join(","));
  if (layers.length) parameters.set("layers", layers.join(","));
  const text = parameters.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text ? `?${text}` : "";
}

/** The search words alone, as a query for the services. */
export function wordsQuery(words, extra = {}) {
  return write({ words: { ...words, ...extra } });
}

/** The words a form holds: filled fields only. */
export function formWords(form) {
  const words = {};
  for (const [name, value] of new FormData(form)) {
    if (String(value).trim() !== "") words[name] = String(value).trim().replace(/^(-?\d+),(\d+)$/, "$1.$2");
  }
  return words;
}

/** Show words in a form's fields; what it has no field for is returned. */
export function fillForm(form, words) {
  const left = { ...words };
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") field.checked = words[field.name] === field.value;
    else field.value = words[field.name] || "";
    if (field.type === "select-one" && words[field.name] && field.value !== words[field.name]) {
      field.add(new Option(words[field.name], words[field.name], true, true));
    }
    delete left[field.name];
  }
  return left;
}
