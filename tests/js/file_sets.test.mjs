import assert from "node:assert/strict";
import { test } from "node:test";

import { setsOf } from "../../static/js/file_sets.js";

const TABLES = ["arrival", "assoc", "origin"];

test("tables of one stem go together, whatever stands between them", () => {
  const names = ["may.origin", "may.isf", "may.arrival", "june.origin", "MAY.assoc", "may.ASSOC"];
  assert.deepEqual(setsOf(names, TABLES), [[0, 2, 5], [1], [3], [4]]);
});

test("tables without a stem are one database", () => {
  assert.deepEqual(setsOf(["origin", "arrival", "notes"], TABLES), [[0, 1], [2]]);
});

test("the same name a second time is a file of its own", () => {
  assert.deepEqual(setsOf(["may.origin", "may.origin", "may.assoc"], TABLES), [[0, 2], [1]]);
});

test("no files, no sets", () => {
  assert.deepEqual(setsOf([], TABLES), []);
});
