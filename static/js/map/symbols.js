// How an event is drawn: pure functions, the same rules as portal/templatetags/seismo.py.

export const SCALES = ["kr", "mw", "ms", "mlv", "mb", "ml", "mpva"];
const LABELS = { kr: "KR", mw: "Mw", ms: "MS", mlv: "MLV", mb: "mb", ml: "ML", mpva: "MPVA" };

const known = (value) => value !== null && value !== undefined;

/** Every size an event has, KR first: `[{scale, value}]`. */
export function sizes(event) {
  const found = SCALES.filter((name) => known(event[name])).map((name) => ({
    scale: LABELS[name],
    value: event[name],
  }));
  if (!found.length && known(event.magnitude)) {
    found.push({ scale: event.magnitude_type || "M", value: event.magnitude });
  }
  return found;
}

/** Average relations between sizes, for words and symbols only: see the methods page. */
export const magnitudeOfClass = (kr) => (kr - 4) / 1.8;
export const classOfMagnitude = (magnitude) => 4 + 1.8 * magnitude;
export const classOfMpva = (mpva) => 2.31 * mpva - 0.52;

/** A magnitude for words and symbol size only: (KR - 4) / 1.8; KR = 2.31 MPVA - 0.52. */
export function equivalentMagnitude(event) {
  if (known(event.kr)) return magnitudeOfClass(event.kr);
  if (known(event.magnitude)) return event.magnitude;
  if (known(event.mpva)) return magnitudeOfClass(classOfMpva(event.mpva));
  return null;
}

/** The energy class an event is drawn as, a decimal number; null where no size is known. */
export function drawnClass(event) {
  if (known(event.kr)) return event.kr;
  const magnitude = equivalentMagnitude(event);
  return magnitude === null ? null : classOfMagnitude(magnitude);
}

/** The whole class of a KR, halves going down as the year book counts: 7.5 is 7, 7.6 is 8. */
export function krClass(kr) {
  return Math.ceil(Math.round((kr - 0.5) * 1e6) / 1e6);
}

/** Radius [px] of the least class, its growth a class, that of an event without a size, the least of all. */
export const RADIUS = { class: 6, px: 1.9, growth: 1.26, unknown: 4, least: 1.8 };

/** The radius of a whole class [px] where the zoom factor is 1; grows by about a quarter a class. */
export function classRadius(whole) {
  return RADIUS.px * RADIUS.growth ** (Math.min(Math.max(whole, RADIUS.class), 18) - RADIUS.class);
}

/** The radius at a zoom factor [px]: however small, it can be seen. */
export function drawnRadius(radius, factor) {
  return Math.max(radius * factor, RADIUS.least);
}

/** How much larger symbols are at a zoom: small on the whole country, where thousands lie close. */
export function zoomFactor(zoom) {
  return Math.min(Math.max(0.62 + (zoom - 4.5) * 0.2, 0.42), 1.5);
}

/** How opaque a fill is, and how wide its outline [px]: both grow as the view comes nearer. */
export function inkOf(zoom) {
  const near = Math.min(Math.max((zoom - 4.5) / 3, 0), 1);
  return { fill: 0.7 + 0.15 * near, line: 0.4 + 0.4 * near };
}

/** Events of the past day and the past week wear a ring [hours]. */
export const FRESH_HOURS = 24;
export const RECENT_HOURS = 168;
/** How far outside a symbol's edge its rings lie [px]. */
export const RINGS = { felt: 2.5, recent: 2.5, recentFelt: 5.5 };

/** 0 for the shallowest class, null where the depth is not reported. Zero is a depth. */
export function depthClass(depth, bounds) {
  if (!known(depth)) return null;
  return bounds.filter((bound) => depth >= bound).length;
}

export function depthStyle(depth, bounds) {
  const number = depthClass(depth, bounds);
  return number === null ? "depth-none" : `depth-${number}`;
}

/** "square" for a synthetic event, "diamond" where no size is known, else "circle". */
export function shape(event) {
  if (event.synthetic) return "square";
  return drawnClass(event) === null ? "diamond" : "circle";
}

/** The radius an event is drawn with [px] where the zoom factor is 1. */
export function radius(event) {
  const drawn = drawnClass(event);
  return drawn === null ? RADIUS.unknown : classRadius(krClass(drawn));
}

const WORD_BOUNDS = [2, 4, 5, 6, 7, 8];

/** Which word tells the strength: index into the page's list of words, null where unknown. */
export function sizeWord(event) {
  const magnitude = equivalentMagnitude(event);
  return magnitude === null ? null : WORD_BOUNDS.filter((bound) => magnitude >= bound).length;
}
