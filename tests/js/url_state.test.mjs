import assert from "node:assert/strict";
import { test } from "node:test";

import { read, wordsQuery, write } from "../../static/js/url_state.js";

test("what is written is read back the same", () => {
  const state = {
    words: { starttime: "2014-01-01T00:00:00", minkr: "9.5", agency: "SOME,KNDC", polygon: "75 41,80 41,80 45" },
    map: { zoom: 6.5, latitude: 43.25, longitude: 76.9 },
    inview: true,
    sort: "size",
    selected: "kz2014h3k2m7",
    window: [Date.UTC(2014, 0, 1), Date.UTC(2014, 1, 1, 12, 30)],
    depths: ["0", "none"],
    classes: ["9", "15"],
    layers: ["stations", "-relief"],
    extra: {},
  };
  assert.deepEqual(read(write(state)), state);
});

test("an empty state has an empty address", () => {
  assert.equal(write(read("")), "");
});

test("search words keep one order, so that one search has one address", () => {
  assert.equal(write(read("?minkr=9&agency=SOME")), write(read("?agency=SOME&minkr=9")));
});

test("what belongs to the map alone never reaches the services", () => {
  const { words } = read("?minkr=9&map=5/45/70&inview=1&sort=size&selected=kz1");
  assert.equal(wordsQuery(words, { lang: "kk" }), "?lang=kk&minkr=9");
});

test("a position that is none is ignored", () => {
  for (const text of ["5/95/70", "x", "5/45", "5/45/200", ""]) {
    assert.equal(read(`?map=${text}`).map, null);
  }
});

test("an unknown order is the usual one and blank words are none", () => {
  const state = read("?sort=evil&minkr=");
  assert.equal(state.sort, "time");
  assert.deepEqual(state.words, {});
});

test("a key of another version is no search word", () => {
  const state = read("?minkr=9&measured=75,41&MinMag=4", ["minkr", "minmag"]);
  assert.deepEqual(state.words, { minkr: "9", MinMag: "4" });
  assert.deepEqual(state.extra, { measured: "75,41" });
  assert.equal(write(state), "?MinMag=4&minkr=9&measured=75,41");
});

test("a window that is none, and classes that are none or all, are ignored", () => {
  for (const text of ["2014-01-01", "2014-02-01/2014-01-01", "x/y", "2014-01-01/2014-13-41"]) {
    assert.equal(read(`?window=${text}`).window, null);
  }
  assert.equal(read("?depths=9,x").depths, null);
  assert.equal(read("?depths=0,1,2,3,4,none").depths, null);
  assert.deepEqual(read("?depths=none,0,7").depths, ["0", "none"]);
});

test("a window before 1900 is a window", () => {
  assert.deepEqual(read("?window=1887-05-28/1889-07-11").window, [Date.UTC(1887, 4, 28), Date.UTC(1889, 6, 11)]);
});
