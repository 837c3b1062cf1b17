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
