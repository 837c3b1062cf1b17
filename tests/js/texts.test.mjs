import assert from "node:assert/strict";
import { test } from "node:test";

import { problemsOf, records } from "../../static/js/api.js";
import { ellipse } from "../../static/js/map/ellipse.js";
import { coordinates, count, depth, fill, intensity, magnitude } from "../../static/js/texts.js";

test("values go into the page's sentences, unknown names stay", () => {
  assert.equal(fill("%(shown)s of %(count)s, %(x)s", { shown: 3, count: 7 }), "3 of 7, %(x)s");
});

test("numbers follow the language's decimal sign", () => {
  assert.equal(magnitude(5.25, ","), "5,25");
  assert.equal(magnitude(5.2, "."), "5.2");
  assert.equal(magnitude(5.2534, "."), "5.3");
  assert.equal(magnitude(-0.4, "."), "−0.4");
  assert.equal(depth(10, ","), "10");
  assert.equal(depth(10.26, ","), "10,3");
  assert.equal(depth(0, "."), "0");
});

test("large counts are set apart by thousands", () => {
  assert.equal(count(4930), "4\u202f930");
  assert.equal(count(999), "999");
});

test("half intensities are a span", () => {
  assert.equal(intensity(3.5), "3–4");
  assert.equal(intensity(5), "5");
});

test("coordinates name their hemisphere", () => {
  const words = { north: "N", south: "S", east: "E", west: "W" };
  assert.equal(coordinates(49.56, -72.97, words), "49.56°\u00a0N, 72.97°\u00a0W");
});

test("rows with named columns become objects", () => {
  assert.deepEqual(records({ columns: ["id", "lat"], rows: [["a", 1]] }), [{ id: "a", lat: 1 }]);
});

test("what was wrong with a search is found in any error body", () => {
  assert.deepEqual(problemsOf({ problems: [{ word: "minkr", message: "no" }] }), [
    { word: "minkr", message: "no" },
  ]);
  assert.deepEqual(problemsOf({ detail: "no" }), [{ word: "", message: "no" }]);
  assert.deepEqual(problemsOf({}), []);
});

test("an ellipse reaches its semi-axes along its azimuth", () => {
  const ring = ellipse({ lat: 43, lon: 77, major: 111.195, minor: 10, azimuth: 0 }, 4);
  assert.ok(Math.abs(ring[0][0] - 44) < 1e-6);
  assert.ok(Math.abs(ring[1][1] - 77 - 10 / (111.195 * Math.cos((43 * Math.PI) / 180))) < 1e-6);
});
