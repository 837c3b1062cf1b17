import assert from "node:assert/strict";
import { test } from "node:test";

import { gradeClass, northOf } from "../../static/js/map/felt_layers.js";

test("a grade has the colour of its whole degree, within those there are", () => {
  assert.deepEqual([1, 2, 3.4, 6.9, 10, 12].map(gradeClass), [2, 2, 3, 6, 10, 10]);
});

test("the words of a circle stand on its northern edge", () => {
  assert.equal(northOf(43, 0), 43);
  assert.ok(Math.abs(northOf(43, 111.195) - 44) < 1e-9);
});
