// The offline basemap: water, land, relief, lakes, rivers, borders and place names, all our own.

import { fetchJson } from "../api.js";
import { CanvasLayer, L, onSchemeChange, token } from "./leaflet.js";
import { unpacked } from "./packed.js";

const ATTRIBUTION = [
  '<a href="https://www.naturalearthdata.com/" rel="noreferrer">Natural Earth</a>',
  '<a href="https://www.shadedrelief.com/" rel="noreferrer">Shaded Relief</a>',
  '<a href="https://www.geonames.org/" rel="noreferrer">GeoNames</a> CC BY 4.0',
].join(" · ");

/** Add the basemap to a map; resolves with `{relief, places, oblasts}`, layers that can be hidden. */
export async function addBasemap(map, config) {
  map.attributionControl.addAttribution(ATTRIBUTION);
  const [world, packed, settlements] = await Promise.all(
    [config.worldUrl, config.basemapUrl, config.settlementsUrl].map(
      async (url) => (await fetchJson(url)).data,
    ),
  );
  const base = unpacked(packed);
  const area = L.canvas({ pane: "base", padding: 0.3 });
  const line = L.canvas({ pane: "lines", padding: 0.3 });
  const [west, south, east, north] = base.bbox;
  const styled = [];
  const add = (geometry, renderer, pane, style) => {
    const layer = L.geoJSON(geometry, { renderer, pane, interactive: false, style: style() });
    styled.push([layer, style]);
    return layer.addTo(map);
  };
  const fill = (name) => () => ({ stroke: false, fillColor: token(name), fillOpacity: 1 });
  const stroke = (name, weight, dashArray = null) => () => ({
    fill: false, color: token(name), weight, opacity: 1, dashArray, lineJoin: "round",
  });
  add(globalThis.topojson.feature(world, world.objects.land), area, "base", fill("map-far"));
  add(box(west, south, east, north), area, "base", fill("map-water"));
  add(base.land, area, "base", fill("map-land"));
  if (config.onlineTiles) {
    L.tileLayer(config.onlineTiles, { pane: "base", zIndex: 2 }).addTo(map);
  }
  const relief = L.imageOverlay(config.reliefUrl, config.reliefBounds, { pane: "relief", alt: "" });
  relief.addTo(map);
  add(base.rivers, line, "lines", stroke("map-river", 1));
  add(base.lakes, line, "lines", fill("map-water"));
  add(base.coast, line, "lines", stroke("map-coast", 0.8));
  const oblasts = add(base.oblasts, line, "lines", stroke("map-oblast", 0.8, "3 3"));
  add(base.borders, line, "lines", stroke("map-border", 1));
  add(base.country, line, "lines", stroke("map-country", 2));
  const places = new CanvasLayer(placePainter(settlements, config.language), { pane: "labels" });
  places.addTo(map);
  onSchemeChange(() => {
    for (const [layer, style] of styled) layer.setStyle(style());
    places.redraw();
  });
  return { relief, places, oblasts };
}

function box(west, south, east, north) {
  return {
    type: "Polygon",
    coordinates: [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
  };
}

/** Write names where they find room, larger places first. */
function placePainter(settlements, language) {
  const column = Object.fromEntries(settlements.columns.map((name, index) => [name, index]));
  const crs = L.CRS.EPSG3857;
  const places = settlements.rows.map((row) => ({
    world: crs.latLngToPoint(L.latLng(row[column.lat], row[column.lon]), 0),
    zoom: row[column.zoom],
    capital: row[column.capital] === 1,
    name: row[column[language]] || row[column.en],
  }));
  return (context, frame) => {
    const taken = [];
    const ink = token("map-label");
    const halo = token("map-halo");
    const family = token("font");
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const place of places) {
      if (place.zoom > frame.zoom + 0.25) continue;
      const [x, y] = frame.place(place.world.x, place.world.y);
      if (x < -80 || y < -20 || x > frame.width + 20 || y > frame.height + 20) continue;
      const size = place.zoom <= 4 ? 12.5 : place.zoom === 5 ? 11.5 : 11;
      context.font = `${place.capital || place.zoom <= 4 ? 600 : 400} ${size}px ${family}`;
      const width = context.measureText(place.name).width;
      const spot = [[x + 6, y], [x - 6 - width, y], [x - width / 2, y - 11], [x - width / 2, y + 12]]
        .map(([left, middle]) => [left - 2, middle - 8, left + width + 2, middle + 8])
        .find((area) => taken.every((other) => apart(area, other)));
      if (!spot) continue;
      taken.push(spot, [x - 4, y - 4, x + 4, y + 4]);
      context.strokeStyle = halo;
      context.lineWidth = 3;
      context.globalAlpha = 0.85;
      context.strokeText(place.name, spot[0] + 2, spot[1] + 8);
      context.globalAlpha = 1;
      context.fillStyle = ink;
      context.fillText(place.name, spot[0] + 2, spot[1] + 8);
      context.beginPath();
      const r = place.capital ? 3 : 2;
      context.rect(x - r, y - r, 2 * r, 2 * r);
      context.fill();
      context.lineWidth = 1;
      context.strokeStyle = halo;
      context.stroke();
    }
  };
}

function apart(a, b) {
  return a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
}

/** A small box of check marks for the layers that may be hidden. */
export function layerBox(map, layers, words) {
  const control = L.control({ position: "topright" });
  control.onAdd = () => {
    const details = L.DomUtil.create("details", "layer-box");
    const summary = document.createElement("summary");
    summary.textContent = words.layers;
    const list = document.createElement("div");
    details.append(summary, list);
    for (const [name, layer] of Object.entries(layers)) {
      const label = document.createElement("label");
      label.className = "check";
      const input = document.createElement("input");
      input.type = "checkbox";
      input.checked = map.hasLayer(layer);
      input.addEventListener("change", () => {
        if (input.checked) map.addLayer(layer);
        else map.removeLayer(layer);
      });
      label.append(input, ` ${words[name]}`);
      list.append(label);
    }
    L.DomEvent.disableClickPropagation(details);
    L.DomEvent.disableScrollPropagation(details);
    return details;
  };
  return control.addTo(map);
}
