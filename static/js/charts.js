// Reading a chart the server drew: which point is meant, which span was chosen. Pure functions.

/**
 * @typedef {[number, string, string, string]} Point x in the drawing, label, first and last day
 */

/** Index of the point nearest to x; -1 without points. Points are in the order of x. */
export function nearest(points, x) {
  let low = 0;
  let high = points.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= x) low = middle;
    else high = middle;
  }
  return x - points[low][0] <= points[high][0] - x ? low : high;
}

/**
 * Where the keys lead: `{at, from}` after a key; null for a key that means nothing here. `from` is
 * the other end of a chosen span, null without one.
 */
export function moved({ at, from }, key, shift, count, canChoose) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  if (key === "Escape") return { at, from: null };
  if (!(key in steps) || !count) return null;
  const start = at < 0 ? (steps[key] > 0 ? -1 : count) : at;
  const next = Math.min(Math.max(start + steps[key], 0), count - 1);
  if (!shift || !canChoose) return { at: next, from: null };
  return { at: next, from: from === null ? Math.max(at, 0) : from };
}

/** The days of a span between two points, the earlier first. */
export function spanOf(points, one, other) {
  const [first, last] = one <= other ? [one, other] : [other, one];
  return { start: points[first][2], end: points[last][3] };
}

/** The query of the search narrowed to whole days; its end is the last moment of the last day. */
export function narrowed(query, { start, end }) {
  const words = new URLSearchParams(query);
  for (const word of ["starttime", "start", "endtime", "end"]) words.delete(word);
  words.set("starttime", start);
  words.set("endtime", `${end}T23:59:59.999999`);
  return words.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
}
