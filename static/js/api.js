// One way to ask the server, one way to learn that it failed.

export class ApiError extends Error {
  /** @param {number} status 0 when no answer came; @param {Array} problems of a refused search */
  constructor(status, problems, options) {
    super(`answer ${status}`, options);
    this.status = status;
    this.problems = problems;
  }
}

/** Fetch JSON; `{data: null}` with the old etag when nothing changed since `etag`. */
export async function fetchJson(url, { etag = null, signal = undefined } = {}) {
  const headers = { Accept: "application/json" };
  // Messages come back in the page's language, whatever the browser prefers.
  const language = globalThis.document?.documentElement.lang;
  if (language) headers["Accept-Language"] = language;
  if (etag) headers["If-None-Match"] = etag;
  let answer;
  try {
    answer = await fetch(url, { headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, [], { cause: error });
  }
  if (answer.status === 304) return { data: null, etag };
  if (!answer.ok) {
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    throw new ApiError(answer.status, isJson ? problemsOf(await answer.json()) : []);
  }
  return { data: await answer.json(), etag: answer.headers.get("ETag") };
}

/** The sentences in an error body, whatever its shape: `problems: [{word, message}]` or `detail`. */
export function problemsOf(body) {
  const list = body.problems || body.errors || [];
  if (list.length) return list.map((p) => ({ word: p.word || "", message: p.message || String(p) }));
  const text = body.detail || body.error || body.message || "";
  return text ? [{ word: "", message: String(text) }] : [];
}

/** Rows with named columns become objects. */
export function records({ columns, rows }) {
  return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
}
