// Search words answered in the browser, exactly as catalog/search.py answers them. What the tiles
// cannot tell exactly is not guessed: `compile` returns null and the server is asked.

import {
  DEPTH_MASK, DEPTH_NONE, DEPTH_REMAINDER, FELT, KR_MOST, MECHANISM, SIZE_MASK, SIZE_NONE,
  SIZE_REMAINDER, SYNTHETIC, TIME_REMAINDER,
} from "./tiles.js";

const ALIASES = { start: "starttime", end: "endtime", minmag: "minmagnitude", maxmag: "maxmagnitude" };
const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?Z?$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
// Tiles of a decade count in 100 ms: a limit between two counts would not be exact.
const TIME_GRID_MS = 100;

/**
 * A time word in ms since 1970, null where it is no time the tiles can tell apart exactly.
 * The calendar is Python's: the proleptic Gregorian of the years 1 to 9999.
 */
export function timeLimit(text) {
  const match = TIME.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const micros = Number((match[7] ?? "").padEnd(6, "0"));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  const same = year > 0 && date.getUTCFullYear() === year && date.getUTCMonth() === month - 1
    && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!same || micros % (TIME_GRID_MS * 1000)) return null;
  return date.getTime() + micros / 1000;
}

/** A decimal word as a whole number of its unit, null where it is none or lies between two. */
function gridLimit(text, { shift, scale, low, high }) {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  if (value < low || value > high) return null;
  const units = value * scale;
  const whole = Math.round(units);
  return Math.abs(units - whole) < 1e-6 ? whole + shift * scale : null;
}

const SIZE = { shift: 10, scale: 100, low: -10, high: 25 };
const DEPTH = { shift: 20, scale: 10, low: -100, high: 1000 };
// Depths beyond these are told as the first and the last step; a limit among them is not exact.
const DEPTH_STEPS = [-20, 798.9];
const LIMITS = {
  starttime: ["from", timeLimit],
  endtime: ["until", timeLimit],
  minkr: ["minKr", (text) => gridLimit(text, SIZE)],
  maxkr: ["maxKr", (text) => gridLimit(text, SIZE)],
  minmagnitude: ["minMagnitude", (text) => gridLimit(text, SIZE)],
  maxmagnitude: ["maxMagnitude", (text) => gridLimit(text, SIZE)],
  mindepth: ["minDepth", depthLimit],
  maxdepth: ["maxDepth", depthLimit],
  felt: ["felt", flag],
  hasmechanism: ["mechanism", flag],
  synthetic: ["synthetic", flag],
  eventtype: ["kinds", kinds],
};
const PAIRS = [["from", "until"], ["minKr", "maxKr"], ["minMagnitude", "maxMagnitude"], ["minDepth", "maxDepth"]];

function depthLimit(text) {
  const limit = gridLimit(text, DEPTH);
  if (limit === null) return null;
  const value = Number(text);
  const [first, last] = DEPTH_STEPS;
  if ((value < first && value > DEPTH.low) || (value > last && value < DEPTH.high)) return null;
  return limit;
}

function flag(text) {
  const word = text.toLowerCase();
  return word === "true" ? true : word === "false" ? false : null;
}

// What each kind of event in a tile stands for; 7, "other", is too many types to be told exactly.
const KIND_TYPES = [
  ["unknown", "earthquake", "not reported"],
  ["explosion", "quarry blast", "chemical explosion", "industrial explosion", "mining explosion"],
  ["nuclear explosion"],
  ["induced or triggered event"],
  ["rock burst", "collapse", "mine collapse"],
];

/** Kinds that hold exactly these types, null where a kind would hold more. */
function kinds(text) {
  const types = new Set(text.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean));
  const found = [];
  KIND_TYPES.forEach((all, kind) => {
    if (!all.every((type) => types.has(type))) return;
    for (const type of all) types.delete(type);
    found.push(kind);
  });
  return types.size || !found.length ? null : found;
}

/**
 * Limits of a search in the tiles' own units.
 * @param {Object<string, string>} words
 * @returns {?Object} null where the server must be asked (another word, a limit between two units,
 *   limits that contradict each other, a mistake: the server says what is wrong with it)
 */
export function compile(words) {
  const limits = {};
  for (const [given, text] of Object.entries(words)) {
    const word = given.toLowerCase();
    const [name, reader] = LIMITS[ALIASES[word] ?? word] ?? [];
    const value = name && !(name in limits) ? reader(text) : null;
    if (value === null) return null;
    limits[name] = value;
  }
  for (const [low, high] of PAIRS) {
    if (low in limits && high in limits && limits[low] > limits[high]) return null;
  }
  return limits;
}

/** First place of `order` whose time is at least (or, `after`, beyond) `limit`. */
export function timeIndex(order, time, limit, after = false) {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const value = time[order[middle]];
    if (value < limit || (after && value === limit)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The events within limits, oldest first.
 * @param {Object} store columns `time, depth, kr, magnitude` of all events
 * @param {Uint32Array} order indices of the events asked, oldest first
 * @param {Object} limits of `compile`
 * @returns {Uint32Array}
 */
export function within(store, order, limits) {
  const { time, depth, kr, magnitude } = store;
  const begin = limits.from === undefined ? 0 : timeIndex(order, time, limits.from);
  const end = limits.until === undefined ? order.length : timeIndex(order, time, limits.until, true);
  const until = limits.until ?? Infinity;
  const others = Object.keys(limits).some((name) => name !== "from" && name !== "until");
  const ragged = end > begin && time[order[end - 1]] === until;
  if (!others && !ragged) return order.subarray(begin, end);

  const depths = span(limits.minDepth, limits.maxDepth, DEPTH_NONE - 1);
  const classes = span(limits.minKr, limits.maxKr, KR_MOST);
  const sizes = span(limits.minMagnitude, limits.maxMagnitude, SIZE_NONE - 1);
  let mask = 0;
  let wanted = 0;
  for (const [name, bit] of [["felt", FELT], ["synthetic", SYNTHETIC], ["mechanism", MECHANISM]]) {
    if (limits[name] === undefined) continue;
    mask |= bit;
    if (limits[name]) wanted |= bit;
  }
  const kindBits = limits.kinds?.reduce((bits, kind) => bits | (1 << kind), 0) ?? 0xff;
  const found = new Uint32Array(end - begin);
  let length = 0;
  for (let place = begin; place < end; place += 1) {
    const i = order[place];
    if (time[i] === until && depth[i] & TIME_REMAINDER) continue;
    if ((kr[i] & mask) !== wanted || !((1 << (magnitude[i] >> 13)) & kindBits)) continue;
    if (depths) {
      const code = depth[i] & DEPTH_MASK;
      if (code < depths.low || code > depths.high) continue;
      if (code === depths.edge && depth[i] & DEPTH_REMAINDER) continue;
    }
    if (classes) {
      const code = kr[i] & SIZE_MASK;
      if (code < classes.low || code > classes.high) continue;
      if (code === classes.edge && kr[i] & SIZE_REMAINDER) continue;
    }
    if (sizes) {
      const code = magnitude[i] & SIZE_MASK;
      if (code < sizes.low || code > sizes.high) continue;
      if (code === sizes.edge && magnitude[i] & SIZE_REMAINDER) continue;
    }
    found[length] = i;
    length += 1;
  }
  return found.subarray(0, length);
}

/** A limit on codes: `edge` is the upper limit itself, where a remainder is too much. */
function span(low, high, most) {
  if (low === undefined && high === undefined) return null;
  return { low: low ?? 0, high: Math.min(high ?? most, most), edge: high ?? -1 };
}

/** Those of `order` whose id is in `keys` (see tiles.js `keyOf`; other ids stand as text). */
export function withKeys(store, order, keys) {
  const found = new Uint32Array(order.length);
  let length = 0;
  store.eachKey(order, (i, key) => {
    if (keys.has(key)) {
      found[length] = i;
      length += 1;
    }
  });
  return found.subarray(0, length);
}

/**
 * Those of `order` whose depth class and size class are shown.
 * @param {Uint8Array} style per event: size class, depth class, marks, kind
 * @param {?Uint8Array} depths 1 where a depth class is shown; null: all
 * @param {?Uint8Array} sizes 1 where a size class is shown; null: all
 */
export function ofClasses(style, order, depths, sizes) {
  if (!depths && !sizes) return order;
  const found = new Uint32Array(order.length);
  let length = 0;
  for (let place = 0; place < order.length; place += 1) {
    const i = order[place];
    if (depths && !depths[style[4 * i + 1]]) continue;
    if (sizes && !sizes[style[4 * i]]) continue;
    found[length] = i;
    length += 1;
  }
  return found.subarray(0, length);
}
