import assert from "node:assert/strict";
import { test } from "node:test";

import { liveCount, queryOf } from "../../static/js/live_count.js";

function stage() {
  const timers = {
    waiting: null,
    setTimeout(call) {
      timers.waiting = call;
      return 1;
    },
    clearTimeout() {
      timers.waiting = null;
    },
  };
  const asked = [];
  const shown = [];
  const fetchJson = (url, { signal }) =>
    new Promise((resolve, reject) => {
      asked.push({ url, signal, answer: (data) => resolve({ data }), fail: () => reject(new Error("no")) });
      signal.addEventListener("abort", () => reject(Object.assign(new Error(""), { name: "AbortError" })));
    });
  const ask = liveCount({ url: "/count", fetchJson, timers, show: (...told) => shown.push(told) });
  return { ask, timers, asked, shown };
}

test("a pause is waited for and the last words are asked", async () => {
  const { ask, timers, asked, shown } = stage();
  ask("?minkr=1");
  ask("?minkr=11");
  const waiting = timers.waiting();
  assert.deepEqual(asked.map((a) => a.url), ["/count?minkr=11"]);
  asked[0].answer({ count: 3 });
  await waiting;
  assert.deepEqual(shown, [["waiting", null], ["done", { count: 3 }]]);
  ask("?minkr=11");
  assert.equal(asked.length, 1);
});

test("a newer question ends the older one", async () => {
  const { ask, timers, asked, shown } = stage();
  ask("?minkr=1");
  const first = timers.waiting();
  ask("?minkr=2");
  await first;
  assert.equal(asked[0].signal.aborted, true);
  const second = timers.waiting();
  asked[1].answer({ count: 2 });
  await second;
  assert.deepEqual(shown.at(-1), ["done", { count: 2 }]);
  assert.equal(shown.filter(([state]) => state === "failed").length, 0);
});

test("a failure is told and may be tried again", async () => {
  const { ask, timers, asked, shown } = stage();
  ask("?minkr=1");
  const first = timers.waiting();
  asked[0].fail();
  await first;
  assert.deepEqual(shown.at(-1), ["failed", null]);
  ask("?minkr=1");
  assert.notEqual(timers.waiting, null);
});

test("a query has no empty word, lists with commas and no default", () => {
  const pairs = [["minkr", " 9 "], ["maxkr", ""], ["columns", "time"], ["columns", "kr"], ["orderby", "time"]];
  assert.equal(queryOf(pairs, { orderby: "time" }), "?minkr=9&columns=time,kr");
  assert.equal(queryOf(pairs, { orderby: "time", columns: "time,kr" }), "?minkr=9");
  assert.equal(queryOf([["minkr", ""]]), "");
});
