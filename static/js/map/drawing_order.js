// The order epicentres are painted in: the largest first, so that none hides below a larger one;
// within a class the oldest first. A time window is then one run of each class.

import { timeIndex } from "./filters.js";
import { NO_SIZE } from "./store.js";

/** The classes, the first painted first. An unknown size is painted last. */
const classesOf = (counts) => [...counts.keys()]
  .filter((size) => size !== NO_SIZE && counts[size])
  .sort((a, b) => b - a)
  .concat(counts[NO_SIZE] ? [NO_SIZE] : []);

/**
 * @param {Uint8Array} style four bytes an event, the size class first
 * @param {Uint32Array} order events, oldest first
 * @returns {{items: Uint32Array, runs: {size: number, start: number, end: number}[]}}
 */
export function drawingOrder(style, order) {
  const counts = new Uint32Array(256);
  for (let place = 0; place < order.length; place += 1) counts[style[4 * order[place]]] += 1;
  const next = new Uint32Array(256);
  const runs = [];
  let start = 0;
  for (const size of classesOf(counts)) {
    next[size] = start;
    runs.push({ size, start, end: start + counts[size] });
    start += counts[size];
  }
  const items = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place += 1) {
    const i = order[place];
    items[next[style[4 * i]]++] = i;
  }
  return { items, runs };
}

/** The part of each run within a time window `[from, until)`; all of it where there is none. */
export function runsWithin({ items, runs }, time, window) {
  if (!window) return runs;
  return runs
    .map(({ size, start, end }) => {
      const run = items.subarray(start, end);
      return {
        size,
        start: start + timeIndex(run, time, window[0]),
        end: start + timeIndex(run, time, window[1]),
      };
    })
    .filter(({ start, end }) => end > start);
}
