// The map's address: search words as they are everywhere, and what the map alone knows.
//   map=<zoom>/<latitude>/<longitude>   inview=1   sort=<order>   selected=<event id>

const OWN = ["map", "inview", "sort", "selected"];
const SORTS = ["time", "time-asc", "size", "depth"];

/** Read an address's query: `{words, map, inview, sort, selected}`. */
export function read(query) {
  const parameters = new URLSearchParams(query);
  const words = {};
  for (const [name, value] of parameters) {
    if (!OWN.includes(name) && value.trim() !== "") words[name] = value.trim();
  }
  const sort = parameters.get("sort");
  return {
    words,
    map: position(parameters.get("map")),
    inview: parameters.get("inview") === "1",
    sort: SORTS.includes(sort) ? sort : "time",
    selected: parameters.get("selected") || "",
  };
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
export function write({ words, map = null, inview = false, sort = "time", selected = "" }) {
  const parameters = new URLSearchParams(
    Object.entries(words)
      .filter(([, value]) => value !== "")
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  if (map) {
    const zoom = Number(map.zoom.toFixed(1));
    parameters.set("map", `${zoom}/${map.latitude.toFixed(3)}/${map.longitude.toFixed(3)}`);
  }
  if (inview) parameters.set("inview", "1");
  if (sort !== "time") parameters.set("sort", sort);
  if (selected) parameters.set("selected", selected);
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
