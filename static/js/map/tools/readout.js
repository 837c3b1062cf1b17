// Where the pointer is, or the map's middle while the keyboard is used.

import { L } from "../leaflet.js";
import { coordinates } from "../../texts.js";
import { wrap } from "./areas.js";
import { make } from "./dom.js";

export function addReadout(atlas, words) {
  const { map, config } = atlas;
  const output = make("output", { class: "map-readout", "aria-label": words.coordinates });
  const control = L.control({ position: "bottomright" });
  control.onAdd = () => {
    L.DomEvent.disableClickPropagation(output);
    return output;
  };
  control.addTo(map);
  const places = () => (map.getZoom() >= 9 ? 3 : 2);
  // Told to a screen reader while the keyboard moves the map, and only when the map has come to rest.
  let byKey = false;
  const listen = (isByKey) => {
    byKey = isByKey;
    output.setAttribute("aria-live", byKey ? "polite" : "off");
  };
  listen(false);
  const show = (point, lead = "") => {
    const text = coordinates(point.lat, wrap(point.lng), atlas.words, config.decimal, places());
    output.textContent = lead ? `${lead} ${text}` : text;
  };
  const centre = () => show(map.getCenter(), words.centre);
  map.getContainer().addEventListener("pointermove", (event) => {
    if (event.target.closest?.(".leaflet-control")) return;
    if (byKey) listen(false);
    show(map.mouseEventToLatLng(event));
  });
  map.getContainer().addEventListener("keydown", (event) => {
    if (event.target !== map.getContainer()) return;
    listen(true);
    centre();
  });
  map.on("moveend", () => byKey && centre());
  map.whenReady(() => show(map.getCenter(), words.centre));
}
