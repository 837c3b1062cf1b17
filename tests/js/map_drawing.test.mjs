import assert from "node:assert/strict";
import { test } from "node:test";

import { Grid, topOf } from "../../static/js/map/choosing.js";
import { FEW, levelOf, thinnedOrder } from "../../static/js/map/detail_level.js";
import { drawingOrder, runsWithin } from "../../static/js/map/drawing_order.js";
import { ofClasses } from "../../static/js/map/filters.js";
import { depthMask, sizeMask, tally, toggled } from "../../static/js/map/legend.js";
import { NO_DEPTH, NO_SIZE, worldX, worldY } from "../../static/js/map/store.js";
import {
  after, binCounts, extentOf, floorTo, moved, periods, stepFor, tickLabel, ticks, windowLength,
} from "../../static/js/map/time_scale.js";

const YEARS = [Date.UTC(1887, 0, 1), Date.UTC(2026, 0, 1)];

// Deterministic numbers from 0 to 1.
function* chance(seed = 7) {
  for (let value = seed; ; value = (value * 48271) % 2147483647) yield value / 2147483647;
}

test("the first of an order are those a sort would put first, newer before older", () => {
  const next = chance();
  const keys = Array.from({ length: 3000 }, () => Math.floor(next.next().value * 50));
  const order = Uint32Array.from(keys.keys());
  const sorted = [...order].sort((a, b) => keys[b] - keys[a] || b - a);
  for (const most of [0, 1, 100, 2999, 5000]) {
    assert.deepEqual(topOf(order, most, (i) => keys[i]), sorted.slice(0, most));
  }
});

test("a grid finds what lies near, whatever the extent", () => {
  const next = chance(3);
  const x = Float32Array.from({ length: 2000 }, () => 150 + 60 * next.next().value);
  const y = Float32Array.from({ length: 2000 }, () => 80 + 20 * next.next().value);
  const grid = new Grid(x, y, Uint32Array.from(x.keys()));
  for (const [px, py] of [[170, 90], [150, 80], [300, 300], [209, 99.9]]) {
    const found = new Set();
    grid.near(px, py, 2, (i) => Math.hypot(x[i] - px, y[i] - py) <= 2 && found.add(i));
    const wanted = [...x.keys()].filter((i) => Math.hypot(x[i] - px, y[i] - py) <= 2);
    assert.deepEqual([...found].sort((a, b) => a - b), wanted);
  }
  new Grid(x, y, new Uint32Array(0)).near(0, 0, 1, () => assert.fail());
  const one = [];
  new Grid(x, y, Uint32Array.of(5)).near(x[5], y[5], 0.1, (i) => one.push(i));
  assert.deepEqual(one, [5]);
});

test("large is painted before small, old before new, and a window is a run of each class", () => {
  const style = Uint8Array.from([7, 0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 0, NO_SIZE, 0, 0, 0, 12, 0, 0, 0]);
  const time = Float64Array.of(1, 2, 3, 4, 5);
  const order = drawingOrder(style, Uint32Array.of(0, 1, 2, 3, 4));
  assert.deepEqual([...order.items], [1, 4, 0, 2, 3]);
  const runs = runsWithin(order, time, [2, 4]);
  assert.deepEqual(runs.map(({ size, start, end }) => [size, ...order.items.slice(start, end)]), [[12, 1], [7, 2]]);
});

test("from afar the newest of each class and square is painted, in the same order", () => {
  const next = chance(11);
  const number = 5000;
  const style = new Uint8Array(4 * number);
  for (let i = 0; i < number; i += 1) style[4 * i] = [7, 9, 12, NO_SIZE][Math.floor(next.next().value * 4)];
  const x = Float32Array.from({ length: number }, () => 180 + 3 * next.next().value);
  const y = Float32Array.from({ length: number }, () => 90 + 3 * next.next().value);
  const order = drawingOrder(style, Uint32Array.from(x.keys()));
  const level = 4;
  const square = (i) => [style[4 * i], Math.floor(x[i] * 8), Math.floor(y[i] * 8)].join();
  const newest = new Map();
  for (const i of order.items) newest.set(square(i), i);
  const thin = thinnedOrder(order, x, y, level);
  assert.deepEqual([...thin.items], [...order.items].filter((i) => newest.get(square(i)) === i));
  assert.deepEqual(thin.runs.map(({ size }) => size), order.runs.map(({ size }) => size));
  for (const { size, start, end } of thin.runs) {
    assert.ok(thin.items.subarray(start, end).every((i) => style[4 * i] === size));
  }
  assert.equal(thin.runs.at(-1).end, thin.items.length);
  assert.equal(levelOf(4.3, FEW + 1), 5);
  assert.equal(levelOf(4.3, FEW), null);
  assert.equal(levelOf(9, FEW + 1), null);
});

test("a touch on the legend shows one class alone, then more, then all", () => {
  const all = ["0", "1", "2", "3", "4", "none"];
  assert.deepEqual(toggled(null, "2", all), ["2"]);
  assert.deepEqual(toggled(["2"], "0", all), ["0", "2"]);
  assert.equal(toggled(["2"], "2", all), null);
  assert.equal(toggled(["0", "1", "2", "3", "4"], "none", all), null);
});

test("classes of the legend are counted and kept", () => {
  const style = Uint8Array.from([6, 0, 0, 0, 9, 4, 0, 0, 14, NO_DEPTH, 0, 0, NO_SIZE, 0, 0, 0]);
  const order = Uint32Array.of(0, 1, 2, 3);
  const counts = tally(style, order);
  assert.deepEqual(counts.depths, { 0: 2, 1: 0, 2: 0, 3: 0, 4: 1, none: 1 });
  assert.deepEqual(counts.classes, { 7: 1, 9: 1, 11: 0, 13: 0, 15: 1, none: 1 });
  assert.deepEqual([...ofClasses(style, order, depthMask(["0"]), null)], [0, 3]);
  assert.deepEqual([...ofClasses(style, order, depthMask(["0", "none"]), sizeMask(["15", "none"]))], [2, 3]);
  assert.equal(ofClasses(style, order, null, null), order);
});

test("the world is Leaflet's", () => {
  assert.equal(worldX(0), 128);
  assert.ok(Math.abs(worldY(0) - 128) < 1e-9);
  assert.ok(Math.abs(worldY(85.0511287798)) < 1e-6);
  // The spherical Mercator in its other form, ln tan(45 + latitude / 2).
  const angle = Math.PI / 4 + (43.25 * Math.PI) / 360;
  assert.ok(Math.abs(worldY(43.25) - 128 * (1 - Math.log(Math.tan(angle)) / Math.PI)) < 1e-9);
});

test("ticks are whole steps, from minutes to centuries, also before 1900", () => {
  const decades = stepFor(...YEARS, 10);
  assert.deepEqual([decades.unit, decades.n], ["year", 20]);
  assert.deepEqual(ticks(...YEARS, decades).map((ms) => tickLabel(ms, decades)),
    ["1900", "1920", "1940", "1960", "1980", "2000", "2020"]);
  const year = [Date.UTC(2014, 0, 1), Date.UTC(2015, 0, 1)];
  const months = stepFor(...year, 12);
  assert.deepEqual(ticks(...year, months).map((ms) => tickLabel(ms, months)).slice(0, 3), ["2014", "2014-02", "2014-03"]);
  const day = [Date.UTC(2014, 5, 21), Date.UTC(2014, 5, 22)];
  const hours = stepFor(...day, 8);
  assert.equal(tickLabel(ticks(...day, hours)[1], hours), "03:00");
  assert.equal(tickLabel(floorTo(Date.UTC(50, 0, 1) - 59958144000000, { unit: "year", n: 10 }), { unit: "year", n: 10 }), "50");
});

test("bins and periods count every event once", () => {
  const time = Float64Array.from({ length: 500 }, (_, i) => YEARS[0] + i * 8_000_000_000);
  const order = Uint32Array.from(time.keys());
  const extent = extentOf(time[0], time.at(-1));
  assert.ok(extent[0] <= time[0] && extent[1] > time.at(-1));
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  assert.equal(sum([...binCounts(order, time, extent, 77)]), 500);
  const { step, rows } = periods(order, time, extent, 40);
  assert.ok(rows.length <= 41);
  assert.equal(sum(rows.map((row) => row.count)), 500);
  assert.equal(after(rows[0].start, step), rows[1].start);
});

test("one event has an extent, and a window stays inside", () => {
  const [from, until] = extentOf(1e12, 1e12);
  assert.ok(from <= 1e12 && until > 1e12);
  assert.deepEqual(moved([10, 20], 100, [0, 50]), [40, 50]);
  assert.deepEqual(moved([10, 20], -100, [0, 50]), [0, 10]);
  assert.ok(windowLength(YEARS) > 3e11);
});
