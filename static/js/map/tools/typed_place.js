// What a reader types into the place field when it is not a name: coordinates or an event's id.

const EVENT_ID = /^kz\d{4}[a-z0-9]{1,20}$/i;
const SIDES = { N: 1, S: -1, E: 1, W: -1, С: 1, Ю: -1, В: 1, З: -1 };
const NUMBER = String.raw`[-−+]?\d{1,3}(?:[.,]\d+)?`;
const ANGLE = String.raw`(${NUMBER})\s*(?:°|º|\s)?\s*(?:(\d{1,2}(?:[.,]\d+)?)\s*['′’]\s*)?(?:(\d{1,2}(?:[.,]\d+)?)\s*(?:"|″|”|''|′′)\s*)?`;
const SIDE = String.raw`([NSEWСЮВЗ])`;
const AFTER = new RegExp(`^${ANGLE}${SIDE}\\s*[,;]?\\s*${ANGLE}${SIDE}$`, "iu");
const BEFORE = new RegExp(`^${SIDE}\\s*${ANGLE}\\s*[,;]?\\s*${SIDE}\\s*${ANGLE}$`, "iu");
const PLAIN = new RegExp(`^${ANGLE}(?:(?<=\\D)|;)\\s*;?\\s*${ANGLE}$`, "u");

/** The id of an event if the text is one, in small letters; else null. */
export function eventId(text) {
  const found = text.trim();
  return EVENT_ID.test(found) ? found.toLowerCase() : null;
}

/**
 * Latitude and longitude [deg] if the text is a pair of coordinates, else null.
 *
 * `43.2 76.9`, `43.2, 76.9`, `43,2 76,9`, `43.2N 76.9E`, `E 76.9, N 43.2`, `43°12' 76°54'30"`;
 * hemispheres also as in Russian: с. ю. в. з. Without hemispheres latitude comes first.
 */
export function coordinatesOf(text) {
  const tidy = text
    .trim()
    .replace(/([сювз])\.?\s*[шд]\.?/giu, "$1")
    .replace(/(\d)\s*,\s+/gu, "$1 ; ")
    .replace(/(\d\.\d+)\s*,\s*(?=[-−+]?\d)/gu, "$1 ; ")
    .replace(/([NSEWСЮВЗ'′"″])\s*,\s*/giu, "$1 ")
    .replace(/\s+/gu, " ");
  let match = AFTER.exec(tidy);
  if (match) return sided(match[4], match.slice(1, 4), match[8], match.slice(5, 8));
  match = BEFORE.exec(tidy);
  if (match) return sided(match[1], match.slice(2, 5), match[5], match.slice(6, 9));
  match = PLAIN.exec(tidy);
  if (!match) return null;
  return checked(angle(match.slice(1, 4)), angle(match.slice(4, 7)));
}

function sided(firstSide, first, secondSide, second) {
  const sides = [firstSide, secondSide].map((side) => side.toUpperCase());
  const isLatitude = sides.map((side) => "NSСЮ".includes(side));
  if (isLatitude[0] === isLatitude[1]) return null;
  const values = [first, second].map((parts, index) => angle(parts) * SIDES[sides[index]]);
  return isLatitude[0] ? checked(values[0], values[1]) : checked(values[1], values[0]);
}

function angle([degrees, minutes, seconds]) {
  const [whole, min, sec] = [degrees, minutes || "0", seconds || "0"].map((part) =>
    Number(part.replace(",", ".").replace("−", "-")),
  );
  if (min >= 60 || sec >= 60) return NaN;
  const sign = /^[-−]/.test(degrees) ? -1 : 1;
  return sign * (Math.abs(whole) + min / 60 + sec / 3600);
}

function checked(latitude, longitude) {
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : null;
}
