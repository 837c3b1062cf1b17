// A click on the drawing of a measurement writes its time into the form; the server finds the extremum.

import { timeAt, written } from "../waveform_time.js";

const config = JSON.parse(document.getElementById("wave-config").textContent);
const figure = document.getElementById("wave-plot");
const field = document.getElementById("at");
const drawing = figure && figure.querySelector("svg.plot--wave");

if (drawing && field && config.from) {
  const ground = drawing.querySelector(".plot__ground");
  const left = Number(ground.getAttribute("x"));
  const width = Number(ground.getAttribute("width"));
  const top = ground.getAttribute("y");
  const bottom = Number(top) + Number(ground.getAttribute("height"));
  figure.classList.add("is-clickable");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  line.setAttribute("class", "plot__chosen");
  line.setAttribute("y1", top);
  line.setAttribute("y2", String(bottom));
  drawing.addEventListener("click", (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    const share = (place.x - left) / width;
    if (share < 0 || share > 1) return;
    field.value = written(timeAt(config, share));
    for (const end of ["x1", "x2"]) line.setAttribute(end, String(place.x));
    if (!line.isConnected) drawing.append(line);
  });
}
