import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { unpacked } from "../../static/js/map/packed.js";

test("steps become degrees, whatever the depth of the lists", () => {
  const base = unpacked({
    scale: 0.001,
    bbox: [1, 2, 3, 4],
    line: { type: "LineString", coordinates: [[50260, 45010], [17, 62], [-7, 0]] },
    area: { type: "Polygon", coordinates: [[[1000, -2000], [0, 1]]] },
  });
  const near = (one, other) => assert.ok(Math.abs(one - other) < 1e-9, `${one} ${other}`);
  [[50.26, 45.01], [50.277, 45.072], [50.27, 45.072]].forEach(([x, y], i) => {
    near(base.line.coordinates[i][0], x);
    near(base.line.coordinates[i][1], y);
  });
  near(base.area.coordinates[0][1][1], -1.999);
  assert.deepEqual(base.bbox, [1, 2, 3, 4]);
});

test("the basemap lies within its box", () => {
  const file = new URL("../../static/geo/basemap.json", import.meta.url);
  const base = unpacked(JSON.parse(readFileSync(file, "utf-8")));
  const [west, south, east, north] = base.bbox;
  const flat = Object.values(base).flatMap((layer) => layer.coordinates?.flat(Infinity) ?? []);
  assert.ok(flat.length > 50_000);
  for (let i = 0; i < flat.length; i += 2) {
    assert.ok(flat[i] >= west - 0.01 && flat[i] <= east + 0.01, `${flat[i]}`);
    assert.ok(flat[i + 1] >= south - 0.01 && flat[i + 1] <= north + 0.01, `${flat[i + 1]}`);
  }
});
