import assert from "node:assert/strict";
import { test } from "node:test";

import { FIRST_WAIT, LONGEST_WAIT, Queue, outcome, storeOf, waitOf } from "../../static/js/felt/queue.js";
import { labelOf, precisionOf } from "../../static/js/felt/place.js";
import { fieldsOf, newId, reportOf } from "../../static/js/felt/report.js";
import { poster } from "../../static/js/felt/sending.js";

function storage() {
  const kept = new Map();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
}

/** A queue with a clock of its own; `answers` are given one after the other, an Error is no answer. */
function stage(answers, local = storage()) {
  const stood = { time: 1000, asked: [], shown: [], planned: null, local };
  stood.queue = new Queue({
    store: storeOf(() => local),
    now: () => stood.time,
    chance: () => 0.5,
    timers: {
      setTimeout: (call, wait) => {
        stood.planned = { call, wait };
        return 1;
      },
      clearTimeout: () => {
        stood.planned = null;
      },
    },
    post: async (body) => {
      stood.asked.push(body);
      const answer = answers.length ? answers.shift() : new Error("offline");
      if (answer instanceof Error) throw answer;
      return typeof answer === "function" ? answer(body) : answer;
    },
    changed: (reports) => stood.shown.push(reports.map((report) => report.state)),
  });
  return stood;
}

const received = (body) => ({ status: 201, data: { id: body.id, message: "Thank you" } });

test("a report is kept before it is sent and forgotten when the server has it", async () => {
  const stood = stage([received]);
  const sending = stood.queue.add("a", { grade: 5 });
  assert.match(stood.local.kept.get("felt-queue"), /"grade":5/);
  await sending;
  assert.deepEqual(stood.asked, [{ grade: 5, id: "a" }]);
  assert.equal(stood.local.kept.size, 0);
  assert.deepEqual(stood.shown.at(-1), ["sent"]);
  assert.equal(stood.planned, null);
});

test("without a connection it waits, longer each time, under the same id", async () => {
  const stood = stage([]);
  await stood.queue.add("a", { grade: 1 });
  assert.deepEqual(stood.shown.at(-1), ["waiting"]);
  assert.equal(stood.planned.wait, FIRST_WAIT);
  stood.time += FIRST_WAIT;
  await stood.planned.call();
  assert.equal(stood.planned.wait, 2 * FIRST_WAIT);
  assert.deepEqual(stood.asked.map((body) => body.id), ["a", "a"]);
  // Not before it is due, unless there is a sign of a connection.
  await stood.queue.flush();
  assert.equal(stood.asked.length, 2);
  await stood.queue.wake();
  assert.equal(stood.asked.length, 3);
});

test("a page that is opened again goes on", async () => {
  const first = stage([]);
  await first.queue.add("a", { grade: 4 });
  const second = stage([received], first.local);
  await second.queue.wake();
  assert.deepEqual(second.asked, [{ grade: 4, id: "a" }]);
  assert.equal(first.local.kept.size, 0);
});

test("a page closed in the middle of sending sends again", async () => {
  const first = stage([() => new Promise(() => {})]);
  first.queue.add("a", { grade: 4 });
  await Promise.resolve();
  assert.match(first.local.kept.get("felt-queue"), /"state":"sending"/);
  const second = stage([received], first.local);
  await second.queue.wake();
  assert.equal(second.asked.length, 1);
});

test("pressing twice and two wakes at once send once", async () => {
  const stood = stage([received, received]);
  await Promise.all([stood.queue.add("a", { grade: 4 }), stood.queue.flush(), stood.queue.wake()]);
  assert.equal(stood.asked.length, 1);
});

test("what the server refuses stays with its reason and is not sent again", async () => {
  const stood = stage([{ status: 400, data: { error: "No.", problems: [] } }]);
  await stood.queue.add("a", { grade: 13 });
  assert.deepEqual(stood.shown.at(-1), ["refused"]);
  assert.equal(stood.queue.reports[0].message, "No.");
  await stood.queue.wake();
  assert.equal(stood.asked.length, 1);
  assert.deepEqual(stood.queue.remove("a"), { grade: 13 });
  assert.equal(stood.local.kept.size, 0);
});

test("maintenance, floods and networks that ask to log in keep the report", () => {
  const page = { status: 200, data: null };
  for (const answer of [
    page, { status: 200, data: { id: "b" } }, { status: 503, data: { error: "x" } }, { status: 429, data: { error: "x" } },
    { status: 404, data: null }, { status: 400, data: null }, { status: 507, data: {} }, { status: 0, data: null },
  ]) assert.equal(outcome("a", answer), "waiting", JSON.stringify(answer));
  assert.equal(outcome("a", { status: 200, data: { id: "a" } }), "sent");
  assert.equal(waitOf(1, 60, 0.5), 60_000);
  assert.equal(waitOf(40, 0, 1), LONGEST_WAIT * 1.25);
});

test("one report at fault does not hold the others", async () => {
  const stood = stage([{ status: 400, data: { error: "No." } }, new Error("lost"), received]);
  await stood.queue.add("a", {});
  await stood.queue.add("b", {});
  await stood.queue.add("c", {});
  assert.deepEqual(stood.queue.reports.map((report) => [report.id, report.state]), [["a", "refused"], ["b", "waiting"]]);
});

test("a browser without room, or with foreign content, keeps it in memory", async () => {
  const full = storage();
  full.setItem = (key) => {
    if (key === "felt-queue") throw new Error("quota");
  };
  const stood = stage([new Error("offline"), received], full);
  await stood.queue.add("a", { grade: 3 });
  assert.equal(stood.queue.store.lasting, false);
  await stood.queue.wake();
  assert.deepEqual(stood.shown.at(-1), ["sent"]);
  assert.equal(storeOf(() => null).lasting, false);
  const foreign = storage();
  foreign.kept.set("felt-queue", "[1, {");
  assert.deepEqual(stage([], foreign).queue.reports, []);
});

// --- Words -------------------------------------------------------------------------------------

const FIELDS = [
  ["grade", "5"], ["event", ""], ["place", " Талғар "], ["settlement", "41"], ["latitude", ""], ["place_source", ""],
  ["answer-motion", "weak"], ["answer-damage", "none"], ["answer-damage", "collapse"], ["when", ""],
  ["felt_local", "2026-01-10T08:00"], ["felt-proposal", "0"],
];

test("fields become a report, and a report fields again", () => {
  const body = reportOf(FIELDS, { event: "kz2026abcdef", language: "kk" });
  assert.deepEqual(body, {
    grade: 5, place: "Талғар", settlement: 41, event: "kz2026abcdef", language: "kk",
    answers: { motion: "weak", damage: ["none", "collapse"] },
  });
  assert.deepEqual(reportOf(fieldsOf(body), { language: "kk" }), body);
  const then = reportOf([["when", "then"], ["felt_local", "2026-01-10T08:00"]]);
  assert.equal(then.felt_at, new Date("2026-01-10T08:00").toISOString());
  assert.deepEqual(reportOf(fieldsOf(then)), then);
});

test("ids are random UUIDs of version 4", () => {
  assert.match(newId(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(newId(), newId());
});

test("places are told apart, a press is as true as the map is close", () => {
  assert.equal(labelOf({ name: "Almaty", matched: "Алма-Ата", oblast: "", country: "KZ" }), "Almaty (Алма-Ата), KZ");
  assert.ok(Math.abs(precisionOf(0, 8) - 6.115) < 0.001);
  assert.ok(precisionOf(60, 12) < precisionOf(0, 12));
});

// --- On its way --------------------------------------------------------------------------------

test("the token is fetched once and sent with each report", async () => {
  const asked = [];
  const json = (status, data) => ({
    status, json: async () => data,
    headers: new Headers({ "Content-Type": "application/json", "Retry-After": "7" }),
  });
  const fetch = async (address, options) => {
    asked.push([address, options.body]);
    return address === "/token" ? json(200, { token: "t" }) : json(429, { error: "x" });
  };
  const post = poster({ url: "/felt", tokenUrl: "/token", language: "ru" }, { fetch });
  assert.deepEqual(await post({ id: "a" }), { status: 429, data: { error: "x" }, retrySeconds: 7 });
  await post({ id: "b" });
  assert.deepEqual(asked.map(([address]) => address), ["/token", "/felt", "/felt"]);
  assert.deepEqual(JSON.parse(asked[1][1]), { id: "a", token: "t" });
});

test("without a token nothing is sent yet", async () => {
  const page = { status: 200, headers: new Headers({ "Content-Type": "text/html" }) };
  const post = poster({ url: "/felt", tokenUrl: "/token", language: "ru" }, { fetch: async () => page });
  assert.equal((await post({ id: "a" })).status, 0);
});
