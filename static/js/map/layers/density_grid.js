// Events counted in cells of equal degrees, and the steps of their colours.

const SIZES = [5, 2, 1, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01];
/** The smallest cell the eye tells apart [px]. */
const LEAST = 26;
export const STEPS = 6;

/** Degrees of a cell's side at a zoom. */
export function cellSize(zoom) {
  const pixelsPerDegree = (256 * 2 ** zoom) / 360;
  const wide = SIZES.filter((size) => size * pixelsPerDegree >= LEAST);
  return wide.at(-1) ?? SIZES[0];
}

/** A cell is one number, column and row in it: a million events make no million texts. */
const ROWS = 100_000;
const HALF = 50_000;

/** Count points into cells: `Map` of cell to number; `each(count)` calls `count(lat, lon)` [deg]. */
export function countCells(each, size) {
  const cells = new Map();
  each((latitude, longitude) => {
    const cell = (Math.floor(longitude / size) + HALF) * ROWS + Math.floor(latitude / size) + HALF;
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
  });
  return cells;
}

/** Corners of a cell `{south, north, west, east}` [deg]. */
export function cornersOfCell(cell, size) {
  const row = (cell % ROWS) - HALF;
  const column = Math.floor(cell / ROWS) - HALF;
  return { south: row * size, north: (row + 1) * size, west: column * size, east: (column + 1) * size };
}

/** Lower bounds of the colour steps for a largest count: 1, then about equal factors, round numbers. */
export function bounds(largest) {
  const found = [1];
  const top = Math.max(largest, 1);
  for (let step = 1; step < STEPS; step += 1) {
    const bound = rounded(top ** (step / STEPS));
    if (bound > found.at(-1) && bound <= top) found.push(bound);
  }
  return found;
}

function rounded(value) {
  if (value < 10) return Math.max(2, Math.round(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return Math.max(1, Math.round(value / power)) * power;
}

/** Which colour of 0..STEPS-1 a count has; few steps are spread over the whole scale. */
export function stepOf(count, steps) {
  const index = steps.filter((bound) => count >= bound).length - 1;
  return steps.length === 1 ? 0 : Math.round((index * (STEPS - 1)) / (steps.length - 1));
}
