import assert from "node:assert/strict";
import { test } from "node:test";

import { timeAt, written } from "../../static/js/waveform_time.js";

test("a place on the drawing is a time, written to the hundredth of a second", () => {
  const drawing = { from: "2014-11-14T01:24:05.200+00:00", seconds: 60 };
  assert.equal(written(timeAt(drawing, 0)), "2014-11-14 01:24:05.20");
  assert.equal(written(timeAt(drawing, 0.5)), "2014-11-14 01:24:35.20");
  assert.equal(written(timeAt(drawing, 1) - 6), "2014-11-14 01:25:05.19");
});
