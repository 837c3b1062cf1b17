// A settlement's place on a small map: a click moves it, the two fields say where it is.

import { addBasemap } from "../map/basemap.js";
import { L, createMap } from "../map/leaflet.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("map-config");
const words = read("map-words");
const COUNTRY = [[41.5, 51], [53.5, 84]];
const DIGITS = 5;

const box = document.getElementById("settlement-map");
const fields = ["latitude", "longitude"].map((name) => document.querySelector(`input[name="${name}"]`));

for (const element of document.querySelectorAll(".js-only")) element.hidden = false;
const map = createMap(box, config, words, { scrollWheelZoom: false });
const mark = L.circleMarker([0, 0], { radius: 8, className: "settlement-mark" });

const typed = () => {
  const [lat, lon] = fields.map((field) => Number.parseFloat(field.value));
  const known = Number.isFinite(lat) && Number.isFinite(lon) && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
  return known ? [lat, lon] : null;
};

const show = () => {
  const at = typed();
  if (at) mark.setLatLng(at).addTo(map);
  else mark.remove();
  return at;
};

const at = show();
if (at) map.setView(at, 9, { animate: false });
else map.fitBounds(COUNTRY, { animate: false });

map.on("click", ({ latlng }) => {
  const { lat, lng } = latlng.wrap();
  fields[0].value = lat.toFixed(DIGITS);
  fields[1].value = lng.toFixed(DIGITS);
  show();
});
for (const field of fields) field.addEventListener("input", show);
addBasemap(map, config);
