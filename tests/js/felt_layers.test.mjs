import assert from "node:assert/strict";
import { test } from "node:test";

import { edgeOf, gradeClass, readable } from "../../static/js/map/felt_layers.js";

test("a grade has the colour of its whole degree, within those there are", () => {
  assert.deepEqual([1, 2, 3.4, 6.9, 10, 12].map(gradeClass), [2, 2, 3, 6, 10, 10]);
});

test("the words of a circle stand on its edge", () => {
  assert.equal(edgeOf(43, 0), 43);
  assert.ok(Math.abs(edgeOf(43, 111.195) - 44) < 1e-9);
  assert.ok(Math.abs(edgeOf(43, -111.195) - 42) < 1e-9);
});

test("words that lie too near to others give way, the outermost stay", () => {
  assert.deepEqual(readable([10, 60, 70, 80, 300], 16), [true, true, false, true, true]);
});
