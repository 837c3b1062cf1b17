// Reports that wait until the server has answered that it has them.
//
// Each has an id of its own, made here, so that sending it twice makes no second report: whatever
// may have been lost on the way is simply sent again. What is refused stays, with its reason, until
// the person corrects or deletes it.

const KEY = "felt-queue";
/** Waits between attempts [ms]: doubled from the first to the longest, a quarter more or less by chance. */
export const FIRST_WAIT = 2000;
export const LONGEST_WAIT = 5 * 60 * 1000;
/** Answers that say the report itself is at fault; all others are a fault of the way. */
const REFUSED = new Set([400, 413, 415, 422]);

/** What an answer means: "sent", "refused" or "waiting". */
export function outcome(id, { status, data }) {
  // A network that asks to log in answers 200 as well, but not with the id.
  if ((status === 200 || status === 201) && data?.id === id) return "sent";
  if (REFUSED.has(status) && typeof data?.error === "string") return "refused";
  return "waiting";
}

/** Milliseconds until the next attempt; the server may ask for more. */
export function waitOf(tries, retrySeconds = 0, chance = Math.random()) {
  const wait = Math.min(FIRST_WAIT * 2 ** Math.max(0, tries - 1), LONGEST_WAIT) * (0.75 + chance / 2);
  return Math.max(wait, retrySeconds * 1000);
}

/** A place to keep texts: the browser's own, else memory (`lasting` is false then). */
export function storeOf(find = () => globalThis.localStorage) {
  try {
    const storage = find();
    storage.setItem(`${KEY}-try`, "1");
    storage.removeItem(`${KEY}-try`);
    return {
      lasting: true,
      read: (key) => storage.getItem(key),
      write: (key, text) => storage.setItem(key, text),
      remove: (key) => storage.removeItem(key),
    };
  } catch {
    const kept = new Map();
    return {
      lasting: false,
      read: (key) => kept.get(key) ?? null,
      write: (key, text) => kept.set(key, text),
      remove: (key) => kept.delete(key),
    };
  }
}

export class Queue {
  /**
   * @param {{store, post, changed, now?: () => number, timers?, chance?: () => number}} parts
   *   `post(body)` resolves with `{status, data, retrySeconds}` and rejects when no answer came;
   *   `changed(reports)` is told after every step.
   */
  constructor({ store, post, changed, now = Date.now, timers = globalThis, chance = Math.random }) {
    Object.assign(this, { store, post, changed, now, timers, chance });
    this.timer = 0;
    this.running = null;
    /** Those sent since the page was opened: shown, not kept. */
    this.sent = [];
  }

  /** Every report, the oldest first; those of another tab of this site among them. */
  get reports() {
    try {
      const found = JSON.parse(this.store.read(KEY) ?? "[]");
      return Array.isArray(found) ? found.filter((report) => typeof report?.id === "string") : [];
    } catch {
      return []; // not ours
    }
  }

  #write(reports) {
    try {
      if (reports.length) this.store.write(KEY, JSON.stringify(reports));
      else this.store.remove(KEY);
    } catch {
      // No room in the browser: as long as the page is open, memory has it.
      this.store = storeOf(() => null);
      this.store.write(KEY, JSON.stringify(reports));
    }
  }

  #put(report) {
    const others = this.reports;
    const place = others.findIndex((other) => other.id === report.id);
    if (place < 0) return false; // deleted meanwhile
    others[place] = report;
    this.#write(others);
    return true;
  }

  #tell() {
    this.changed([...this.sent, ...this.reports]);
  }

  /** Keep a report and send it. */
  add(id, body) {
    const report = { id, body, state: "waiting", tries: 0, due: this.now(), writtenAt: this.now() };
    this.#write([...this.reports, report]);
    this.#tell();
    return this.flush();
  }

  /** Forget a report; returns what it said. */
  remove(id) {
    const found = this.reports.find((report) => report.id === id);
    this.#write(this.reports.filter((report) => report.id !== id));
    this.sent = this.sent.filter((report) => report.id !== id);
    this.#tell();
    return found?.body ?? null;
  }

  /** There may be a connection again: whatever waits is due. */
  wake() {
    this.#write(this.reports.map((report) => (report.state === "waiting" ? { ...report, due: 0 } : report)));
    return this.flush();
  }

  /** Send what is due, one after the other; a call while one is under way joins it. */
  flush() {
    this.running ??= this.#run().finally(() => {
      this.running = null;
      this.#plan();
    });
    return this.running;
  }

  async #run() {
    this.timers.clearTimeout(this.timer);
    const done = new Set();
    for (;;) {
      const next = this.reports.find(
        (report) => report.state !== "refused" && report.due <= this.now() && !done.has(report.id),
      );
      if (!next) break;
      done.add(next.id);
      await this.#send(next);
    }
    this.#tell();
  }

  async #send(report) {
    this.#put({ ...report, state: "sending" });
    this.#tell();
    let answer;
    try {
      answer = await this.post({ ...report.body, id: report.id });
    } catch {
      answer = { status: 0, data: null };
    }
    const state = outcome(report.id, answer);
    const tries = report.tries + 1;
    if (state === "sent") {
      this.sent.push({ ...report, state, message: answer.data.message });
      this.#write(this.reports.filter((other) => other.id !== report.id));
      return;
    }
    const due = this.now() + waitOf(tries, answer.retrySeconds, this.chance());
    const told = state === "refused" ? { message: answer.data.error, proposals: answer.data.proposals ?? [] } : {};
    this.#put({ ...report, state, tries, due, ...told });
  }

  #plan() {
    const waits = this.reports.filter((report) => report.state !== "refused").map((report) => report.due);
    if (!waits.length) return;
    const wait = Math.max(0, Math.min(...waits) - this.now());
    this.timer = this.timers.setTimeout(() => this.flush(), wait);
  }
}
