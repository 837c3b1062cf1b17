// Time as a scale: ticks at whole hours to centuries, counts in bins, steps of a window. UTC, any year.

import { timeIndex } from "./filters.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30.44 * DAY;
const YEAR = 365.25 * DAY;

/** Steps between ticks, the finest first: unit, how many, about how long [ms]. */
const STEPS = [
  ...[1, 5, 15, 30].map((n) => ({ unit: "minute", n, ms: n * MINUTE })),
  ...[1, 3, 6, 12].map((n) => ({ unit: "hour", n, ms: n * HOUR })),
  ...[1, 2, 7].map((n) => ({ unit: "day", n, ms: n * DAY })),
  ...[1, 3, 6].map((n) => ({ unit: "month", n, ms: n * MONTH })),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => ({ unit: "year", n, ms: n * YEAR })),
];

/** The finest step of which at most `most` fit between two times. */
export function stepFor(from, until, most) {
  return STEPS.find((step) => (until - from) / step.ms <= most) ?? STEPS.at(-1);
}

const utc = (year, month = 0, day = 1) => {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.getTime();
};

/** The last whole step at or before a time. */
export function floorTo(ms, { unit, n }) {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  if (unit === "year") return utc(Math.floor(year / n) * n);
  if (unit === "month") return utc(year, Math.floor(date.getUTCMonth() / n) * n);
  // Days count from the first of January 1970, weeks from a Monday.
  const size = n * (unit === "minute" ? MINUTE : unit === "hour" ? HOUR : DAY);
  const shift = unit === "day" && n === 7 ? 4 * DAY : 0;
  return Math.floor((ms - shift) / size) * size + shift;
}

/** The next step after a time that is one. */
export function after(ms, { unit, n }) {
  const date = new Date(ms);
  if (unit === "year") return utc(date.getUTCFullYear() + n);
  if (unit === "month") return utc(date.getUTCFullYear(), date.getUTCMonth() + n);
  return ms + n * (unit === "minute" ? MINUTE : unit === "hour" ? HOUR : DAY);
}

/** Times of whole steps from `from` to `until`, both included. */
export function ticks(from, until, step) {
  const found = [];
  for (let ms = floorTo(from, step); ms <= until && found.length < 1000; ms = after(ms, step)) {
    if (ms >= from) found.push(ms);
  }
  return found;
}

/** A tick's label: as much of the time as its unit needs. */
export function tickLabel(ms, { unit }) {
  const text = new Date(ms).toISOString();
  const [, year, month, day, hour, minute] = /^([+-]?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(text);
  const plainYear = String(Number(year));
  if (unit === "year") return plainYear;
  if (unit === "month") return month === "01" ? plainYear : `${plainYear}-${month}`;
  if (unit === "day") return `${month}-${day}`;
  return hour === "00" && minute === "00" ? `${month}-${day}` : `${hour}:${minute}`;
}

/** The extent of events, widened to whole steps, so that none sits on the edge. */
export function extentOf(first, last) {
  const span = Math.max(last - first, DAY);
  const step = stepFor(first, first + span, 24);
  return [floorTo(first, step), after(floorTo(last, step), step)];
}

/**
 * How many events fall into each of `n` equal parts.
 * @param {Uint32Array} order events, oldest first
 * @param {Float64Array} time [ms]
 * @returns {Uint32Array}
 */
export function binCounts(order, time, [from, until], n) {
  const counts = new Uint32Array(n);
  let before = timeIndex(order, time, from);
  for (let bin = 0; bin < n; bin += 1) {
    const end = bin === n - 1 ? until : from + ((until - from) * (bin + 1)) / n;
    const upTo = timeIndex(order, time, end, bin === n - 1);
    counts[bin] = upTo - before;
    before = upTo;
  }
  return counts;
}

/** Whole periods with their counts, for a table: at most `most` rows. */
export function periods(order, time, [from, until], most) {
  const step = stepFor(from, until, most - 1);
  const rows = [];
  for (let start = floorTo(from, step); start < until; start = after(start, step)) {
    const end = after(start, step);
    rows.push({ start, count: timeIndex(order, time, end) - timeIndex(order, time, start) });
  }
  return { step, rows };
}

/** A window that shows something when played: about a twelfth of the whole, a round step. */
export function windowLength([from, until]) {
  const wanted = (until - from) / 12;
  return STEPS.reduce((best, step) =>
    Math.abs(Math.log(step.ms / wanted)) < Math.abs(Math.log(best.ms / wanted)) ? step : best).ms;
}

/** How far an arrow key moves a handle: about a hundredth of the whole, a round step. */
export function keyStep([from, until]) {
  return (STEPS.find((step) => step.ms >= (until - from) / 120) ?? STEPS.at(-1)).ms;
}

/** A window kept inside the whole, its length kept where it fits. */
export function moved([from, until], by, [first, last]) {
  const length = Math.min(until - from, last - first);
  const start = Math.min(Math.max(from + by, first), last - length);
  return [start, start + length];
}
