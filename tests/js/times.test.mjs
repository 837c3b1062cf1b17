import assert from "node:assert/strict";
import { test } from "node:test";

import { local, machine, offsetAt, offsetWords, utc } from "../../static/js/times.js";

const TABLE = [
  [-(2 ** 53) + 1, 308],
  [-1441170480000, 300],
  [1099166400000, 360],
  [1709229600000, 300],
];
const KARAGANDA = Date.UTC(2014, 5, 21, 6, 30);

test("a time known to the minute has no seconds", () => {
  assert.equal(utc(KARAGANDA, true), "2014-06-21 06:30");
  assert.equal(utc(KARAGANDA + 12300), "2014-06-21 06:30:12");
  assert.equal(machine(KARAGANDA, true), "2014-06-21T06:30Z");
});

test("the offset is that of its day: +6 in 2014, +5 since March 2024", () => {
  assert.equal(local(KARAGANDA, TABLE, true), "12:30 (UTC+6)");
  assert.equal(offsetAt(1709229600000 - 1, TABLE), 360);
  assert.equal(offsetAt(1709229600000, TABLE), 300);
  assert.equal(offsetAt(Date.UTC(1887, 5, 8), TABLE), 308);
});

test("another day there than in UTC is said", () => {
  assert.equal(local(Date.UTC(2014, 7, 15, 21, 42), TABLE, true), "2014-08-16 03:42 (UTC+6)");
});

test("offsets with minutes are written out", () => {
  assert.equal(offsetWords(308), "UTC+5:08");
  assert.equal(offsetWords(-210), "UTC−3:30");
});
