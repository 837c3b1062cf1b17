// The map of the form, fetched only when somebody asks for it: a press takes the place.

/** Load a plain script once; rejects when it does not come. */
function script(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = address;
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => reject(new Error(address)));
    document.head.append(element);
  });
}

function style(address) {
  const element = document.createElement("link");
  element.rel = "stylesheet";
  element.href = address;
  document.head.append(element);
}

/** Make the map; `taken(latlng, zoom, marker)` is called for each press. */
export async function openMap(box, config, words, taken) {
  for (const address of config.mapStyles) style(address);
  // The first takes the global that the modules read.
  for (const address of config.mapScripts) await script(address);
  const [{ L, createMap }, { addBasemap }] = await Promise.all([
    import("../map/leaflet.js"), import("../map/basemap.js"),
  ]);
  const map = createMap(box, config.map, words, { scrollWheelZoom: false });
  map.setView(config.map.center, config.map.zoom, { animate: false });
  const pin = document.createElement("span");
  const marker = L.marker(map.getCenter(), {
    interactive: false, keyboard: false,
    icon: L.divIcon({ className: "place-pin", html: pin, iconSize: [18, 26], iconAnchor: [9, 25] }),
  });
  const take = (spot) => {
    marker.setLatLng(spot).addTo(map);
    taken(spot.wrap(), map.getZoom(), marker);
  };
  map.on("click", (event) => take(event.latlng));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // Enter in a form sends it
    take(map.getCenter());
  });
  await addBasemap(map, config.map);
  box.dataset.loaded = "1";
  return map;
}
