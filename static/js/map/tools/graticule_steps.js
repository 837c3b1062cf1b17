// Which meridians and parallels are drawn, and how they are labelled.

const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];
/** Lines are at least so far apart [px]. */
const LEAST = 110;

/** Degrees between two lines at a zoom. */
export function step(zoom) {
  const pixelsPerDegree = (256 * 2 ** zoom) / 360;
  const wide = STEPS.filter((degrees) => degrees * pixelsPerDegree >= LEAST);
  return wide.at(-1) ?? STEPS[0];
}

/** Every multiple of a step within two limits, free of rounding errors. */
export function lines(from, to, degrees) {
  const found = [];
  for (let n = Math.ceil(from / degrees - 1e-9); n * degrees <= to + 1e-9; n += 1) {
    found.push(Number((n * degrees).toFixed(4)));
  }
  return found;
}

/** `44° N`, `76.5° E`, `0°`, places as the step needs. */
export function label(value, degrees, positive, negative, decimal = ".") {
  const places = Number.isInteger(degrees) ? 0 : String(degrees).split(".")[1].length;
  const text = Math.abs(value).toFixed(places).replace(".", decimal);
  if (Math.abs(value) < 1e-9) return `${text}°`;
  return `${text}°\u00a0${value > 0 ? positive : negative}`;
}
