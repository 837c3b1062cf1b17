// Epicentres by a plain canvas, where there is no WebGL. Beyond a limit the picture is thinned: of
// events that fall into one small square the largest, then the newest, is kept.

import { runsWithin } from "./drawing_order.js";
import { sizeRadius, MARKS, NO_SIZE } from "./store.js";
import { FRESH_HOURS, RINGS, drawnRadius } from "./symbols.js";

/** So many symbols at most are painted whole. */
const MOST = 20_000;
const CELL_PX = 3;
const HOUR_MS = 3_600_000;

const css = (colour, alpha = 1) => `rgb(${colour.map((part) => Math.round(part * 255)).join(" ")} / ${alpha})`;

export class CanvasPainter {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
  }

  /** As WebglPainter.draw; what was left out is in `thinned`. */
  draw(frame, scene) {
    const { context } = this;
    const { store } = scene;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    context.setTransform(frame.ratio, 0, 0, frame.ratio, 0, 0);
    const runs = runsWithin(scene.order, store.time, scene.window);
    const asked = runs.reduce((sum, { start, end }) => sum + end - start, 0);
    const { kept, inside } = this.#kept(frame, scene, runs, asked > MOST);
    this.thinned = inside - kept.length;
    for (const i of kept) this.#symbol(frame, scene, i);
    const rings = (part, width, colour, radius) => {
      for (const { start, end } of runsWithin({ items: part, runs: [{ start: 0, end: part.length }] }, store.time, scene.window)) {
        for (let at = start; at < end; at += 1) ring(context, frame, scene, part[at], width, colour, radius);
      }
    };
    rings(scene.recent, (i) => (scene.now - store.time[i] / HOUR_MS <= FRESH_HOURS ? 2.6 : 1.2), scene.look.recent,
      (i) => (store.style[4 * i + 2] & MARKS.felt ? RINGS.recentFelt : RINGS.recent));
    rings(scene.felt, () => 1.5, scene.look.ring, () => RINGS.felt);
    return asked;
  }

  /** Events inside the frame, in painting order, thinned where there are too many. */
  #kept(frame, { store, order, factor }, runs, thin) {
    const columns = Math.ceil(frame.width / CELL_PX);
    const taken = thin ? new Uint8Array(columns * Math.ceil(frame.height / CELL_PX)) : null;
    const kept = [];
    let inside = 0;
    for (const { size, start, end } of runs) {
      const r = drawnRadius(sizeRadius(size), factor);
      const run = [];
      for (let at = end - 1; at >= start; at -= 1) {
        const i = order.items[at];
        const x = (store.x[i] - frame.west) * frame.scale;
        const y = (store.y[i] - frame.north) * frame.scale;
        if (x < -r || y < -r || x > frame.width + r || y > frame.height + r) continue;
        inside += 1;
        if (taken) {
          const cell = Math.floor(Math.min(Math.max(y, 0), frame.height - 1) / CELL_PX) * columns
            + Math.floor(Math.min(Math.max(x, 0), frame.width - 1) / CELL_PX);
          if (taken[cell] || kept.length + run.length >= MOST) continue;
          taken[cell] = 1;
        }
        run.push(i);
      }
      for (let at = run.length - 1; at >= 0; at -= 1) kept.push(run[at]);
    }
    return { kept, inside };
  }

  #symbol(frame, { store, look, ink, factor, now, span, least }, i) {
    const { context } = this;
    const x = (store.x[i] - frame.west) * frame.scale;
    const y = (store.y[i] - frame.north) * frame.scale;
    const r = drawnRadius(sizeRadius(store.style[4 * i]), factor);
    const fill = look.depths[store.style[4 * i + 1]];
    const synthetic = store.style[4 * i + 2] & MARKS.synthetic;
    const unknown = store.style[4 * i] === NO_SIZE;
    const age = Math.min(Math.max((now - store.time[i] / HOUR_MS) / span, 0), 1);
    const fresh = 1 + (least - 1) * age;
    trace(context, synthetic ? "square" : unknown ? "diamond" : "circle", x, y, r);
    if (synthetic || !unknown) {
      context.fillStyle = css(fill, synthetic ? 0.35 : ink.fill * fresh);
      context.fill();
    }
    context.lineWidth = synthetic || unknown ? 1.4 : ink.line;
    context.strokeStyle = css(synthetic ? look.strange : unknown ? fill : look.symbol, (1 + fresh) / 2);
    context.setLineDash(synthetic ? [3, 2] : []);
    context.stroke();
    context.setLineDash([]);
  }
}

function ring(context, frame, { store, factor, look }, i, widthOf, colour, radiusOf) {
  const x = (store.x[i] - frame.west) * frame.scale;
  const y = (store.y[i] - frame.north) * frame.scale;
  const r = drawnRadius(sizeRadius(store.style[4 * i]), factor) + radiusOf(i);
  if (x < -r || y < -r || x > frame.width + r || y > frame.height + r) return;
  for (const [width, style] of [[widthOf(i) + 1.7, css(look.halo)], [widthOf(i), css(colour)]]) {
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  }
}

/** The outline of a symbol. */
export function trace(context, form, x, y, r) {
  context.beginPath();
  if (form === "square") {
    context.rect(x - r, y - r, 2 * r, 2 * r);
  } else if (form === "diamond") {
    context.moveTo(x, y - r - 1);
    context.lineTo(x + r + 1, y);
    context.lineTo(x, y + r + 1);
    context.lineTo(x - r - 1, y);
    context.closePath();
  } else {
    context.arc(x, y, r, 0, 2 * Math.PI);
  }
}
