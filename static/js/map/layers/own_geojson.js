// A reader's own GeoJSON, judged before it is drawn. Nothing of it leaves the reader's machine.

export const MOST_BYTES = 10 * 1024 * 1024;
export const MOST_FEATURES = 20_000;
export const MOST_POSITIONS = 300_000;
/** Of one feature's properties a card shows so many, each so long. */
export const MOST_PROPERTIES = 30;
export const LONGEST_VALUE = 300;

const GEOMETRIES = {
  Point: 0, MultiPoint: 1, LineString: 1, MultiLineString: 2, Polygon: 2, MultiPolygon: 3,
};

export class GeoJsonFault extends Error {
  /** @param {string} code key of a word of the page; @param {object} values put into it */
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

/**
 * Features of a text: `[{geometry, properties}]`, geometry checked down to its numbers.
 *
 * @throws {GeoJsonFault} saying what was found where something else was expected
 */
export function featuresOf(text) {
  if (text.length > MOST_BYTES) throw new GeoJsonFault("tooLarge", { most: MOST_BYTES / 1024 / 1024 });
  let data;
  try {
    data = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new GeoJsonFault("notJson", { found: String(error.message).slice(0, 120) });
  }
  const features = listOf(data);
  if (!features.length) throw new GeoJsonFault("noFeatures");
  if (features.length > MOST_FEATURES) throw new GeoJsonFault("manyFeatures", { most: MOST_FEATURES });
  let positions = 0;
  const count = () => {
    positions += 1;
    if (positions > MOST_POSITIONS) throw new GeoJsonFault("manyPositions", { most: MOST_POSITIONS });
  };
  return features.map((feature, index) => {
    const geometries = parts(feature?.geometry, index + 1);
    for (const geometry of geometries) {
      walk(geometry.coordinates, GEOMETRIES[geometry.type], index + 1, count);
    }
    return { geometries, properties: propertiesOf(feature.properties) };
  });
}

function listOf(data) {
  if (data?.type === "FeatureCollection" && Array.isArray(data.features)) return data.features;
  if (data?.type === "Feature") return [data];
  if (data?.type in GEOMETRIES || data?.type === "GeometryCollection") return [{ geometry: data }];
  throw new GeoJsonFault("notGeoJson", { found: String(data?.type ?? typeof data).slice(0, 40) });
}

function parts(geometry, number, depth = 0) {
  if (geometry === null || geometry === undefined) return []; // RFC 7946: an unlocated feature
  if (geometry.type === "GeometryCollection" && Array.isArray(geometry.geometries) && depth < 3) {
    return geometry.geometries.flatMap((part) => parts(part, number, depth + 1));
  }
  if (!Object.hasOwn(GEOMETRIES, geometry.type) || !Array.isArray(geometry.coordinates)) {
    throw new GeoJsonFault("badGeometry", { number, found: String(geometry.type).slice(0, 40) });
  }
  return [{ type: geometry.type, coordinates: geometry.coordinates }];
}

function walk(coordinates, depth, number, count) {
  if (!Array.isArray(coordinates)) throw new GeoJsonFault("badGeometry", { number, found: "?" });
  if (depth > 0) {
    for (const part of coordinates) walk(part, depth - 1, number, count);
    return;
  }
  const [longitude, latitude] = coordinates;
  const fine = typeof longitude === "number" && typeof latitude === "number" &&
    Math.abs(longitude) <= 540 && Math.abs(latitude) <= 90;
  if (!fine) {
    throw new GeoJsonFault("badPosition", { number, found: JSON.stringify(coordinates).slice(0, 60) });
  }
  count();
}

/** Names and values as short texts: `[[name, value], ...]`. They are shown as text, never as HTML. */
export function propertiesOf(properties) {
  if (properties === null || typeof properties !== "object") return [];
  return Object.entries(properties)
    .slice(0, MOST_PROPERTIES)
    .map(([name, value]) => [cut(name, 60), cut(typeof value === "object" ? JSON.stringify(value) : value)]);
}

function cut(value, longest = LONGEST_VALUE) {
  const text = String(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
