// Stations on a small map: triangles, arrays as squares. The page's table or list holds the same.

import { addBasemap } from "../map/basemap.js";
import { L, createMap } from "../map/leaflet.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("map-config");
const words = read("map-words");
const points = read("station-points");

const SVG = "http://www.w3.org/2000/svg";
const TRIANGLE = "M10 3 18 17H2Z";
const SQUARE = "M3 3H17V17H3Z";
const AGENCIES = ["KNDC", "SOME"];
const COUNTRY = [[41.5, 51], [53.5, 84]];

for (const element of document.querySelectorAll(".js-only")) element.hidden = false;
const box = document.getElementById("station-map");
const map = createMap(box, config, words, { scrollWheelZoom: false });
if (points.length !== 1) {
  const all = L.latLngBounds(COUNTRY);
  for (const point of points) all.extend([point.lat, point.lon]);
  map.fitBounds(all.pad(0.03), { animate: false });
} else {
  map.setView([points[0].lat, points[0].lon], 7, { animate: false });
}

for (const point of points) {
  const mark = L.marker([point.lat, point.lon], {
    icon: L.divIcon({
      className: classOf(point),
      html: sign(point.kind === "array" ? SQUARE : TRIANGLE),
      iconSize: point.kind === "array element" ? [12, 12] : [20, 20],
    }),
    // The table is the way by keyboard; fifty stops on a map are none.
    keyboard: false,
    title: "",
  });
  mark.bindTooltip(tip(point), { direction: "top", className: "station-tip" });
  if (points.length > 1) mark.on("click", () => location.assign(point.url));
  mark.addTo(map);
}

function classOf(point) {
  const agency = AGENCIES.includes(point.agency) ? ` station-mark--${point.agency.toLowerCase()}` : "";
  return `station-mark${agency}${point.synthetic ? " station-mark--synthetic" : ""}`;
}

function sign(d) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", "station-sign");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}

function tip(point) {
  const node = document.createElement("span");
  const name = document.createElement("b");
  name.textContent = point.code;
  const rest = [point.name, point.owner, point.kindWords, point.synthetic ? words.syntheticStation : ""];
  node.append(name, ` ${rest.filter(Boolean).join(" · ")}`);
  return node;
}

await addBasemap(map, config);
box.dataset.loaded = String(points.length);
