// The binary tiles of the map: a small JSON header, then columns of fixed width, little-endian.
// Columns are views into the answer itself; nothing is copied. Public ids are spelt out on demand.

const MAGIC = 0x31545a4b; // "KZT1", the first byte the lowest
const ALPHABET = "23456789abcdefghjkmnpqrstvwxyz";
const PLACES = 6;
const ID = /^kz(\d{4})([23456789abcdefghjkmnpqrstvwxyz]{6})$/;

export const DEPTH_MASK = 0x1fff;
export const DEPTH_NONE = 8191;
export const DEPTH_REMAINDER = 1 << 13;
export const MINUTE = 1 << 14;
export const TIME_REMAINDER = 1 << 15;
export const SIZE_MASK = 0xfff;
export const SIZE_NONE = 4095;
export const SIZE_REMAINDER = 1 << 12;
export const KR_MOST = 3500;
export const FELT = 1 << 13;
export const SYNTHETIC = 1 << 14;
export const MECHANISM = 1 << 15;
export const KINDS = ["earthquake", "blast", "nuclear", "induced", "collapse", "other", "other", "other"];

export class TileError extends Error {}

/** Header and the bytes after it; a wrong file is a TileError that says what is wrong. */
function opened(buffer) {
  if (buffer.byteLength < 8) throw new TileError(`a tile of ${buffer.byteLength} bytes`);
  const [magic, length] = new Uint32Array(buffer, 0, 2);
  if (magic !== MAGIC) throw new TileError("no tile: it does not begin with KZT1");
  if (length % 4 || 8 + length > buffer.byteLength) throw new TileError(`a header of ${length} bytes`);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  if (header.format !== 1) throw new TileError(`a tile of format ${header.format}`);
  return { header, start: 8 + length };
}

/** Views of so many values each, one after another, each padded to four bytes. */
function columnsOf(buffer, start, count, types) {
  let offset = start;
  return types.map((Type) => {
    const bytes = count * Type.BYTES_PER_ELEMENT;
    if (offset + bytes > buffer.byteLength) throw new TileError("a tile that ends too early");
    const column = new Type(buffer, offset, count);
    offset += Math.ceil(bytes / 4) * 4;
    return column;
  });
}

/**
 * Open one tile.
 * @param {ArrayBuffer} buffer
 * @returns {{start: number, unit: number, count: number, ids: Object<string, string>,
 *   time: Uint32Array, number: Uint32Array, latLow: Uint16Array, lonLow: Uint16Array,
 *   depth: Uint16Array, kr: Uint16Array, magnitude: Uint16Array, latHigh: Uint8Array,
 *   lonHigh: Uint8Array}} time counts units [ms] from start [ms since 1970]
 * @throws {TileError}
 */
export function decode(buffer) {
  const { header, start } = opened(buffer);
  const [time, number, latLow, lonLow, depth, kr, magnitude, latHigh, lonHigh] = columnsOf(
    buffer,
    start,
    header.count,
    [Uint32Array, Uint32Array, Uint16Array, Uint16Array, Uint16Array, Uint16Array, Uint16Array, Uint8Array, Uint8Array],
  );
  return {
    start: header.start, unit: header.unit_ms, count: header.count, ids: header.ids ?? {},
    time, number, latLow, lonLow, depth, kr, magnitude, latHigh, lonHigh,
  };
}

/**
 * Open the answer of a search: which ids match.
 * @returns {{version: number, count: number, truncated: boolean, keys: Set<number|string>}}
 */
export function decodeMatching(buffer) {
  const { header, start } = opened(buffer);
  const [number, year] = columnsOf(buffer, start, header.count, [Uint32Array, Uint16Array]);
  const keys = new Set();
  const ids = header.ids ?? {};
  for (let i = 0; i < header.count; i += 1) {
    keys.add(ids[i] ?? keyOf(year[i], number[i] & 0x3fffffff));
  }
  return { version: header.version, count: header.count, truncated: header.truncated, keys };
}

/** One number for an id made of a year and six places. */
export function keyOf(year, number) {
  return year * 2 ** 30 + number;
}

/** "kz", the year and six places of base 30. */
export function spell(year, number) {
  let rest = number;
  let places = "";
  for (let place = 0; place < PLACES; place += 1) {
    places = ALPHABET[rest % 30] + places;
    rest = Math.floor(rest / 30);
  }
  return `kz${String(year).padStart(4, "0")}${places}`;
}

/** Year and number of an id; null for one that is spelt in another way. */
export function unspell(id) {
  const match = ID.exec(id);
  if (!match) return null;
  let number = 0;
  for (const letter of match[2]) number = number * 30 + ALPHABET.indexOf(letter);
  return { year: Number(match[1]), number };
}

/**
 * The last step (in `scale` parts of a unit, counted from -shift) at or below a value, and whether
 * the value lies above it. A step's value is the number nearest to its decimal, as a limit is.
 */
export function floored(value, shift, scale) {
  let step = Math.floor(value * scale);
  // The product may have been rounded across a step, by one at most.
  if ((step + 1) / scale <= value) step += 1;
  if (step / scale > value) step -= 1;
  return { whole: step + shift * scale, remainder: step / scale !== value };
}

const BLASTS = ["quarry blast", "mining explosion", "chemical explosion", "industrial explosion", "explosion"];
const COLLAPSES = ["rock burst", "collapse", "mine collapse"];

/** Index into KINDS of a QuakeML event type; none told is drawn as an earthquake. */
export function kindOf(type) {
  if (!type || type === "earthquake" || type === "not reported") return 0;
  if (BLASTS.includes(type)) return 1;
  if (type === "nuclear explosion") return 2;
  if (type === "induced or triggered event") return 3;
  return COLLAPSES.includes(type) ? 4 : 7;
}

const known = (value) => value !== null && value !== undefined;

/** The codes of a tile for a full record, so that one filter and one painter serve both. */
export function codesOf(record) {
  let depth = DEPTH_NONE;
  if (known(record.depth_km)) {
    const { whole, remainder } = floored(record.depth_km, 20, 10);
    depth = Math.min(Math.max(whole, 0), DEPTH_NONE - 1) | (remainder ? DEPTH_REMAINDER : 0);
  }
  if (record.minute_precision) depth |= MINUTE;
  let kr = SIZE_NONE;
  if (known(record.kr)) {
    const { whole, remainder } = floored(record.kr, 10, 100);
    kr = Math.min(Math.max(whole, 0), KR_MOST) | (remainder ? SIZE_REMAINDER : 0);
  } else if (!known(record.magnitude) && known(record.mpva)) {
    kr = KR_MOST + 1 + Math.min(Math.max(Math.round((record.mpva + 2) / 0.02), 0), 593);
  }
  if (record.felt) kr |= FELT;
  if (record.synthetic) kr |= SYNTHETIC;
  if (record.mechanism) kr |= MECHANISM;
  let magnitude = SIZE_NONE;
  if (known(record.magnitude)) {
    const { whole, remainder } = floored(record.magnitude, 10, 100);
    magnitude = Math.min(Math.max(whole, 0), SIZE_NONE - 1) | (remainder ? SIZE_REMAINDER : 0);
  }
  magnitude |= kindOf(record.event_type) << 13;
  return {
    depth,
    kr,
    magnitude,
    lat: Math.round(((record.lat + 90) / 180) * 0xffffff),
    lon: Math.round(((record.lon + 180) / 360) * 0xffffff),
  };
}
