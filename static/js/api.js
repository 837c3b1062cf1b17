// One way to ask the server, one way to learn that it failed.

export class ApiError extends Error {
  /** @param {number} status 0 when no answer came; @param {Array} problems of a refused search */
  constructor(status, problems, options) {
    super(`answer ${status}`, options);
    this.status = status;
    this.problems = problems;
  }
}

async function answerOf(url, { accept, etag = null, signal = undefined }) {
  const headers = { Accept: accept };
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
  if (!answer.ok && answer.status !== 304) {
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    throw new ApiError(answer.status, isJson ? problemsOf(await answer.json()) : []);
  }
  return answer;
}

/** The body of an answer; a connection that breaks on the way is a failed answer too. */
async function bodyOf(answer, read) {
  try {
    return await read.call(answer);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, [], { cause: error });
  }
}

/** Fetch JSON; `{data: null}` with the old etag when nothing changed since `etag`. */
export async function fetchJson(url, { etag = null, signal = undefined } = {}) {
  const answer = await answerOf(url, { accept: "application/json", etag, signal });
  if (answer.status === 304) return { data: null, etag };
  return { data: await bodyOf(answer, answer.json), etag: answer.headers.get("ETag") };
}

/** Fetch bytes: tiles and the ids of a search. */
export async function fetchBytes(url, { signal = undefined } = {}) {
  const answer = await answerOf(url, { accept: "application/octet-stream, application/json;q=0.5", signal });
  return bodyOf(answer, answer.arrayBuffer);
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
