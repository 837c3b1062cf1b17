import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { compile, timeLimit, within, withKeys } from "../../static/js/map/filters.js";
import { Store } from "../../static/js/map/store.js";
import {
  TileError, codesOf, decode, decodeMatching, keyOf, kindOf, spell, unspell,
} from "../../static/js/map/tiles.js";

const file = (name) => readFileSync(new URL(name, import.meta.url));
const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const BOUNDS = [10, 20, 40, 70];

const fixture = JSON.parse(file("tile_v1.json"));
const tile = decode(buffer(file("tile_v1.bin")));

test("a tile reads as the server wrote it", () => {
  assert.equal(tile.start, fixture.header.start);
  assert.equal(tile.unit, fixture.header.unit_ms);
  const names = { latLow: "lat_low", lonLow: "lon_low", latHigh: "lat_high", lonHigh: "lon_high" };
  for (const name of ["time", "number", "latLow", "lonLow", "depth", "kr", "magnitude", "latHigh", "lonHigh"]) {
    assert.deepEqual([...tile[name]], fixture.columns[names[name] ?? name], name);
  }
});

test("a store tells each event of a tile as it was", () => {
  const store = new Store(BOUNDS);
  store.addTile("a", tile);
  fixture.events.forEach((event, i) => {
    const record = store.record(i);
    assert.equal(record.id, event.id);
    assert.equal(record.time, Math.floor(Date.parse(event.time) / tile.unit) * tile.unit);
    assert.ok(Math.abs(record.lat - event.lat) < 1e-5 && Math.abs(record.lon - event.lon) < 2e-5);
    for (const [name, step] of [["depth_km", 0.1], ["kr", 0.01], ["magnitude", 0.01]]) {
      if (event[name] === null) assert.equal(record[name], null);
      else if (name !== "depth_km" || event[name] < 799) {
        assert.ok(event[name] - record[name] >= -1e-9 && event[name] - record[name] < step, `${name} of ${event.id}`);
      }
    }
    for (const name of ["felt", "synthetic", "mechanism", "minute_precision"]) assert.equal(record[name], event[name]);
    assert.equal(store.indexOf(event.id), i);
  });
});

test("a record packed here has the codes of the server", () => {
  fixture.events.forEach((event, i) => {
    const codes = codesOf({ ...event, time: Date.parse(event.time) });
    const timeRemainder = tile.depth[i] & (1 << 15);
    assert.equal(codes.depth | timeRemainder, tile.depth[i], `depth of ${event.id}`);
    assert.equal(codes.kr, tile.kr[i], `KR of ${event.id}`);
    assert.equal(codes.magnitude, tile.magnitude[i], `magnitude of ${event.id}`);
    assert.equal(codes.lat, (tile.latHigh[i] << 16) | tile.latLow[i]);
    assert.equal(codes.lon, (tile.lonHigh[i] << 16) | tile.lonLow[i]);
  });
  for (const [kind, types] of Object.entries(fixture.kinds)) {
    for (const type of types ?? ["landslide"]) assert.equal(kindOf(type), Number(kind), type);
  }
});

test("ids are spelt and read alike", () => {
  assert.equal(spell(2014, unspell("kz2014h3k2m7").number), "kz2014h3k2m7");
  assert.equal(unspell("kz2014kadzhi"), null);
});

test("the ids of a search come back as keys", () => {
  const { keys, count } = decodeMatching(buffer(file("matching_v1.bin")));
  assert.equal(keys.size, count);
  for (const key of keys) {
    assert.equal(typeof key === "number" || /^\w+$/.test(key), true);
  }
});

test("what is no tile is refused with a reason", () => {
  const bytes = buffer(file("tile_v1.bin"));
  assert.throws(() => decode(new ArrayBuffer(3)), TileError);
  assert.throws(() => decode(bytes.slice(0, bytes.byteLength - 8)), /too early/);
  assert.throws(() => decode(new TextEncoder().encode("<!doctype html>..").buffer), /KZT1/);
});

// One table of searches and the ids EventSearch finds for them; the server's tests check the same.
const table = JSON.parse(file("map_queries.json"));
const store = new Store(BOUNDS);
// Newest first, as they arrive.
for (const [place, text] of [...table.tiles.entries()].reverse()) {
  store.addTile(String(place), decode(buffer(Buffer.from(text, "base64"))));
}
const idsOf = (order) => [...order].map((i) => store.idOf(i)).sort();

for (const { query, by, ids } of table.queries) {
  test(`search ${query || "for all"}: ${by}`, () => {
    const limits = compile(Object.fromEntries(new URLSearchParams(query)));
    if (by === "browser") assert.deepEqual(idsOf(within(store, store.order, limits)), [...ids].sort());
    else assert.equal(limits, null);
  });
}

test("the server's ids are met with the events that are here", () => {
  const wanted = table.queries[1].ids;
  const keys = new Set(wanted.map((id) => {
    const parts = unspell(id);
    return parts ? keyOf(parts.year, parts.number) : id;
  }));
  assert.deepEqual(idsOf(withKeys(store, store.order, keys)), [...wanted].sort());
});

test("mistakes and other words are left to the server", () => {
  for (const words of [
    { minkr: "much" }, { minkr: "12", maxkr: "11" }, { starttime: "2014-02-30" }, { agency: "KNDC" },
    { minkr: "1e1" }, { minmagnitude: "5", minmag: "5" }, { maxdepth: "850" }, { mindepth: "-30" }, { nosuch: "1" },
  ]) {
    assert.equal(compile(words), null, JSON.stringify(words));
  }
  assert.deepEqual(compile({ start: "0099-01-01", FELT: "TRUE" }), { from: timeLimit("0099-01-01"), felt: true });
});

const row = (id, values = {}) => ({
  id, time: Date.UTC(2014, 2, 1, 12), lat: 43, lon: 77, depth_km: 10, kr: 9, magnitude: null, mpva: null, ...values,
});

test("a changed event replaces its former row, also in a tile that comes late", () => {
  const all = new Store(BOUNDS);
  const [first, ...others] = table.tiles.map((text) => decode(buffer(Buffer.from(text, "base64"))));
  others.forEach((part, place) => all.addTile(String(place), part));
  const before = all.order.length;
  const [old] = idsOf(all.order).filter((id) => unspell(id));
  all.putRecords([row(old, { kr: 17.5 }), row("kz2014222223")]);
  all.remove([table.queries[0].ids[0]]);
  assert.equal(all.order.length, before + 1);
  assert.equal(all.record(all.indexOf(old)).kr, 17.5);
  all.addTile("late", first);
  assert.equal(all.indexOf(table.queries[0].ids[0]), -1);
  assert.equal(all.order.length, before + 1 + first.count - 1);
  const times = [...all.order].map((i) => all.time[i]);
  assert.deepEqual(times, [...times].sort((a, b) => a - b));
  all.settle();
  assert.equal(all.order.length, before + first.count);
});
