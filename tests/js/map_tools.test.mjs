// The pure parts of the map's tools and layers.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { isCompression, quadrants, vectors, vectorsOfTensor } from "../../static/js/map/layers/beachball.js";
import { spread } from "../../static/js/map/layers/declutter.js";
import { bounds, cellSize, cornersOfCell, countCells, stepOf } from "../../static/js/map/layers/density_grid.js";
import { GeoJsonFault, MOST_FEATURES, featuresOf, propertiesOf } from "../../static/js/map/layers/own_geojson.js";
import { areaOf, cornersOf, crossesItself, faultOf, outlineOf, wordsOf } from "../../static/js/map/tools/areas.js";
import { along, onEllipsoid } from "../../static/js/map/tools/geodesic.js";
import { label, lines, step } from "../../static/js/map/tools/graticule_steps.js";
import { SvgContext } from "../../static/js/map/tools/svg_context.js";
import { coordinatesOf, eventId } from "../../static/js/map/tools/typed_place.js";

const near = (found, expected, tolerance, what = "") =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what} ${found} is not ${expected} ± ${tolerance}`);
const area = (ring) =>
  Math.abs(ring.reduce((sum, [x, y], i) => {
    const [nx, ny] = ring[(i + 1) % ring.length];
    return sum + x * ny - nx * y;
  }, 0)) / 2;
const holds = (ring, x, y) => {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [ring[i], ring[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
};

// --- Beachballs ----------------------------------------------------------------------------------

test("a vertical strike-slip fault has opposite dark quarters: north-east and south-west", () => {
  const rings = quadrants(vectors(0, 90, 0)); // left-lateral, north-south
  assert.equal(rings.length, 2);
  for (const ring of rings) near(area(ring), Math.PI / 4, 0.01);
  const dark = (x, y) => rings.some((ring) => holds(ring, x, y));
  assert.deepEqual([dark(0.4, -0.4), dark(-0.4, 0.4), dark(0.4, 0.4), dark(-0.4, -0.4)], [true, true, false, false]);
});

test("a reverse fault is dark in the middle, a normal fault at the rim", () => {
  const [reverse] = quadrants(vectors(90, 45, 90));
  const normal = quadrants(vectors(90, 45, -90));
  assert.ok(holds(reverse, 0, 0));
  assert.ok(normal.length === 2 && !normal.some((ring) => holds(ring, 0, 0)));
  assert.ok(normal.some((ring) => holds(ring, 0, -0.9)) && normal.some((ring) => holds(ring, 0, 0.9)));
  near(area(reverse) + normal.reduce((sum, ring) => sum + area(ring), 0), Math.PI, 0.02);
});

test("polygons of any mechanism agree with the sign of the first motion, ray by ray", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let n = 0; n < 60; n += 1) {
    const couple = vectors(360 * random(), 1 + 88 * random(), 360 * random() - 180);
    const rings = quadrants(couple);
    for (let ray = 0; ray < 60; ray += 1) {
      const [azimuth, takeoff] = [360 * random(), 88 * random()];
      const r = Math.SQRT2 * Math.sin((takeoff * Math.PI) / 360);
      const [x, y] = [r * Math.sin((azimuth * Math.PI) / 180), -r * Math.cos((azimuth * Math.PI) / 180)];
      const edge = [0.04, -0.04].some((d) =>
        isCompression(couple, azimuth + (d * 57) / Math.max(r, 0.1), takeoff) !== isCompression(couple, azimuth, takeoff) ||
        isCompression(couple, azimuth, takeoff + d * 57) !== isCompression(couple, azimuth, takeoff));
      if (edge) continue; // within a sampling step of a nodal line
      assert.equal(rings.some((ring) => holds(ring, x, y)), isCompression(couple, azimuth, takeoff), `${n} ${ray}`);
    }
  }
});

test("a tensor gives the same ball as the planes it was made from", () => {
  const { normal: n, slip: d } = vectors(37, 62, -115);
  const m = (i, j) => n[i] * d[j] + n[j] * d[i]; // north, east, down
  const couple = vectorsOfTensor([m(2, 2), m(0, 0), m(1, 1), m(0, 2), -m(1, 2), -m(0, 1)]);
  for (const [azimuth, takeoff] of [[10, 20], [100, 50], [190, 80], [280, 35], [330, 65]]) {
    assert.equal(isCompression(couple, azimuth, takeoff), isCompression({ normal: n, slip: d }, azimuth, takeoff));
  }
  assert.equal(vectorsOfTensor([0, 0, 0, 0, 0, 0]), null);
});

// --- Room for symbols ----------------------------------------------------------------------------

test("the first keeps its place, later ones move aside, the rest is counted", () => {
  const items = Array.from({ length: 60 }, (_, n) => ({ n, x: 100, y: 100, r: 12 }));
  const { placed, hidden } = spread(items);
  assert.deepEqual([placed[0].item.n, placed[0].moved], [0, false]);
  assert.ok(placed.length > 5 && hidden.length > 0 && placed.length + hidden.length === 60);
  placed.forEach((a, i) => placed.slice(i + 1).forEach((b) => {
    assert.ok(Math.hypot(a.x - b.x, a.y - b.y) >= 24, "two overlap");
  }));
});

test("cells count every event once and the colours cover the counts", () => {
  const cells = countCells((visit) => [[43.2, 76.9], [43.3, 76.8], [-0.1, -0.1]].forEach((p) => visit(...p)), 0.5);
  assert.deepEqual([...cells].map(([cell, n]) => [cornersOfCell(cell, 0.5), n]), [
    [{ south: 43, north: 43.5, west: 76.5, east: 77 }, 2], [{ south: -0.5, north: 0, west: -0.5, east: 0 }, 1],
  ]);
  assert.ok(cellSize(4) > cellSize(8));
  for (const largest of [0, 1, 2, 7, 60, 4321, 900_000]) {
    const steps = bounds(largest);
    assert.equal(steps[0], 1);
    assert.ok(steps.length <= 6 && steps.every((bound, i) => !i || bound > steps[i - 1]));
    assert.ok(stepOf(Math.max(largest, 1), steps) <= 5 && stepOf(1, steps) === 0);
  }
});

// --- Areas ---------------------------------------------------------------------------------------

test("an area survives the way through the search words", () => {
  const box = { kind: "box", south: 41.5, north: 44.25, west: 75, east: 80.125 };
  const circle = { kind: "circle", latitude: 43.25, longitude: 76.95, radius_km: 120.5 };
  const polygon = { kind: "polygon", corners: [[75, 42], [80, 42.5], [78, 45]] };
  for (const one of [box, circle, polygon]) assert.deepEqual(areaOf(wordsOf(one)), one);
  assert.equal(areaOf({ minkr: "8" }), null);
  assert.deepEqual(areaOf({ minlatitude: "50" }), { kind: "box", south: 50, north: 90, west: -180, east: 180 });
  assert.equal(wordsOf(circle).settlement, undefined);
  assert.ok("settlement" in wordsOf(circle));
});

test("areas over the date line keep their side", () => {
  const words = wordsOf({ kind: "box", south: 50, north: 55, west: 170, east: 190 });
  assert.deepEqual([words.minlongitude, words.maxlongitude], ["170", "-170"]);
  assert.deepEqual(outlineOf(areaOf(words)).map(([, lon]) => lon), [170, 170, 190, 190]);
  assert.equal(wordsOf({ kind: "polygon", corners: [[-190, 50], [-170, 50], [-180, 55]] }).polygon, "170 50,190 50,180 55");
});

test("what is not an area is named", () => {
  const fault = (one) => faultOf(one);
  assert.equal(fault(null), "notAnArea");
  assert.equal(fault({ kind: "box", south: 45, north: 42, west: 1, east: 2 }), "southAboveNorth");
  assert.equal(fault({ kind: "box", south: 45, north: 45, west: 1, east: 2 }), "tooSmall");
  assert.equal(fault({ kind: "circle", latitude: 95, longitude: 0, radius_km: 5 }), "outside");
  assert.equal(fault({ kind: "circle", latitude: 5, longitude: 0, radius_km: 30_000 }), "tooWide");
  assert.equal(fault({ kind: "polygon", corners: [[1, 2], [2, 3]] }), "fewCorners");
  const many = Array.from({ length: 1001 }, (_, n) => [Math.cos(n), Math.sin(n)]);
  assert.equal(fault({ kind: "polygon", corners: many }), "manyCorners");
  assert.equal(fault({ kind: "polygon", corners: [[0, 0], [1, 1], [1, 0], [0, 1]] }), "crossesItself");
  assert.equal(crossesItself([[0, 0], [2, 0], [2, 2], [1, 0.5], [0, 2]]), false);
  assert.equal(cornersOf("75 42, 80"), null);
  assert.equal(cornersOf("a b"), null);
});

// --- Typed places --------------------------------------------------------------------------------

test("coordinates are read in the ways people write them", () => {
  const ways = [
    "43.25 76.95", "43.25, 76.95", "43,25 76,95", "43,25, 76,95", "43.25N 76.95E", "N43.25 E76.95", "76.95E 43.25N",
    "43°15'N 76°57'E", "43°15′00″N, 76°57′00″E", "43.25° N, 76.95° E", "43°15' 76°57'", "43.25 с.ш. 76.95 в.д.", "43.25,76.95",
  ];
  for (const text of ways) {
    const found = coordinatesOf(text);
    assert.ok(found, text);
    near(found.latitude, 43.25, 1e-9, text);
    near(found.longitude, 76.95, 1e-9, text);
  }
  assert.deepEqual(coordinatesOf("-12.5 -70"), { latitude: -12.5, longitude: -70 });
  assert.deepEqual(coordinatesOf("12.5S 70W"), { latitude: -12.5, longitude: -70 });
  for (const text of ["Almaty", "95 20", "43", "43N 76N", "43 76 12 abc", "", "43°75' 76°", "2014"]) {
    assert.equal(coordinatesOf(text), null, text);
  }
  assert.equal(eventId(" KZ2014karagn "), "kz2014karagn");
  assert.equal(eventId("kz"), null);
});

// --- Geodesics -----------------------------------------------------------------------------------

test("distances and azimuths are GeographicLib's on WGS84", () => {
  const ellipsoid = onEllipsoid({ Geodesic: createRequire(import.meta.url)("geographiclib-geodesic").Geodesic });
  // Karney (2013), table 2 of the direct problem read backwards: lat1 40, azi1 30, s12 10,000 km.
  const karney = ellipsoid.direct(40, 0, 30, 10_000_000);
  near(karney.latitude, 41.79331020506, 1e-9);
  near(karney.longitude, 137.84490004377, 1e-9);
  const back = ellipsoid.inverse({ latitude: 40, longitude: 0 }, karney);
  near(back.metres, 10_000_000, 1e-3);
  near(back.azimuth, 30, 1e-8);
  // GeographicLib's documentation: JFK to LHR.
  near(ellipsoid.inverse({ latitude: 40.6, longitude: -73.8 }, { latitude: 51.6, longitude: -0.5 }).metres, 5_551_759.4, 0.1);
  const points = along(ellipsoid, { latitude: 52, longitude: 175 }, { latitude: 52, longitude: -175 });
  assert.ok(points.at(-1)[1] > 184 && points.every(([, lon], i) => !i || Math.abs(lon - points[i - 1][1]) < 10));
  const ring = outlineOf({ kind: "circle", latitude: 43, longitude: 179, radius_km: 300 }, ellipsoid.direct);
  assert.ok(ring.every(([, lon]) => lon > 170 && lon < 190));
});

// --- Graticule -----------------------------------------------------------------------------------

test("grid lines are round numbers with as many places as they need", () => {
  assert.ok(step(4) > step(8) && step(8) > step(12));
  assert.deepEqual(lines(42.05, 42.35, 0.1), [42.1, 42.2, 42.3]);
  assert.deepEqual(lines(-1, 1, 1), [-1, 0, 1]);
  assert.equal(label(42.5, 0.5, "N", "S", ","), "42,5°\u00a0N");
  assert.equal(label(-75, 5, "E", "W"), "75°\u00a0W");
  assert.equal(label(0, 5, "E", "W"), "0°");
});

// --- One's own file ------------------------------------------------------------------------------

test("a good file gives its features, a bad one says what was found", () => {
  const point = { type: "Feature", geometry: { type: "Point", coordinates: [76.9, 43.2] }, properties: { a: "<b>x</b>" } };
  const [one] = featuresOf(JSON.stringify({ type: "FeatureCollection", features: [point] }));
  assert.deepEqual(one, { geometries: [{ type: "Point", coordinates: [76.9, 43.2] }], properties: [["a", "<b>x</b>"]] });
  const code = (text) => {
    try {
      featuresOf(text);
    } catch (error) {
      assert.ok(error instanceof GeoJsonFault);
      return error.code;
    }
    return "";
  };
  assert.equal(code("not json"), "notJson");
  assert.equal(code('{"type": "Topology"}'), "notGeoJson");
  assert.equal(code("[1, 2]"), "notGeoJson");
  assert.equal(code("null"), "notGeoJson");
  assert.equal(code('{"type": "FeatureCollection", "features": []}'), "noFeatures");
  assert.equal(code(JSON.stringify({ type: "FeatureCollection", features: Array(MOST_FEATURES + 1).fill(null) })), "manyFeatures");
  assert.equal(code('{"type": "Point", "coordinates": ["76", 43]}'), "badPosition");
  assert.equal(code('{"type": "Point", "coordinates": [76, 143]}'), "badPosition");
  assert.equal(code('{"type": "LineString", "coordinates": [76, 43]}'), "badGeometry");
  assert.equal(code('{"type": "Feature", "geometry": {"type": "toString", "coordinates": []}}'), "badGeometry");
  assert.equal(code('{"type": "Point", "coordinates": [1e999, 43]}'), "badPosition");
  assert.equal(propertiesOf({ long: "x".repeat(1000) })[0][1].length, 301);
  assert.deepEqual(propertiesOf(null), []);
});

// --- SVG -----------------------------------------------------------------------------------------

test("the SVG context writes vectors, escapes text and joins fill with outline", () => {
  const context = new SvgContext(100, 50, (text) => 6 * text.length);
  context.translate(10, 5);
  context.fillStyle = "#c4261d";
  context.beginPath();
  context.arc(5, 5, 3, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.save();
  context.clipRect(0, 0, 20, 20);
  context.font = "italic 600 11px Noto Sans, sans-serif";
  context.fillText("<script>&Әлем", 1, 2);
  context.restore();
  const text = context.finish("A & B", "c");
  assert.equal(text.match(/<path/g).length, 1);
  assert.match(text, /fill="#c4261d" stroke="#000"/);
  assert.match(text, /&lt;script&gt;&amp;Әлем/);
  assert.match(text, /font-style="italic"/);
  assert.match(text, /<title>A &amp; B<\/title>/);
  assert.equal(text.match(/<g /g).length, text.match(/<\/g>/g).length);
});
