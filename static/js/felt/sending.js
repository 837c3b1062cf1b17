// A report on its way to the server: the token first, then the report.

/** So long a token is used again [ms]; the server takes it for longer. */
const FRESH = 60 * 60 * 1000;
/** No answer by then is none: a phone at the edge of a cell hangs rather than fails [ms]. */
const PATIENCE = 20_000;

/**
 * Return `post(body)` for the queue.
 *
 * @param {{url: string, tokenUrl: string, language: string}} config
 */
export function poster({ url, tokenUrl, language }, { fetch = globalThis.fetch, now = Date.now } = {}) {
  let token = "";
  let until = 0;

  const ask = async (address, options = {}) => {
    const answer = await fetch(address, {
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
      ...options,
      headers: { Accept: "application/json", "Accept-Language": language, ...options.headers },
    });
    const isJson = (answer.headers.get("Content-Type") ?? "").includes("json");
    return {
      status: answer.status,
      data: isJson ? await answer.json() : null,
      retrySeconds: Number(answer.headers.get("Retry-After")) || 0,
    };
  };

  return async (body) => {
    if (!token || now() > until) {
      const answer = await ask(tokenUrl);
      if (typeof answer.data?.token !== "string") return { ...answer, status: 0 };
      token = answer.data.token;
      until = now() + FRESH;
    }
    return ask(url, {
      method: "POST",
      body: JSON.stringify({ ...body, token }),
      headers: { "Content-Type": "application/json" },
    });
  };
}
