// The map of the desk's location page: stations, the rays to them, epicentres with their ellipses.

import { addBasemap } from "../map/basemap.js";
import { ellipse } from "../map/ellipse.js";
import { L, createMap, onSchemeChange, token } from "../map/leaflet.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("map-config");
const words = read("map-words");
const { stations, solutions, reported } = read("locating-data");

const box = document.getElementById("locating-map");
const synthetic = box.dataset.synthetic ? ` (${box.dataset.synthetic})` : "";
// Stations of a great earthquake stand all around the world.
const map = createMap(box, { ...config, minZoom: 1 }, words, { scrollWheelZoom: false, maxBounds: null });
const points = [...stations, ...solutions].map(({ lat, lon }) => [lat, lon]);
map.fitBounds(L.latLngBounds(points).pad(0.08), { maxZoom: 10, animate: false });

const marks = L.layerGroup();
const over = { pane: "markerPane" };

function triangle({ lat, lon, used }) {
  const color = used ? token("ink") : token("ink-3");
  const svg = `<svg viewBox="0 0 14 13" width="14" height="13"><path d="M7 1 13 12H1Z" fill="${used ? color : token("surface")}" stroke="${color}"/></svg>`;
  return L.marker([lat, lon], { icon: L.divIcon({ html: svg, className: "", iconSize: [14, 13] }), keyboard: false });
}

function tip(text) {
  const node = document.createElement("span");
  node.textContent = text + synthetic;
  return node;
}

function draw() {
  marks.clearLayers();
  for (const station of stations) {
    if (station.used && station.ray) {
      L.polyline(station.ray, { color: token("ink-3"), weight: 1, opacity: 0.6, interactive: false }).addTo(marks);
    }
  }
  for (const station of stations) {
    const text = station.used ? station.code : `${station.code}: ${words.notUsed}`;
    triangle(station).bindTooltip(tip(text), { direction: "top", className: "map-tip" }).addTo(marks);
  }
  for (const { lat, lon, title } of reported) {
    const html = `<svg viewBox="0 0 12 12" width="12" height="12"><path d="M1 1 11 11M11 1 1 11" stroke="${token("ink")}" stroke-width="2"/></svg>`;
    L.marker([lat, lon], { icon: L.divIcon({ html, className: "", iconSize: [12, 12] }), keyboard: false })
      .bindTooltip(tip(title), { direction: "bottom", className: "map-tip" })
      .addTo(marks);
  }
  for (const solution of solutions) {
    const color = solution.last ? token("danger") : token("ink-2");
    L.polygon(ellipse(solution), { ...over, color, weight: 2, fillOpacity: solution.last ? 0.12 : 0, interactive: false }).addTo(marks);
    L.circleMarker([solution.lat, solution.lon], {
      ...over, radius: solution.last ? 7 : 5, weight: 2, color, fillColor: solution.last ? color : token("surface"), fillOpacity: 1,
    })
      .bindTooltip(tip(solution.title), { direction: "top", className: "map-tip" })
      .addTo(marks);
  }
}

await addBasemap(map, config);
draw();
marks.addTo(map);
onSchemeChange(draw);
box.dataset.loaded = String(stations.length);
