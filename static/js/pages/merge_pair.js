// One pair of the merge desk: keys, and the map of both epicentres with their ellipses.

import { listen } from "../keys.js";
import { addBasemap } from "../map/basemap.js";
import { ellipse } from "../map/ellipse.js";
import { L, createMap, onSchemeChange, token } from "../map/leaflet.js";

const help = document.getElementById("merge-keys");
listen(document, {
  "?": () => {
    help.open = !help.open;
    if (help.open) help.querySelector("summary").focus();
  },
});

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("map-config");
const { solutions, others } = read("merge-data");
const box = document.getElementById("merge-map");
const synthetic = box.dataset.synthetic ? ` (${box.dataset.synthetic})` : "";

if (solutions.length) {
  const map = createMap(box, { ...config, minZoom: 1 }, read("map-words"), { scrollWheelZoom: false, maxBounds: null });
  const outlines = solutions.flatMap((s) => (s.major ? ellipse(s) : [[s.lat, s.lon]]));
  map.fitBounds(L.latLngBounds([...outlines, ...others.map((o) => [o.lat, o.lon])]).pad(0.2), { maxZoom: 10, animate: false });
  const marks = L.layerGroup();
  await addBasemap(map, config);
  draw(marks);
  marks.addTo(map);
  onSchemeChange(() => draw(marks));
  box.dataset.loaded = String(solutions.length);
}

function draw(marks) {
  const looks = {
    first: { color: token("accent"), fillOpacity: 0.14 },
    second: { color: token("gold"), fillOpacity: 0.14 },
    joint: { color: token("danger"), fillOpacity: 0, dashArray: "6 4" },
  };
  const over = { pane: "markerPane" };
  marks.clearLayers();
  for (const { lat, lon, title } of others) {
    const html = `<svg viewBox="0 0 12 12" width="12" height="12"><path d="M1 1 11 11M11 1 1 11" stroke="${token("ink")}" stroke-width="2"/></svg>`;
    L.marker([lat, lon], { icon: L.divIcon({ html, className: "", iconSize: [12, 12] }), keyboard: false })
      .bindTooltip(tip(title), { direction: "bottom", className: "map-tip" })
      .addTo(marks);
  }
  for (const solution of solutions) {
    const look = looks[solution.kind];
    if (solution.major) {
      L.polygon(ellipse(solution), { ...over, ...look, weight: 2, interactive: false }).addTo(marks);
    }
    L.circleMarker([solution.lat, solution.lon], {
      ...over, radius: 6, weight: 2, color: look.color,
      fillColor: solution.kind === "first" ? look.color : token("surface"), fillOpacity: 1,
    })
      .bindTooltip(tip(solution.title), { permanent: true, direction: { first: "left", second: "top", joint: "right" }[solution.kind], offset: { first: [-8, 0], second: [0, -8], joint: [8, 0] }[solution.kind], className: "map-tip" })
      .addTo(marks);
  }
}

function tip(text) {
  const node = document.createElement("span");
  node.textContent = text + synthetic;
  return node;
}
