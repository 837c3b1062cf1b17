// The fields of the form as the words of a report, and back.

const NUMBERS = new Set(["grade", "settlement", "latitude", "longitude", "precision_km"]);
const TEXTS = new Set(["event", "place", "place_source", "comment", "name", "contact", "trap"]);
const ANSWER = "answer-";
const SEVERAL = new Set(["damage"]);

/**
 * The words of a report.
 *
 * @param {Iterable<[string, string]>} fields name and value, as FormData has them
 * @param {{event?: string, language?: string}} page
 */
export function reportOf(fields, { event = "", language = "" } = {}) {
  const given = new Map();
  const body = {};
  const answers = {};
  for (const [name, raw] of fields) {
    const value = raw.trim();
    if (!value) continue;
    given.set(name, value);
    if (NUMBERS.has(name)) body[name] = Number(value);
    else if (TEXTS.has(name)) body[name] = value;
    else if (name.startsWith(ANSWER)) {
      const code = name.slice(ANSWER.length);
      if (SEVERAL.has(code)) (answers[code] ??= []).push(value);
      else answers[code] = value;
    }
  }
  if (event) body.event = event;
  if (language) body.language = language;
  if (Object.keys(answers).length) body.answers = answers;
  if (given.get("when") === "then" && given.has("felt_local")) {
    const time = new Date(given.get("felt_local")); // by this device's clock
    body.felt_at = Number.isNaN(time.getTime()) ? given.get("felt_local") : time.toISOString();
  }
  // Without a point there is nothing whose precision could be told.
  if (body.latitude === undefined) {
    delete body.precision_km;
    delete body.place_source;
  }
  return body;
}

/** The fields of a report that is to be corrected, as pairs. */
export function fieldsOf(body) {
  const pairs = [];
  for (const [name, value] of Object.entries(body)) {
    if (name === "answers") {
      for (const [code, answer] of Object.entries(value)) {
        for (const one of [answer].flat()) pairs.push([`${ANSWER}${code}`, one]);
      }
    } else if (NUMBERS.has(name) || TEXTS.has(name)) pairs.push([name, String(value)]);
  }
  if (body.felt_at) {
    const time = new Date(body.felt_at);
    const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
    pairs.push(["when", "then"], ["felt_local", local.toISOString().slice(0, 16)]);
  }
  return pairs;
}

/** Put pairs into a form; what they do not name is left empty. */
export function fill(form, pairs) {
  form.reset();
  for (const [name, value] of pairs) {
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type === "radio" || field.type === "checkbox") field.checked ||= field.value === value;
      else field.value = value;
    }
  }
  for (const details of form.querySelectorAll("details")) {
    details.open ||= [...details.querySelectorAll("input, textarea")].some(
      (field) => (field.type === "radio" || field.type === "checkbox" ? field.checked : field.value),
    );
  }
}

/** A random UUID, also where the page came without TLS and the browser offers none. */
export function newId(random = globalThis.crypto) {
  const bytes = random.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
