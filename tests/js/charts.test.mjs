import assert from "node:assert/strict";
import { test } from "node:test";

import { moved, narrowed, nearest, spanOf } from "../../static/js/charts.js";

const points = [
  [10, "a", "2014-01-01", "2014-01-31"],
  [20, "b", "2014-02-01", "2014-02-28"],
  [40, "c", "2014-03-01", "2014-03-31"],
];

test("the nearest point is meant, also beyond the ends", () => {
  assert.equal(nearest([], 5), -1);
  assert.deepEqual([-5, 14, 16, 31, 99].map((x) => nearest(points, x)), [0, 0, 1, 2, 2]);
});

test("arrow keys step, Shift holds the other end, Escape lets go", () => {
  let state = { at: -1, from: null };
  state = moved(state, "ArrowRight", false, 3, true);
  assert.deepEqual(state, { at: 0, from: null });
  state = moved(state, "ArrowRight", true, 3, true);
  state = moved(state, "ArrowRight", true, 3, true);
  assert.deepEqual(state, { at: 2, from: 0 });
  assert.deepEqual(moved(state, "ArrowRight", true, 3, true), { at: 2, from: 0 });
  assert.deepEqual(moved(state, "Escape", false, 3, true), { at: 2, from: null });
  assert.deepEqual(moved(state, "Home", true, 3, false), { at: 0, from: null });
  assert.equal(moved(state, "Tab", false, 3, true), null);
  assert.equal(moved({ at: -1, from: null }, "End", false, 0, true), null);
});

test("a span of time narrows the search and keeps its other words", () => {
  const span = spanOf(points, 2, 1);
  assert.deepEqual(span, { start: "2014-02-01", end: "2014-03-31" });
  assert.equal(
    narrowed("starttime=1990-01-01&minkr=8&end=2000-01-01", span),
    "minkr=8&starttime=2014-02-01&endtime=2014-03-31T23:59:59.999999",
  );
});
