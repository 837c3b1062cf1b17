// The size row of the legend: the very circles of the map, with KR below and magnitude under it.

import { classRadius, zoomFactor } from "./symbols.js";

const SVG = "http://www.w3.org/2000/svg";
const CLASSES = [7, 9, 11, 13, 15];

/** Draw the row as large as the circles are at this zoom. */
export function drawSizes(element, decimal, zoom) {
  const factor = zoomFactor(zoom);
  const base = 8 + 2 * factor * classRadius(CLASSES.at(-1));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 220 ${(base + 28).toFixed(1)}`);
  let x = 2;
  for (const whole of CLASSES) {
    const r = factor * classRadius(whole);
    const step = 43;
    const middle = x + step / 2;
    x += step;
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", middle.toFixed(1));
    circle.setAttribute("cy", (base - 4 - r).toFixed(1));
    circle.setAttribute("r", r.toFixed(1));
    svg.append(circle, text(middle, base + 10, `KR ${whole}`), text(middle, base + 22, magnitudeOf(whole, decimal), "is-second"));
  }
  element.replaceChildren(svg);
}

function magnitudeOf(whole, decimal) {
  return `M ${((whole - 4) / 1.8).toFixed(1).replace(".", decimal)}`;
}

function text(x, y, content, className = "") {
  const node = document.createElementNS(SVG, "text");
  node.setAttribute("x", x.toFixed(1));
  node.setAttribute("y", y.toFixed(1));
  if (className) node.setAttribute("class", className);
  node.textContent = content;
  return node;
}
