// All events the page holds, as columns: tiles are appended as they arrive, changed events replace
// their former row. An event is an index into the columns; `order` lists the living, oldest first.

import { RADIUS, classOfMagnitude, classOfMpva, classRadius, depthClass, krClass, magnitudeOfClass } from "./symbols.js";
import {
  DEPTH_MASK, DEPTH_NONE, FELT, KINDS, KR_MOST, MECHANISM, MINUTE, SIZE_MASK, SIZE_NONE,
  SIZE_REMAINDER, SYNTHETIC, codesOf, keyOf, spell, unspell,
} from "./tiles.js";

/** Marks of an event in `style[4 * i + 2]`. */
export const MARKS = { felt: 1, synthetic: 2, mechanism: 4 };
/** Size class of an event whose size is not known; others are whole energy classes 6 to 18. */
export const NO_SIZE = 255;
/** Depth class of an event whose depth is not reported. */
export const NO_DEPTH = 5;
const LEAST_CLASS = 6;
const MOST_CLASS = 18;
/** Columns and how many values an event has in each. */
const COLUMNS = {
  time: [Float64Array, 1], number: [Uint32Array, 1], lat: [Uint32Array, 1], lon: [Uint32Array, 1],
  depth: [Uint16Array, 1], kr: [Uint16Array, 1], magnitude: [Uint16Array, 1],
  x: [Float32Array, 1], y: [Float32Array, 1], hours: [Float32Array, 1], style: [Uint8Array, 4],
};
const HOUR_MS = 3_600_000;

// Size class of every code of the KR and of the magnitude column, a half class going down.
const bounded = (drawn) => Math.min(Math.max(krClass(drawn), LEAST_CLASS), MOST_CLASS);
const leftOver = (code) => (code & SIZE_REMAINDER ? 0.005 : 0);
const KR_CLASS = new Uint8Array(2 * (SIZE_MASK + 1)).map((_, code) => {
  const value = code & SIZE_MASK;
  if (value <= KR_MOST) return bounded(value / 100 - 10 + leftOver(code));
  return value === SIZE_NONE ? NO_SIZE : bounded(classOfMpva(mpvaOf(value)));
});
const MAGNITUDE_CLASS = new Uint8Array(2 * (SIZE_MASK + 1)).map((_, code) => {
  const value = code & SIZE_MASK;
  return value === SIZE_NONE ? NO_SIZE : bounded(classOfMagnitude(value / 100 - 10 + leftOver(code)));
});

function mpvaOf(code) {
  return -2 + (code - KR_MOST - 1) * 0.02;
}

/** World pixels of zoom 0, as Leaflet's EPSG:3857. */
export function worldX(lon) {
  return (lon + 180) * (256 / 360);
}

export function worldY(lat) {
  const limited = Math.min(Math.max(lat, -85.0511287798), 85.0511287798);
  return 128 - (128 / Math.PI) * Math.atanh(Math.sin((limited * Math.PI) / 180));
}

export class Store {
  /** @param {number[]} depthBounds lower bounds of the depth classes but the first [km] */
  constructor(depthBounds) {
    this.depthBounds = depthBounds;
    this.depthClasses = new Uint8Array(DEPTH_MASK + 1).map((_, code) =>
      code === DEPTH_NONE ? NO_DEPTH : depthClass(code / 10 - 20, depthBounds));
    this.clear();
  }

  /** Forget everything; `epoch` tells painters that the same places hold other events. */
  clear() {
    this.epoch = (this.epoch ?? 0) + 1;
    this.length = 0;
    this.blocks = [];
    this.loose = []; // events that came one by one, not in a tile
    this.guests = new Uint32Array(0); // shown by one search, part of no other
    this.dead = new Set();
    this.superseded = new Set(); // ids that changed after the tiles were made
    this.named = new Map(); // index -> id that is not a year and six places
    this.#grow(0, 1024);
  }

  #grow(keep, capacity) {
    this.capacity = capacity;
    for (const [name, [Type, width]] of Object.entries(COLUMNS)) {
      const column = new Type(capacity * width);
      if (keep) column.set(this[name].subarray(0, keep * width));
      this[name] = column;
    }
    this.touched();
  }

  /** Make room for so many events in all. */
  reserve(count) {
    if (count <= this.capacity) return;
    this.#grow(this.length, Math.max(count, Math.min(2 * this.capacity, this.capacity + 65536)));
  }

  touched() {
    this.sorted = null;
    this.revision = (this.revision ?? 0) + 1;
  }

  /** Append a tile; `name` finds it again. */
  addTile(name, tile) {
    this.reserve(this.length + tile.count);
    const first = this.length;
    const { time, number, lat, lon, depth, kr, magnitude } = this;
    for (let k = 0; k < tile.count; k += 1) {
      const i = first + k;
      time[i] = tile.start + tile.time[k] * tile.unit;
      lat[i] = (tile.latHigh[k] << 16) | tile.latLow[k];
      lon[i] = (tile.lonHigh[k] << 16) | tile.lonLow[k];
    }
    number.set(tile.number, first);
    depth.set(tile.depth, first);
    kr.set(tile.kr, first);
    magnitude.set(tile.magnitude, first);
    for (const [index, id] of Object.entries(tile.ids)) this.named.set(first + Number(index), id);
    this.length += tile.count;
    this.blocks.push({ name, start: tile.start, first, count: tile.count });
    this.#derive(first, this.length);
    // A tile that comes late still holds what has changed meanwhile.
    if (this.superseded.size) {
      const loose = new Set(this.loose);
      for (const i of this.indicesOf([...this.superseded])) if (!loose.has(i)) this.dead.add(i);
    }
  }

  /** Forget a tile whose successor has come. */
  dropTile(name) {
    const block = this.blocks.find((other) => other.name === name);
    if (!block) return;
    this.blocks.splice(this.blocks.indexOf(block), 1);
    this.touched();
  }

  /** Events that came as full records; those with a known id replace what stood there. */
  putRecords(records, { fresh = false } = {}) {
    if (!fresh) this.remove(records.map((record) => record.id));
    this.loose.push(...this.#append(records));
    this.touched();
  }

  /** Events beside the catalogue's own (automatic ones); the guests before them are forgotten. */
  putGuests(records) {
    const indices = this.#append(records);
    this.guests = Uint32Array.from(indices).sort((a, b) => this.time[a] - this.time[b] || b - a);
  }

  #append(records) {
    this.reserve(this.length + records.length);
    const first = this.length;
    for (const record of records) {
      const i = this.length;
      const codes = codesOf(record);
      this.time[i] = record.time;
      this.lat[i] = codes.lat;
      this.lon[i] = codes.lon;
      this.depth[i] = codes.depth;
      this.kr[i] = codes.kr;
      this.magnitude[i] = codes.magnitude;
      const spelt = unspell(record.id);
      const shift = spelt ? spelt.year - new Date(record.time).getUTCFullYear() + 2 : 0;
      if (shift >= 1 && shift <= 3) {
        this.number[i] = (shift << 30) | spelt.number;
      } else {
        this.number[i] = 0;
        this.named.set(i, record.id);
      }
      this.length += 1;
    }
    this.#derive(first, this.length);
    return Array.from({ length: records.length }, (_, place) => first + place);
  }

  /** Take events out by their ids. */
  remove(ids) {
    for (const i of this.indicesOf(ids)) this.dead.add(i);
    for (const id of ids) this.superseded.add(id);
    this.touched();
  }

  /** Forget what came one by one and what was taken out: a new set of tiles holds all that. */
  settle() {
    for (const i of this.loose) this.named.delete(i);
    this.loose = [];
    this.dead.clear();
    this.superseded.clear();
    this.touched();
  }

  #derive(first, end) {
    for (let i = first; i < end; i += 1) {
      const lat = (this.lat[i] * 180) / 0xffffff - 90;
      this.x[i] = (this.lon[i] * 256) / 0xffffff;
      this.y[i] = worldY(lat);
      this.hours[i] = this.time[i] / HOUR_MS;
      const size = KR_CLASS[this.kr[i] & 0x1fff];
      this.style[4 * i] = size === NO_SIZE ? MAGNITUDE_CLASS[this.magnitude[i] & 0x1fff] : size;
      this.style[4 * i + 1] = this.depthClasses[this.depth[i] & DEPTH_MASK];
      this.style[4 * i + 2] = (this.kr[i] & FELT ? MARKS.felt : 0)
        | (this.kr[i] & SYNTHETIC ? MARKS.synthetic : 0) | (this.kr[i] & MECHANISM ? MARKS.mechanism : 0);
      this.style[4 * i + 3] = this.magnitude[i] >> 13;
    }
    this.touched();
  }

  /** Indices of all living events, oldest first. */
  get order() {
    this.sorted ??= this.#sort();
    return this.sorted;
  }

  #sort() {
    const { time, dead } = this;
    const blocks = [...this.blocks].sort((a, b) => a.start - b.start);
    const living = blocks.reduce((sum, block) => sum + block.count, 0) + this.loose.length;
    const loose = this.loose.filter((i) => !dead.has(i)).sort((a, b) => time[a] - time[b] || b - a);
    const order = new Uint32Array(living);
    let length = 0;
    let next = 0;
    for (const { first, count } of blocks) {
      for (let i = first; i < first + count; i += 1) {
        if (dead.size && dead.has(i)) continue;
        while (next < loose.length && time[loose[next]] < time[i]) order[length++] = loose[next++];
        order[length++] = i;
      }
    }
    while (next < loose.length) order[length++] = loose[next++];
    return order.subarray(0, length);
  }

  /** Call `visit(index, key)` for each of `order` (oldest first), key as in tiles.js. */
  eachKey(order, visit) {
    let year = null;
    let next = -Infinity;
    for (let place = 0; place < order.length; place += 1) {
      const i = order[place];
      if (this.time[i] >= next) {
        year = new Date(this.time[i]).getUTCFullYear();
        next = new Date(0).setUTCFullYear(year + 1, 0, 1);
      }
      const number = this.number[i];
      const shift = number >>> 30;
      visit(i, shift ? keyOf(year + shift - 2, number & 0x3fffffff) : this.named.get(i));
    }
  }

  idOf(i) {
    const number = this.number[i];
    const shift = number >>> 30;
    if (!shift) return this.named.get(i) ?? "";
    return spell(new Date(this.time[i]).getUTCFullYear() + shift - 2, number & 0x3fffffff);
  }

  /** Index of a living event, -1 where there is none of this id. */
  indexOf(id) {
    for (const i of this.indicesOf([id])) return i;
    return -1;
  }

  /** Indices of living events with these ids, in no order; one pass over all. */
  indicesOf(ids) {
    const found = [];
    const wanted = new Map(); // number -> years
    const spelt = new Set();
    for (const id of ids) {
      const parts = unspell(id);
      spelt.add(id);
      if (parts) wanted.set(parts.number, [...(wanted.get(parts.number) ?? []), parts.year]);
    }
    const consider = (i) => {
      const number = this.number[i];
      const shift = number >>> 30;
      if (!shift) {
        if (spelt.has(this.named.get(i))) found.push(i);
        return;
      }
      const years = wanted.get(number & 0x3fffffff);
      if (years?.includes(new Date(this.time[i]).getUTCFullYear() + shift - 2)) found.push(i);
    };
    for (const { first, count } of this.blocks) {
      for (let i = first; i < first + count; i += 1) consider(i);
    }
    for (const i of this.loose) consider(i);
    for (const i of this.guests) consider(i);
    return this.dead.size ? found.filter((i) => !this.dead.has(i)) : found;
  }

  latOf(i) {
    return (this.lat[i] * 180) / 0xffffff - 90;
  }

  lonOf(i) {
    return (this.lon[i] * 360) / 0xffffff - 180;
  }

  /** The magnitude an event is sized by (symbols.js), -99 where no size is known. */
  magnitudeOf(i) {
    const kr = this.kr[i] & SIZE_MASK;
    if (kr <= KR_MOST) return magnitudeOfClass(kr / 100 - 10);
    const magnitude = this.magnitude[i] & SIZE_MASK;
    if (magnitude !== SIZE_NONE) return magnitude / 100 - 10;
    return kr === SIZE_NONE ? -99 : magnitudeOfClass(classOfMpva(mpvaOf(kr)));
  }

  /** Depth [km], -99 where it is not reported. */
  depthOf(i) {
    const depth = this.depth[i] & DEPTH_MASK;
    return depth === DEPTH_NONE ? -99 : depth / 10 - 20;
  }

  /** A light record, see atlas.js. */
  record(i) {
    const depth = this.depth[i] & DEPTH_MASK;
    const kr = this.kr[i] & SIZE_MASK;
    const magnitude = this.magnitude[i] & SIZE_MASK;
    const tenths = (code, shift, scale) => (code - shift * scale) / scale;
    return {
      id: this.idOf(i),
      time: this.time[i],
      lat: this.latOf(i),
      lon: this.lonOf(i),
      depth_km: depth === DEPTH_NONE ? null : tenths(depth, 20, 10),
      kr: kr <= KR_MOST ? tenths(kr, 10, 100) : null,
      magnitude: magnitude === SIZE_NONE ? null : tenths(magnitude, 10, 100),
      mpva: kr > KR_MOST && kr < SIZE_NONE ? Math.round(mpvaOf(kr) * 100) / 100 : null,
      felt: Boolean(this.kr[i] & FELT),
      synthetic: Boolean(this.kr[i] & SYNTHETIC),
      mechanism: Boolean(this.kr[i] & MECHANISM),
      minute_precision: Boolean(this.depth[i] & MINUTE),
      kind: KINDS[this.magnitude[i] >> 13],
    };
  }
}

/** The radius of a size class [px] where the zoom factor is 1. */
export function sizeRadius(size) {
  return size === NO_SIZE ? RADIUS.unknown : classRadius(size);
}
