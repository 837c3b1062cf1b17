// Numbers and sentences in the reader's way; the words come from the page.

/** Put values into a sentence of the page: `%(name)s`. */
export function fill(sentence, values) {
  return sentence.replace(/%\((\w+)\)s/g, (whole, name) => (name in values ? values[name] : whole));
}

/** A number with so many places and the language's decimal sign. */
export function number(value, places, decimal = ".") {
  return value.toFixed(places).replace("-", "−").replace(".", decimal);
}

/** A size to one place, two where it has two; one with more was computed and is told to one. */
export function magnitude(value, decimal = ".") {
  const has = (power) => Math.abs(Math.round(value * power) / power - value) < 1e-6;
  const places = has(100) && !has(10) ? 2 : 1;
  return number(value, places, decimal);
}

/** A depth with the digits it has, at most one. */
export function depth(value, decimal = ".") {
  const round = Math.round(value * 10) / 10;
  return number(round, Number.isInteger(round) ? 0 : 1, decimal);
}

/** 12345 as "12 345" with a narrow space. */
export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** An intensity: 4, or 3–4 for a half. */
export function intensity(value) {
  const low = Math.floor(value);
  return low === value ? String(low) : `${low}–${low + 1}`;
}

/** `49.56° N, 72.97° E` with the page's hemisphere words. */
export function coordinates(latitude, longitude, words, decimal = ".", places = 2) {
  const part = (value, positive, negative) =>
    `${number(Math.abs(value), places, decimal)}°\u00a0${value >= 0 ? positive : negative}`;
  return `${part(latitude, words.north, words.south)}, ${part(longitude, words.east, words.west)}`;
}
