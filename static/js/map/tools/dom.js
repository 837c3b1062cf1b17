// Elements and icons of the tools, made without HTML text.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `on*` are listeners, `class`, `text`, `for` and other attributes as they are named. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A labelled input under its label: `[wrapper, input]`. */
export function field(label, attributes = {}, tag = "input") {
  const id = `tool-${(field.count = (field.count ?? 0) + 1)}`;
  const input = make(tag, { id, autocomplete: "off", spellcheck: "false", ...attributes });
  return [make("div", { class: "tool-field" }, make("label", { for: id, text: label }), input), input];
}

export function button(text, onclick, style = "") {
  return make("button", { type: "button", class: `button button--small ${style}`.trim(), text, onclick });
}

// Drawn on 24 by 24, strokes of 1.7.
const ICONS = {
  tools: ["M4 7h10M18 7h2M4 17h2M10 17h10", "M16 5v4M8 15v4"],
  area: ["M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4", "M9 12h6M12 9v6"],
  box: ["M5 6h14v12H5Z"],
  circle: ["M12 4a8 8 0 1 1 0 16a8 8 0 1 1 0-16Z", "M12 12h8"],
  polygon: ["M6 5 18 4 20 13 12 20 4 14Z"],
  measure: ["M3 16 16 3l5 5L8 21Z", "M7 12l2 2M10 9l3 3M13 6l2 2"],
  own: ["M12 15V4M8 8l4-4 4 4", "M4 14v6h16v-6"],
  picture: ["M12 4v11M8 11l4 4 4-4", "M4 14v6h16v-6"],
  full: ["M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  small: ["M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5"],
  search: ["M10.5 4a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13Z", "M15.5 15.5 20 20"],
  close: ["M6 6l12 12M18 6 6 18"],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "tool-icon");
  for (const d of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Call back at most once in so many ms, and once more after the last call. */
export function throttled(callback, pause) {
  let timer = 0;
  let last = -Infinity;
  return () => {
    if (timer) return;
    const wait = Math.max(0, last + pause - performance.now());
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      callback();
    }, wait);
  };
}
