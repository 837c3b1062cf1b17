// The size row of the legend: the very circles of the map, with KR below and magnitude under it.

import { classRadius } from "./symbols.js";

const SVG = "http://www.w3.org/2000/svg";
const CLASSES = [7, 9, 11, 13, 15];

export function drawSizes(element, decimal) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 220 66");
  let x = 4;
  for (const whole of CLASSES) {
    const r = classRadius(whole);
    const step = Math.max(2 * r, 30) + 9;
    const middle = x + step / 2;
    x += step;
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", middle.toFixed(1));
    circle.setAttribute("cy", (38 - r).toFixed(1));
    circle.setAttribute("r", r.toFixed(1));
    svg.append(circle, text(middle, 50, `KR ${whole}`), text(middle, 62, magnitudeOf(whole, decimal), "is-second"));
  }
  element.replaceChildren(svg);
}

function magnitudeOf(whole, decimal) {
  return `M ${((whole - 4) / 1.8).toFixed(1).replace(".", decimal)}`;
}

function text(x, y, content, className = "") {
  const node = document.createElementNS(SVG, "text");
  node.setAttribute("x", x.toFixed(1));
  node.setAttribute("y", String(y));
  if (className) node.setAttribute("class", className);
  node.textContent = content;
  return node;
}
