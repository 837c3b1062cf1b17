// Where on a drawing of a waveform which time stands, and how the form writes it.

/** Return the moment (ms since 1970) at a share of the drawing's width. */
export function timeAt({ from, seconds }, share) {
  return Date.parse(from) + 1000 * seconds * share;
}

/** Return a moment as "2014-11-14 01:24:05.20", UTC. */
export function written(moment) {
  const rounded = new Date(10 * Math.round(moment / 10));
  return rounded.toISOString().replace("T", " ").slice(0, 22);
}
