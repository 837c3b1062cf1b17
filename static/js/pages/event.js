// The event page's small map: every agency's epicentre and ellipse, and the places that felt it.
// The contents beside the page tell where one reads; on paper the map fits its narrower frame.

import { addBasemap } from "../map/basemap.js";
import { ellipse } from "../map/ellipse.js";
import { followBoxes } from "../map/felt_layers.js";
import { L, createMap, onSchemeChange, token } from "../map/leaflet.js";
import { depthStyle } from "../map/symbols.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("map-config");
const words = read("map-words");
const { solutions, places, felt } = read("event-data");

const box = document.getElementById("event-map");
const boxes = document.getElementById("felt-layers");
// Before the map is made: it takes room from it.
if (boxes) boxes.hidden = false;
const map = createMap(box, config, words, { scrollWheelZoom: false });
// The uncertainty of the place is the subject; towns far away are found by zooming out.
const NEAR_M = 80_000;
const preferred = [solutions[0].lat, solutions[0].lon];
const points = [
  ...solutions.flatMap((s) => (s.major ? ellipse(s) : [[s.lat, s.lon]])),
  ...places.map((p) => [p.lat, p.lon]).filter((point) => L.latLng(point).distanceTo(preferred) < NEAR_M),
];
const fit = () => map.fitBounds(L.latLngBounds(points).pad(0.25), { maxZoom: 9, animate: false });
fit();

const marks = L.layerGroup();
const over = { pane: "markerPane" };
function draw() {
  marks.clearLayers();
  for (const solution of [...solutions].reverse()) {
    const color = solution.preferred ? token("accent") : token("ink-2");
    if (solution.major) {
      L.polygon(ellipse(solution), {
        ...over, color, weight: solution.preferred ? 2 : 1.2, fillOpacity: solution.preferred ? 0.12 : 0, interactive: false,
      }).addTo(marks);
    }
    L.circleMarker([solution.lat, solution.lon], {
      ...over,
      radius: solution.preferred ? 8 : 5,
      weight: solution.preferred ? 1 : 2,
      color: solution.preferred ? token("symbol-line") : color,
      fillColor: solution.preferred ? token(depthStyle(solution.depth, config.depthBounds)) : token("surface"),
      fillOpacity: solution.preferred ? 0.95 : 0.7,
    })
      .bindTooltip(tip(solution.agency, solution.preferred ? words.preferred : ""), { direction: "top", className: "map-tip" })
      .addTo(marks);
  }
}

function tip(name, more) {
  const node = document.createElement("span");
  node.textContent = more && more !== "—" ? `${name}: ${more}` : name;
  // Whoever takes a picture of the map takes this with it.
  if (box.dataset.synthetic) node.textContent += ` (${box.dataset.synthetic})`;
  return node;
}

/** Mark in the contents the section that lies at the top of what is seen. */
function followReading() {
  const links = new Map(
    [...document.querySelectorAll(".event__contents a[href^='#']")].map((a) => [a.hash.slice(1), a]),
  );
  const seen = new Set();
  const mark = () => {
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id === first) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const id = entry.target.getAttribute("aria-labelledby");
      if (entry.isIntersecting) seen.add(id);
      else seen.delete(id);
    }
    mark();
  }, { rootMargin: "-10% 0px -60% 0px" });
  for (const section of document.querySelectorAll(".event__body > section")) watcher.observe(section);
}
followReading();

globalThis.matchMedia("print").addEventListener("change", () => {
  map.invalidateSize({ animate: false });
  fit();
});

const drawFelt = boxes ? followBoxes(map, boxes, felt) : () => {};

await addBasemap(map, config);
draw();
marks.addTo(map);
drawFelt();
onSchemeChange(() => {
  draw();
  drawFelt();
});
document.getElementById("event-map").dataset.loaded = String(solutions.length);
