// Time under the map: how many events when, their growing number, and a window that can be set,
// moved, played. The chart is a canvas; its numbers stand in a table beside it.

import { timeIndex } from "./filters.js";
import { onSchemeChange, token } from "./leaflet.js";
import {
  binCounts, extentOf, keyStep, moved, periods, stepFor, tickLabel, ticks, windowLength,
} from "./time_scale.js";
import { count, fill } from "../texts.js";
import { utc } from "../times.js";

const BAR_PX = 4;
const TICK_PX = 76;
const AXIS_PX = 18;
const TOP_PX = 4;
const TABLE_ROWS = 61;
/** Playing from end to end at speed 1 takes so long; without motion a step comes so often. */
const WHOLE_MS = 40_000;
const STILL_MS = 1500;
const NEAR_PX = 12;

const reduced = () => globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Timeline {
  /**
   * @param {HTMLElement} root the partial templates/partials/timeline.html
   * @param {Object} words
   * @param {{window: (window: ?number[], how: {final: boolean}) => void}} handlers
   */
  constructor(root, words, handlers) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.root = root;
    this.words = words;
    this.handlers = handlers;
    this.parts = Object.fromEntries(
      ["text", "play", "back", "forward", "speed", "all", "chart", "canvas", "band", "from", "until",
        "scale", "table", "numbers"].map((name) => [name, part(name)]),
    );
    this.order = new Uint32Array(0);
    this.time = new Float64Array(0);
    this.extent = null;
    this.window = null;
    this.frame = 0;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.parts.chart);
    onSchemeChange(() => this.draw());
  }

  /**
   * Take the events whose time is shown.
   * @param {Uint32Array} order oldest first
   * @param {Float64Array} time [ms]
   * @param {{from: ?number, until: ?number}} limits of the search, where it has any
   */
  setEvents(order, time, { from = null, until = null } = {}) {
    this.order = order;
    this.time = time;
    const first = order.length ? time[order[0]] : Date.now();
    const last = order.length ? time[order[order.length - 1]] : first;
    const [begin, end] = extentOf(first, last);
    this.extent = [from ?? begin, until ?? end];
    if (this.extent[0] >= this.extent[1]) this.extent = [begin, end];
    this.draw();
  }

  /** Show a window; null is all of the time. */
  setWindow(window) {
    this.window = window;
    this.draw();
  }

  get isPlaying() {
    return this.frame !== 0;
  }

  #take(window, { final }) {
    const [first, last] = this.extent;
    let next = window;
    if (next) {
      next = [Math.max(next[0], first), Math.min(next[1], last)];
      if (next[0] >= next[1] || (next[0] <= first && next[1] >= last)) next = null;
    }
    this.window = next;
    this.draw();
    this.handlers.window(next, { final });
  }

  // --- Playing -----------------------------------------------------------------------------------

  play() {
    if (!this.extent) return;
    const length = this.window ? this.window[1] - this.window[0] : windowLength(this.extent);
    const atEnd = !this.window || this.window[1] >= this.extent[1];
    let now = atEnd ? [this.extent[0], this.extent[0] + length] : this.window;
    let before = null;
    this.#take(now, { final: false });
    const step = (ms) => {
      if (!this.isPlaying) return;
      this.frame = requestAnimationFrame(step);
      before ??= ms;
      const speed = Number(this.parts.speed.value);
      const passed = ms - before;
      let by = (Math.min(passed, 250) / WHOLE_MS) * speed * (this.extent[1] - this.extent[0]);
      if (reduced()) {
        if (passed < STILL_MS / speed) return;
        by = length;
      }
      before = ms;
      now = moved(now, by, this.extent);
      if (now[1] >= this.extent[1]) {
        this.stop(now);
        return;
      }
      this.#take(now, { final: false });
    };
    this.frame = requestAnimationFrame(step);
    this.#dressButton();
  }

  stop(window = this.window) {
    if (!this.isPlaying) return;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.#dressButton();
    this.#take(window, { final: true });
  }

  #dressButton() {
    const { play } = this.parts;
    play.classList.toggle("is-playing", this.isPlaying);
    const label = this.isPlaying ? this.words.pause : this.words.play;
    play.setAttribute("aria-label", label);
    play.title = label;
    this.root.dataset.playing = this.isPlaying ? "1" : "";
  }

  #step(direction) {
    const length = this.window ? this.window[1] - this.window[0] : windowLength(this.extent);
    const start = this.window ?? (direction > 0
      ? [this.extent[0] - length, this.extent[0]]
      : [this.extent[1], this.extent[1] + length]);
    this.#take(moved(start, direction * length, this.extent), { final: true });
  }

  // --- The reader's hand ---------------------------------------------------------------------------

  #listen() {
    const { play, back, forward, all, chart, band, from, until } = this.parts;
    play.addEventListener("click", () => (this.isPlaying ? this.stop() : this.play()));
    back.addEventListener("click", () => this.#step(-1));
    forward.addEventListener("click", () => this.#step(1));
    all.addEventListener("click", () => {
      this.stop();
      this.#take(null, { final: true });
      play.focus();
    });
    for (const handle of [band, from, until]) {
      handle.addEventListener("keydown", (event) => this.#key(event, handle));
    }
    chart.addEventListener("pointerdown", (event) => this.#grasp(event));
    this.root.addEventListener("toggle", () => this.draw());
    this.parts.numbers.addEventListener("toggle", () => this.#writeTable());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop();
    });
  }

  #key(event, handle) {
    const { from, until } = this.parts;
    const small = keyStep(this.extent);
    const length = this.window ? this.window[1] - this.window[0] : windowLength(this.extent);
    const by = {
      ArrowLeft: -small, ArrowDown: -small, ArrowRight: small, ArrowUp: small,
      PageDown: -Math.max(length, small), PageUp: Math.max(length, small), Home: -Infinity, End: Infinity,
    }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.stop();
    const now = this.window ?? [...this.extent];
    if (handle === from) now[0] = Math.min(now[0] + by, now[1] - small);
    else if (handle === until) now[1] = Math.max(now[1] + by, now[0] + small);
    const jump = Math.min(Math.max(by, this.extent[0] - this.extent[1]), this.extent[1] - this.extent[0]);
    this.#take(handle === from || handle === until ? now : moved(now, jump, this.extent), { final: true });
  }

  #grasp(event) {
    if (event.button !== 0 || !this.extent) return;
    event.preventDefault();
    this.stop();
    const { chart, band, from, until } = this.parts;
    const box = chart.getBoundingClientRect();
    const at = (x) => this.extent[0] + ((x - box.left) / box.width) * (this.extent[1] - this.extent[0]);
    const start = at(event.clientX);
    const was = this.window;
    const near = (ms) => Math.abs(this.#x(ms, box.width) - (event.clientX - box.left)) <= NEAR_PX;
    let drag;
    const ends = was ?? this.extent;
    if (event.target === from || near(ends[0])) {
      drag = (ms) => [Math.min(ms, ends[1]), Math.max(ms, ends[1])];
      from.focus();
    } else if (event.target === until || near(ends[1])) {
      drag = (ms) => [Math.min(ms, ends[0]), Math.max(ms, ends[0])];
      until.focus();
    } else if (was && start > was[0] && start < was[1]) {
      drag = (ms) => moved(was, ms - start, this.extent);
      band.focus();
    } else {
      drag = (ms) => [Math.min(ms, start), Math.max(ms, start)];
    }
    let changed = false;
    const move = (next) => {
      if (!changed && Math.abs(next.clientX - event.clientX) < 3) return;
      changed = true;
      this.#take(drag(at(next.clientX)), { final: false });
    };
    const end = (next) => {
      chart.removeEventListener("pointermove", move);
      chart.removeEventListener("pointerup", end);
      chart.removeEventListener("pointercancel", end);
      if (changed) this.#take(drag(at(next.clientX)), { final: true });
    };
    chart.setPointerCapture(event.pointerId);
    chart.addEventListener("pointermove", move);
    chart.addEventListener("pointerup", end);
    chart.addEventListener("pointercancel", end);
  }

  #x(ms, width) {
    return ((ms - this.extent[0]) / (this.extent[1] - this.extent[0])) * width;
  }

  // --- Picture and words -----------------------------------------------------------------------------

  draw() {
    this.painting ||= requestAnimationFrame(() => {
      this.painting = 0;
      this.#draw();
    });
  }

  #draw() {
    if (!this.extent) return;
    this.#write();
    const { chart, canvas } = this.parts;
    const { clientWidth: width, clientHeight: height } = chart;
    if (!width || !height) return;
    this.#placeHandles(width);
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const base = height - AXIS_PX;
    const bins = Math.max(Math.floor(width / BAR_PX), 1);
    const counts = binCounts(this.order, this.time, this.extent, bins);
    const most = counts.reduce((a, b) => Math.max(a, b), 0);
    this.#drawAxis(context, width, base);
    const [accent, plain, ink] = ["accent", "line-strong", "ink"].map(token);
    const inside = (x) => !this.window
      || (x >= this.#x(this.window[0], width) && x <= this.#x(this.window[1], width));
    const step = width / bins;
    for (let bin = 0; bin < bins; bin += 1) {
      if (!counts[bin]) continue;
      const tall = Math.max((counts[bin] / most) * (base - TOP_PX), 1);
      context.fillStyle = inside((bin + 0.5) * step) ? accent : plain;
      context.globalAlpha = inside((bin + 0.5) * step) ? 0.75 : 0.4;
      context.fillRect(bin * step + 0.5, base - tall, Math.max(step - 1, 1), tall);
    }
    context.globalAlpha = 1;
    let sum = 0;
    context.beginPath();
    context.moveTo(0, base);
    for (let bin = 0; bin < bins; bin += 1) {
      sum += counts[bin];
      context.lineTo((bin + 1) * step, base - (sum / Math.max(this.order.length, 1)) * (base - TOP_PX));
    }
    context.lineWidth = 1.5;
    context.strokeStyle = ink;
    context.stroke();
    this.parts.scale.textContent = fill(this.words.timelineScale, {
      most: count(most), count: count(this.order.length),
    });
  }

  #drawAxis(context, width, base) {
    const step = stepFor(...this.extent, Math.max(Math.floor(width / TICK_PX), 1));
    context.fillStyle = token("ink-2");
    context.strokeStyle = token("line");
    context.lineWidth = 1;
    context.font = `11px ${token("font")}`;
    context.textBaseline = "top";
    let free = 0;
    for (const ms of ticks(...this.extent, step)) {
      const x = Math.round(this.#x(ms, width)) + 0.5;
      context.beginPath();
      context.moveTo(x, TOP_PX);
      context.lineTo(x, base + 4);
      context.stroke();
      const label = tickLabel(ms, step);
      const wide = context.measureText(label).width;
      const left = Math.min(Math.max(x - wide / 2, 0), width - wide);
      if (left < free) continue;
      context.fillText(label, left, base + 5);
      free = left + wide + 8;
    }
    context.beginPath();
    context.moveTo(0, base + 0.5);
    context.lineTo(width, base + 0.5);
    context.strokeStyle = token("line-strong");
    context.stroke();
  }

  #placeHandles(width) {
    const { band, from, until } = this.parts;
    const [start, end] = (this.window ?? this.extent).map((ms) => this.#x(ms, width));
    band.style.left = `${start}px`;
    band.style.width = `${Math.max(end - start, 2)}px`;
    from.style.left = `${start}px`;
    until.style.left = `${end}px`;
  }

  #write() {
    const { words } = this;
    const { text, band, from, until, all } = this.parts;
    const ends = this.window ?? this.extent;
    const day = ends[1] - ends[0] >= 3 * 86_400_000;
    const said = ends.map((ms) => utc(ms, true).slice(0, day ? 10 : 16));
    const number = this.window
      ? timeIndex(this.order, this.time, ends[1]) - timeIndex(this.order, this.time, ends[0])
      : this.order.length;
    text.textContent = fill(words.timelineWindow, { from: said[0], until: said[1], count: count(number) });
    this.root.dataset.number = String(number);
    all.hidden = !this.window;
    band.classList.toggle("is-whole", !this.window);
    for (const [handle, value, valueText] of [
      [from, ends[0], said[0]], [until, ends[1], said[1]], [band, (ends[0] + ends[1]) / 2, said.join(" – ")],
    ]) {
      handle.setAttribute("aria-valuemin", String(this.extent[0]));
      handle.setAttribute("aria-valuemax", String(this.extent[1]));
      handle.setAttribute("aria-valuenow", String(Math.round(value)));
      handle.setAttribute("aria-valuetext", valueText);
    }
    if (this.parts.numbers.open) this.#writeTable();
  }

  #writeTable() {
    const { table, numbers } = this.parts;
    if (!numbers.open || !this.extent) return;
    const { step, rows } = periods(this.order, this.time, this.extent, TABLE_ROWS);
    let sum = 0;
    table.replaceChildren(...rows.map(({ start, count: number }) => {
      sum += number;
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = step.unit === "year" ? utc(start).slice(0, 4)
        : utc(start).slice(0, step.unit === "month" ? 7 : step.unit === "day" ? 10 : 16);
      row.append(head, ...[number, sum].map((value) => {
        const cell = document.createElement("td");
        cell.className = "num";
        cell.textContent = count(value);
        return cell;
      }));
      return row;
    }));
  }
}
