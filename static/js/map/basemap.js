// The offline basemap: water, land, relief, lakes, rivers, borders and place names, all our own.
//
// It is painted, not made of Leaflet's layers: one canvas, paths kept in world pixels of zoom 0, and
// the same functions paint the pictures readers take away (see picture.js).

import { fetchJson } from "../api.js";
import { CanvasLayer, L, onSchemeChange, token } from "./leaflet.js";
import { unpacked } from "./packed.js";

const ATTRIBUTION = [
  '<a href="https://www.naturalearthdata.com/" rel="noreferrer">Natural Earth</a>',
  '<a href="https://www.shadedrelief.com/" rel="noreferrer">Shaded Relief</a>',
  '<a href="https://www.geonames.org/" rel="noreferrer">GeoNames</a> CC BY 4.0',
].join(" · ");

const painters = new WeakMap();

/** `{ground, lines, labels}`, painters `(context, frame)` of a map's basemap; null before it has come. */
export function basemapOf(map) {
  return painters.get(map) ?? null;
}

/** Add the basemap to a map; resolves with `{relief, places, oblasts, borders}`, layers that can be hidden. */
export async function addBasemap(map, config) {
  map.attributionControl.addAttribution(ATTRIBUTION);
  const [world, packed, names] = await Promise.all(
    [config.worldUrl, config.basemapUrl, config.namesUrl].map(
      async (url) => (await fetchJson(url)).data,
    ),
  );
  const base = unpacked(packed);
  const shown = { relief: true, oblasts: true, borders: true };
  const relief = reliefImage(config.reliefUrl, config.reliefBounds);
  const shapes = {
    far: pathsOf(globalThis.topojson.feature(world, world.objects.land)),
    ...Object.fromEntries(
      ["land", "rivers", "lakes", "coast", "oblasts", "borders", "country"].map((name) => [name, pathsOf(base[name])]),
    ),
  };
  const box = base.bbox;
  const ground = (context, frame) => paintGround(context, frame, shapes, box, shown.relief ? relief : null);
  const lines = (context, frame) => paintLines(context, frame, shapes, shown);
  const labels = namePainter(names, config.language);
  painters.set(map, { ground, lines, labels });

  // With tiles of an operator's own the lines lie above them; else one canvas holds all.
  const layers = config.onlineTiles
    ? [new CanvasLayer(ground, { pane: "base", padding: 0.3 }), new CanvasLayer(lines, { pane: "lines", padding: 0.3 })]
    : [new CanvasLayer((context, frame) => {
      ground(context, frame);
      lines(context, frame);
    }, { pane: "base", padding: 0.3 })];
  for (const layer of layers) layer.addTo(map);
  if (config.onlineTiles) L.tileLayer(config.onlineTiles, { pane: "base", zIndex: 2 }).addTo(map);
  const places = new CanvasLayer(labels, { pane: "labels" });
  places.addTo(map);
  const redraw = () => layers.forEach((layer) => layer.redraw());
  relief.image.addEventListener("load", redraw);
  onSchemeChange(() => {
    redraw();
    labels.forget(); // the page's letters may have come
    places.redraw();
  });
  const part = (name) => new Part(shown, name, redraw).addTo(map);
  return { relief: part("relief"), places, oblasts: part("oblasts"), borders: part("borders") };
}

/** A part of the painting that is switched as if it were a layer. */
const Part = L && L.Layer.extend({
  initialize(shown, name, redraw) {
    Object.assign(this, { _shown: shown, _name: name, _redraw: redraw });
  },
  onAdd() {
    this._set(true);
  },
  onRemove() {
    this._set(false);
  },
  _set(isShown) {
    if (this._shown[this._name] === isShown) return;
    this._shown[this._name] = isShown;
    this._redraw();
  },
});

/** World pixels of zoom 0 [0..256] of a longitude and latitude. */
function project([longitude, latitude]) {
  const sine = Math.sin((Math.min(Math.max(latitude, -85.05), 85.05) * Math.PI) / 180);
  return [((longitude + 180) / 360) * 256, (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * 256];
}

/** Paths of a geometry, feature or collection, each with its box: `[{path, box}]`. */
function pathsOf(data) {
  if (data.type === "FeatureCollection") return data.features.flatMap(pathsOf);
  if (data.type === "Feature") return pathsOf(data.geometry);
  const { type, coordinates } = data;
  if (type === "GeometryCollection") return data.geometries.flatMap(pathsOf);
  // A polygon's rings are one path, so that its holes stay holes.
  const groups = { LineString: [[coordinates]], MultiLineString: coordinates?.map((line) => [line]),
    Polygon: [coordinates], MultiPolygon: coordinates }[type] ?? [];
  return groups.map((rings) => {
    const path = new Path2D();
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const ring of rings) {
      ring.forEach((position, index) => {
        const [x, y] = project(position);
        if (index) path.lineTo(x, y);
        else path.moveTo(x, y);
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x);
        box[3] = Math.max(box[3], y);
      });
      if (type.endsWith("Polygon")) path.closePath();
    }
    return { path, box };
  });
}

function reliefImage(url, [[south, west], [north, east]]) {
  const image = new Image();
  image.src = url;
  const [left, top] = project([west, north]);
  const [right, bottom] = project([east, south]);
  return { image, box: [left, top, right, bottom] };
}

/** Paint with world pixels as the unit; `draw(seen, scale)` where `seen(box)` tells what is in view. */
function inWorld(context, frame, draw) {
  const [left, top] = frame.place(0, 0);
  const scale = 2 ** frame.zoom;
  const view = [-left / scale, -top / scale, (frame.width - left) / scale, (frame.height - top) / scale];
  const seen = (box) => box[0] <= view[2] && box[2] >= view[0] && box[1] <= view[3] && box[3] >= view[1];
  context.save();
  context.translate(left, top);
  context.scale(scale, scale);
  context.lineJoin = "round";
  draw(seen, scale);
  context.restore();
}

function paintGround(context, frame, shapes, [west, south, east, north], relief) {
  context.fillStyle = token("map-water");
  context.fillRect(0, 0, frame.width, frame.height);
  inWorld(context, frame, (seen, scale) => {
    const fill = (list, colour) => {
      context.fillStyle = token(colour);
      for (const { path, box } of list) if (seen(box)) context.fill(path, "evenodd");
    };
    fill(shapes.far, "map-far");
    const [left, top] = project([west, north]);
    const [right, bottom] = project([east, south]);
    context.fillStyle = token("map-water");
    context.fillRect(left, top, right - left, bottom - top);
    fill(shapes.land, "map-land");
    // Its own colour along the edge hides the seam to the land beyond the box.
    context.strokeStyle = token("map-land");
    context.lineWidth = 1 / scale;
    for (const { path, box } of shapes.land) if (seen(box)) context.stroke(path);
    if (!relief?.image.complete || !relief.image.naturalWidth) return;
    const [x, y, toX, toY] = relief.box;
    context.globalCompositeOperation = token("map-relief-blend");
    context.globalAlpha = Number(token("map-relief-opacity"));
    context.drawImage(relief.image, x, y, toX - x, toY - y);
    context.globalCompositeOperation = "source-over";
    context.globalAlpha = 1;
  });
}

function paintLines(context, frame, shapes, shown) {
  inWorld(context, frame, (seen, scale) => {
    const stroke = (list, colour, width, dash = []) => {
      context.strokeStyle = token(colour);
      context.lineWidth = width / scale;
      context.setLineDash(dash.map((length) => length / scale));
      for (const { path, box } of list) if (seen(box)) context.stroke(path);
      context.setLineDash([]);
    };
    stroke(shapes.rivers, "map-river", frame.zoom < 6 ? 0.9 : 1.3);
    context.fillStyle = token("map-water");
    for (const { path, box } of shapes.lakes) if (seen(box)) context.fill(path, "evenodd");
    stroke(shapes.lakes, "map-coast", 0.6);
    stroke(shapes.coast, "map-coast", 0.8);
    if (shown.oblasts) stroke(shapes.oblasts, "map-oblast", 0.8, [3, 3]);
    if (!shown.borders) return;
    stroke(shapes.borders, "map-border", 1);
    stroke(shapes.country, "map-country", 2);
  });
}

// --- Names -----------------------------------------------------------------------------------------

/** How names of a kind are written: font, token of the colour, letters apart [px], capital letters. */
const DRESS = {
  country: { size: 13, weight: 600, colour: "map-area-label", spacing: 3, upper: true },
  oblast: { size: 10.5, weight: 500, colour: "map-area-label", spacing: 1, upper: false },
  water: { size: 11.5, weight: 400, colour: "map-water-label", spacing: 0.5, style: "italic" },
  river: { size: 10.5, weight: 400, colour: "map-water-label", spacing: 0.5, style: "italic" },
  range: { size: 10.5, weight: 500, colour: "map-range-label", spacing: 2, style: "italic" },
};

/** Write names where they find room: cities of the country first, then waters, then all else. */
function namePainter(table, language) {
  const placed = (rows, columns) => {
    const column = Object.fromEntries(columns.map((name, index) => [name, index]));
    return rows.map((row) => {
      const [x, y] = project([row[column.lon], row[column.lat]]);
      return { row, column, x, y, name: row[column[language]] };
    });
  };
  const cities = placed(table.rows, table.columns).map(({ row, column, ...rest }) => ({
    ...rest, kind: "city", from: row[column.zoom] - 0.25, to: 99, capital: row[column.capital] === 1, zoom: row[column.zoom],
  }));
  const others = placed(table.names.rows, table.names.columns).map(({ row, column, ...rest }) => ({
    ...rest, kind: row[column.kind], from: row[column.from], to: row[column.to], angle: row[column.angle],
  }));
  const kind = (...kinds) => others.filter((name) => kinds.includes(name.kind));
  const order = [
    ...cities.filter((city) => city.zoom <= 5), ...kind("country", "water"),
    ...cities.filter((city) => city.zoom === 6), ...kind("range", "river", "oblast"),
    ...cities.filter((city) => city.zoom > 6),
  ];
  const widths = new Map();
  const paint = (context, frame) => {
    const taken = [];
    const font = token("font");
    const halo = token("map-halo");
    const measure = (name) => {
      const key = `${context.font}|${context.letterSpacing}|${name}`;
      if (!widths.has(key)) widths.set(key, context.measureText(name).width);
      return widths.get(key);
    };
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.lineJoin = "round";
    for (const name of order) {
      if (frame.zoom < name.from || frame.zoom > name.to) continue;
      const [x, y] = frame.place(name.x, name.y);
      if (x < -120 || y < -40 || x > frame.width + 120 || y > frame.height + 40) continue;
      if (name.kind === "city") writeCity(context, name, x, y, { taken, font, halo, measure });
      else writeName(context, name, x, y, { taken, font, halo, measure });
    }
    context.letterSpacing = "0px";
  };
  paint.forget = () => widths.clear();
  return paint;
}

function writeCity(context, city, x, y, { taken, font, halo, measure }) {
  const isLarge = city.zoom <= 4;
  const size = isLarge ? 12.5 : city.zoom === 5 ? 11.5 : city.zoom <= 7 ? 11 : 10.5;
  context.font = `${city.capital || isLarge ? 600 : 400} ${size}px ${font}`;
  context.letterSpacing = "0px";
  const width = measure(city.name);
  const box = [[x + 6, y], [x - 6 - width, y], [x - width / 2, y - 11], [x - width / 2, y + 12]]
    .map(([left, middle]) => [left - 2, middle - 8, left + width + 2, middle + 8])
    .find((area) => taken.every((other) => apart(area, other)));
  if (!box) return;
  taken.push(box, [x - 4, y - 4, x + 4, y + 4]);
  write(context, city.name, box[0] + 2, box[1] + 8, token("map-label"), halo);
  context.beginPath();
  const r = city.capital ? 3 : city.zoom <= 7 ? 2 : 1.5;
  context.rect(x - r, y - r, 2 * r, 2 * r);
  context.fillStyle = token("map-label");
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = halo;
  context.stroke();
}

function writeName(context, { kind, name, angle }, x, y, { taken, font, halo, measure }) {
  const dress = DRESS[kind];
  const text = dress.upper ? name.toUpperCase() : name;
  context.font = `${dress.style ?? "normal"} ${dress.weight} ${dress.size}px ${font}`;
  context.letterSpacing = `${dress.spacing}px`;
  const width = measure(text);
  const turn = (angle * Math.PI) / 180;
  const [halfWidth, halfHeight] = [
    (Math.abs(Math.cos(turn)) * width + Math.abs(Math.sin(turn)) * dress.size) / 2 + 2,
    (Math.abs(Math.sin(turn)) * width + Math.abs(Math.cos(turn)) * dress.size) / 2 + 2,
  ];
  const box = [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
  if (taken.some((other) => !apart(box, other))) return;
  taken.push(box);
  context.save();
  context.translate(x, y);
  if (turn) context.rotate(turn);
  write(context, text, -width / 2, kind === "river" ? -dress.size / 2 - 2 : 0, token(dress.colour), halo);
  context.restore();
}

function write(context, text, x, y, colour, halo) {
  context.strokeStyle = halo;
  context.lineWidth = 3;
  context.globalAlpha = 0.85;
  context.strokeText(text, x, y);
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

function apart(a, b) {
  return a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
}
