import assert from "node:assert/strict";
import { test } from "node:test";

import {
  classRadius, depthClass, depthStyle, drawnClass, krClass, radius, shape, sizeWord, sizes, zoomFactor,
} from "../../static/js/map/symbols.js";

const BOUNDS = [10, 20, 40, 70];
const nothing = { kr: null, mpva: null, mlv: null, ms: null, mb: null, ml: null, mw: null, magnitude: null };

test("halves of a class go down, as the year book counts", () => {
  assert.equal(krClass(7.5), 7);
  assert.equal(krClass(7.6), 8);
  assert.equal(krClass(6.6), 7);
  assert.equal(krClass(13.6), 14);
});

test("depth classes hold their lower bound, zero is a depth, nothing is not", () => {
  assert.equal(depthClass(0, BOUNDS), 0);
  assert.equal(depthClass(9.9, BOUNDS), 0);
  assert.equal(depthClass(10, BOUNDS), 1);
  assert.equal(depthClass(70, BOUNDS), 4);
  assert.equal(depthClass(-1.5, BOUNDS), 0);
  assert.equal(depthClass(null, BOUNDS), null);
  assert.equal(depthStyle(null, BOUNDS), "depth-none");
  assert.equal(depthStyle(25, BOUNDS), "depth-2");
});

test("KR goes before magnitude, magnitude before MPVA", () => {
  assert.equal(drawnClass({ ...nothing, kr: 11.7, magnitude: 7 }), 11.7);
  assert.ok(Math.abs(drawnClass({ ...nothing, magnitude: 5, mpva: 9 }) - 13) < 1e-9);
  assert.ok(Math.abs(drawnClass({ ...nothing, mpva: 5.2 }) - 11.492) < 1e-9);
  assert.equal(drawnClass(nothing), null);
});

test("an event without a size is a diamond, a synthetic one a square, whatever its size", () => {
  assert.equal(shape({ ...nothing }), "diamond");
  assert.equal(shape({ ...nothing, kr: 9 }), "circle");
  assert.equal(shape({ ...nothing, kr: 9, synthetic: true }), "square");
});

test("symbols grow with the class and with the zoom", () => {
  for (let whole = 6; whole < 17; whole += 1) {
    assert.ok(classRadius(whole + 1) > classRadius(whole));
  }
  assert.ok(zoomFactor(9) > zoomFactor(4));
  assert.ok(radius({ ...nothing, kr: 13.6 }) > radius({ ...nothing, kr: 9 }));
});

test("sizes are listed KR first and an unlisted scale is not lost", () => {
  assert.deepEqual(sizes({ ...nothing, kr: 11.7, ms: 4 }), [
    { scale: "KR", value: 11.7 },
    { scale: "MS", value: 4 },
  ]);
  assert.deepEqual(sizes({ ...nothing, magnitude: 3.1, magnitude_type: "mb_Lg" }), [
    { scale: "mb_Lg", value: 3.1 },
  ]);
  assert.deepEqual(sizes(nothing), []);
});

test("the word for a size follows the usual classes", () => {
  assert.equal(sizeWord({ ...nothing, magnitude: 1.9 }), 0);
  assert.equal(sizeWord({ ...nothing, kr: 11.7 }), 2);
  assert.equal(sizeWord({ ...nothing, magnitude: 8 }), 6);
  assert.equal(sizeWord(nothing), null);
});
