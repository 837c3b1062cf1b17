// An area of search between its three forms: search words, numbers, outline on the map.

/** Words of the search that say where; an area takes the place of them all. */
export const AREA_WORDS = [
  "minlatitude", "maxlatitude", "minlongitude", "maxlongitude",
  "latitude", "longitude", "settlement",
  "minradius", "maxradius", "minradiuskm", "maxradiuskm",
  "polygon",
];
export const MOST_CORNERS = 1000;
export const LARGEST_RADIUS_KM = 20004;

const round = (value, places = 3) => Number(value.toFixed(places));
/** A longitude brought into -180..180. */
export const wrap = (longitude) =>
  longitude >= -180 && longitude <= 180 ? longitude : ((((longitude + 180) % 360) + 360) % 360) - 180;

/**
 * The area the search words name: `{kind: "box", south, north, west, east}`,
 * `{kind: "circle", latitude, longitude, radius_km}`, `{kind: "polygon", corners: [[lon, lat], ...]}`;
 * null where there is none or where it is one this map cannot draw (a settlement's circle, a ring).
 */
export function areaOf(words) {
  if (words.polygon) {
    const corners = cornersOf(words.polygon);
    return corners && corners.length >= 3 ? { kind: "polygon", corners } : null;
  }
  const number = (name) => (words[name] === undefined || words[name] === "" ? NaN : Number(words[name]));
  const [latitude, longitude] = [number("latitude"), number("longitude")];
  const radius = Number.isNaN(number("maxradiuskm")) ? number("maxradius") * 111.195 : number("maxradiuskm");
  if (![latitude, longitude, radius].some(Number.isNaN)) {
    if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180 || !(radius > 0)) return null;
    return { kind: "circle", latitude, longitude, radius_km: Math.min(radius, LARGEST_RADIUS_KM) };
  }
  const edges = ["minlatitude", "maxlatitude", "minlongitude", "maxlongitude"].map(number);
  if (edges.every(Number.isNaN)) return null;
  const [south, north, west, east] = edges.map((value, index) =>
    Number.isNaN(value) ? [-90, 90, -180, 180][index] : value,
  );
  if (south > north || Math.abs(south) > 90 || Math.abs(north) > 90) return null;
  if (Math.abs(west) > 180 || Math.abs(east) > 180) return null;
  return { kind: "box", south, north, west, east };
}

/** The search words of an area, the others of `AREA_WORDS` undefined. */
export function wordsOf(area) {
  const words = Object.fromEntries(AREA_WORDS.map((name) => [name, undefined]));
  if (!area) return words;
  if (area.kind === "box") {
    words.minlatitude = String(round(Math.max(area.south, -90)));
    words.maxlatitude = String(round(Math.min(area.north, 90)));
    if (area.east - area.west < 360) {
      words.minlongitude = String(round(wrap(area.west)));
      words.maxlongitude = String(round(wrap(area.east)));
    }
  } else if (area.kind === "circle") {
    words.latitude = String(round(area.latitude));
    words.longitude = String(round(wrap(area.longitude)));
    words.maxradiuskm = String(round(area.radius_km, 1));
  } else {
    words.polygon = polygonText(area.corners);
  }
  return words;
}

/** Corners as the search word writes them: `lon lat,lon lat,...`, longitudes -180..360. */
export function polygonText(corners) {
  const least = Math.min(...corners.map(([longitude]) => longitude));
  const turn = 360 * Math.ceil((-180 - least) / 360);
  const shift = least < -180 ? turn : 0;
  return corners.map(([lon, lat]) => `${round(lon + shift)} ${round(lat)}`).join(",");
}

/** `[[lon, lat], ...]` of a text of number pairs, the last corner dropped if it repeats the first. */
export function cornersOf(text) {
  const tokens = text.trim().split(/[\s,;]+/).filter(Boolean);
  if (!tokens.length || tokens.length % 2) return null;
  const numbers = tokens.map(Number);
  if (numbers.some((value) => !Number.isFinite(value))) return null;
  const corners = [];
  for (let index = 0; index < numbers.length; index += 2) corners.push([numbers[index], numbers[index + 1]]);
  const [first, last] = [corners[0], corners.at(-1)];
  if (corners.length > 1 && first[0] === last[0] && first[1] === last[1]) corners.pop();
  return corners;
}

/**
 * What is wrong with an area, the key of a word of the page; "" if nothing.
 * Whether a polygon is valid the server decides at last; this spares the reader a round trip.
 */
export function faultOf(area) {
  if (!area) return "notAnArea";
  const finite = (...values) => values.every(Number.isFinite);
  if (area.kind === "box") {
    if (!finite(area.south, area.north, area.west, area.east)) return "notAnArea";
    if (Math.abs(area.south) > 90 || Math.abs(area.north) > 90) return "outside";
    if (Math.abs(area.west) > 360 || Math.abs(area.east) > 360) return "outside";
    if (area.south > area.north) return "southAboveNorth";
    return area.south === area.north || area.west === area.east ? "tooSmall" : "";
  }
  if (area.kind === "circle") {
    if (!finite(area.latitude, area.longitude, area.radius_km)) return "notAnArea";
    if (Math.abs(area.latitude) > 90 || Math.abs(area.longitude) > 360) return "outside";
    if (area.radius_km > LARGEST_RADIUS_KM) return "tooWide";
    return area.radius_km >= 0.1 ? "" : "tooSmall";
  }
  const { corners } = area;
  if (!corners || corners.length < 3) return "fewCorners";
  if (corners.length > MOST_CORNERS) return "manyCorners";
  if (corners.some(([lon, lat]) => !finite(lon, lat) || lon < -540 || lon > 360 || Math.abs(lat) > 90)) {
    return "outside";
  }
  return crossesItself(corners) ? "crossesItself" : "";
}

/** Whether two edges of a ring that are not neighbours meet. At most 1,000 corners: n²/2 is fine. */
export function crossesItself(corners) {
  const n = corners.length;
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      if (j === i + 1 || (i === 0 && j === n - 1)) continue;
      if (meet(corners[i], corners[(i + 1) % n], corners[j], corners[(j + 1) % n])) return true;
    }
  }
  return false;
}

function meet(a, b, c, d) {
  const side = (p, q, r) => Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
  const within = (p, q, r) =>
    Math.min(p[0], q[0]) <= r[0] && r[0] <= Math.max(p[0], q[0]) &&
    Math.min(p[1], q[1]) <= r[1] && r[1] <= Math.max(p[1], q[1]);
  const [s1, s2, s3, s4] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (s1 !== s2 && s3 !== s4) return true;
  return (s1 === 0 && within(a, b, c)) || (s2 === 0 && within(a, b, d)) ||
    (s3 === 0 && within(c, d, a)) || (s4 === 0 && within(c, d, b));
}

/**
 * The outline as a ring of `[lat, lon]`, longitudes running on beyond 180 where it crosses them.
 * `direct(lat, lon, azimuth, metres)` gives a circle's points: the search measures on the ellipsoid.
 */
export function outlineOf(area, direct) {
  if (area.kind === "box") {
    const east = area.east < area.west ? area.east + 360 : area.east;
    return [[area.south, area.west], [area.north, area.west], [area.north, east], [area.south, east]];
  }
  if (area.kind === "polygon") return area.corners.map(([lon, lat]) => [lat, lon]);
  const ring = [];
  let before = null;
  for (let step = 0; step < 120; step += 1) {
    const point = direct(area.latitude, area.longitude, step * 3, area.radius_km * 1000);
    let longitude = point.longitude;
    while (before !== null && longitude - before > 180) longitude -= 360;
    while (before !== null && longitude - before < -180) longitude += 360;
    before = longitude;
    ring.push([point.latitude, longitude]);
  }
  return ring;
}
