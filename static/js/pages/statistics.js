// The statistics page: values under the pointer or the arrow keys, and a span of time to narrow to.
// Without it every drawing and table is there all the same.

import { moved, narrowed, nearest, spanOf } from "../charts.js";

const SVG = "http://www.w3.org/2000/svg";
const { charts, query, page, words } = JSON.parse(document.getElementById("statistics-data").textContent);

for (const chart of charts) {
  const figure = document.querySelector(`[data-chart="${chart.code}"]`);
  if (figure && chart.points.length) explore(figure, chart);
}

/** Make one drawing tell its values. */
function explore(figure, { points, top, bottom, time }) {
  const svg = figure.querySelector("svg");
  const read = figure.querySelector(".chart__read");
  const chosen = figure.querySelector(".chart__chosen");
  const [link, clear] = chosen.children;
  const mark = shape("path", "chart__cursor");
  const span = shape("rect", "chart__span");
  let state = { at: -1, from: null };
  let pressed = null;

  span.setAttribute("y", top);
  span.setAttribute("height", bottom - top);
  svg.append(span, mark);
  svg.tabIndex = 0;
  read.hidden = false;
  read.textContent = time ? words.explore : words.exploreValues;
  clear.textContent = words.clear;

  function show() {
    const { at, from } = state;
    const point = points[at];
    mark.setAttribute("d", point ? `M${point[0]} ${top}V${bottom}` : "");
    if (point) read.textContent = point[1];
    const choosing = time && from !== null && at >= 0;
    chosen.hidden = !choosing;
    span.setAttribute("width", 0);
    if (!choosing) return;
    const [left, right] = [points[from][0], point[0]].sort((a, b) => a - b);
    span.setAttribute("x", left);
    span.setAttribute("width", Math.max(right - left, 2));
    const days = spanOf(points, from, at);
    link.href = `${page}?${narrowed(query, days)}`;
    link.textContent = words.span.replace("%(start)s", days.start).replace("%(end)s", days.end);
  }

  /** Where an event of the pointer lies, in the drawing's units. */
  const under = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return nearest(points, at.x);
  };

  svg.addEventListener("pointermove", (event) => {
    const at = under(event);
    if (pressed !== null && at !== pressed) state = { at, from: pressed };
    else if (state.from === null) state = { at, from: null };
    show();
  });
  svg.addEventListener("pointerdown", (event) => {
    const at = under(event);
    if (time && event.pointerType !== "touch") {
      pressed = at;
      svg.setPointerCapture(event.pointerId);
    }
    state = { at, from: null };
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    svg.addEventListener(end, () => {
      pressed = null;
    });
  }
  svg.addEventListener("keydown", (event) => {
    const next = moved(state, event.key, event.shiftKey, points.length, time);
    if (!next) return;
    event.preventDefault();
    state = next;
    show();
  });
  clear.addEventListener("click", () => {
    state = { at: state.at, from: null };
    show();
    svg.focus();
  });
}

function shape(name, kind) {
  const made = document.createElementNS(SVG, name);
  made.setAttribute("class", kind);
  return made;
}
