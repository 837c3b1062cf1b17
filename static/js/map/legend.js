// The legend: the very circles of the map, and a filter. Touching one class shows it alone; touching
// further ones adds them or takes them away; when none or all are left, all are shown.

import { SIZES } from "../url_state.js";
import { NO_DEPTH, NO_SIZE } from "./store.js";
import { RADIUS, classRadius, drawnRadius, magnitudeOfClass, zoomFactor } from "./symbols.js";
import { count } from "../texts.js";

const SVG = "http://www.w3.org/2000/svg";
const DEPTHS = ["0", "1", "2", "3", "4", "none"];

/** Which codes of a size word are drawn: "9" is the energy classes 8 and 9. */
const RANGES = { 7: [0, 7], 9: [8, 9], 11: [10, 11], 13: [12, 13], 15: [14, NO_SIZE - 1], none: [NO_SIZE, NO_SIZE] };
const LABELS = { 7: "≤ 7", 9: "8–9", 11: "10–11", 13: "12–13", 15: "≥ 14", none: "?" };

/** What a touch on a class makes of the chosen ones; null is all. */
export function toggled(chosen, word, all) {
  if (!chosen) return [word];
  const next = all.filter((other) => chosen.includes(other) !== (other === word));
  return next.length && next.length < all.length ? next : null;
}

/** Depth classes that are shown, as a table of 0 and 1 by class; null is all. */
export function depthMask(chosen) {
  if (!chosen) return null;
  const mask = new Uint8Array(256);
  for (const word of chosen) mask[word === "none" ? NO_DEPTH : Number(word)] = 1;
  return mask;
}

/** Size classes that are shown, as a table of 0 and 1 by class; null is all. */
export function sizeMask(chosen) {
  if (!chosen) return null;
  const mask = new Uint8Array(256);
  for (const word of chosen) mask.fill(1, RANGES[word][0], RANGES[word][1] + 1);
  return mask;
}

/** How many events of each word there are: `{depths: {...}, classes: {...}}`. */
export function tally(style, order) {
  const bySize = new Uint32Array(256);
  const byDepth = new Uint32Array(8);
  for (let place = 0; place < order.length; place += 1) {
    bySize[style[4 * order[place]]] += 1;
    byDepth[style[4 * order[place] + 1]] += 1;
  }
  const sum = ([from, to]) => bySize.subarray(from, to + 1).reduce((a, b) => a + b, 0);
  return {
    depths: Object.fromEntries(DEPTHS.map((word) => [word, byDepth[word === "none" ? NO_DEPTH : word]])),
    classes: Object.fromEntries(SIZES.map((word) => [word, sum(RANGES[word])])),
  };
}

export class Legend {
  /**
   * @param {HTMLElement} root templates/partials/legend.html
   * @param {Object} config
   * @param {Object} words
   * @param {(chosen: {depths?: ?string[], classes?: ?string[]}) => void} choose
   */
  constructor(root, config, words, choose) {
    this.root = root;
    this.config = config;
    this.words = words;
    this.state = { depths: null, classes: null };
    this.sizes = root.querySelector("#legend-sizes");
    this.all = root.querySelector("#legend-all");
    this.buttons = { classes: this.#sizeButtons(), depths: this.#depthButtons() };
    for (const [kind, all] of [["depths", DEPTHS], ["classes", SIZES]]) {
      for (const [word, button] of Object.entries(this.buttons[kind])) {
        button.addEventListener("click", () => choose({ [kind]: toggled(this.state[kind], word, all) }));
      }
    }
    this.all.addEventListener("click", () => choose({ depths: null, classes: null }));
  }

  #sizeButtons() {
    const buttons = Object.fromEntries(SIZES.map((word) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "legend__size";
      button.append(document.createElementNS(SVG, "svg"), line("b", LABELS[word]));
      if (word !== "none") button.append(line("small", this.#magnitudes(RANGES[word])));
      button.append(line("small", "", "legend__count"));
      return [word, button];
    }));
    this.sizes.replaceChildren(...Object.values(buttons));
    return buttons;
  }

  #magnitudes([from, to]) {
    const of = (kr) => magnitudeOfClass(kr).toFixed(1).replace(".", this.config.decimal);
    if (from === 0) return `M < ${of(7.5)}`;
    return to > 18 ? `M > ${of(13.5)}` : `M ${of((from + to) / 2)}`;
  }

  #depthButtons() {
    const items = [...this.root.querySelectorAll(".legend__depths li")];
    return Object.fromEntries(items.map((item, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "legend__depth";
      button.append(...item.childNodes, line("small", "", "legend__count"));
      item.replaceChildren(button);
      return [DEPTHS[place], button];
    }));
  }

  /** Draw the circles as large as they are on the map at this zoom. */
  draw(zoom) {
    const factor = zoomFactor(zoom);
    const tallest = 2 * factor * classRadius(15) + 3;
    for (const [word, button] of Object.entries(this.buttons.classes)) {
      const svg = button.querySelector("svg");
      const size = Math.max(tallest, 14);
      svg.setAttribute("viewBox", `0 0 ${size.toFixed(1)} ${size.toFixed(1)}`);
      svg.setAttribute("width", size.toFixed(1));
      svg.setAttribute("height", size.toFixed(1));
      svg.setAttribute("aria-hidden", "true");
      const r = drawnRadius(word === "none" ? RADIUS.unknown : classRadius(Number(word)), factor);
      svg.replaceChildren(word === "none" ? diamond(size / 2, size - r - 2.5, r + 1) : circle(size / 2, size - r - 1.5, r));
    }
  }

  /** Mark what is chosen and write how many events each class has. */
  show(state, counts) {
    this.state = { depths: state.depths, classes: state.classes };
    for (const kind of ["depths", "classes"]) {
      for (const [word, button] of Object.entries(this.buttons[kind])) {
        const chosen = !state[kind] || state[kind].includes(word);
        button.setAttribute("aria-pressed", String(chosen));
        button.classList.toggle("is-off", !chosen);
        button.querySelector(".legend__count").textContent = counts ? count(counts[kind][word]) : "";
        if (kind === "classes") {
          const name = word === "none" ? this.words.sizeUnknown : `KR ${LABELS[word]}`;
          button.title = name;
          button.setAttribute("aria-label", counts ? `${name}: ${count(counts[kind][word])}` : name);
        }
      }
    }
    this.all.hidden = !state.depths && !state.classes;
  }
}

function line(name, text, className = "") {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.textContent = text;
  return node;
}

function circle(x, y, r) {
  const node = document.createElementNS(SVG, "circle");
  for (const [name, value] of [["cx", x], ["cy", y], ["r", r]]) node.setAttribute(name, value.toFixed(1));
  return node;
}

function diamond(x, y, r) {
  const node = document.createElementNS(SVG, "path");
  node.setAttribute("class", "mark-hollow");
  node.setAttribute("d", `M${x} ${y - r} ${x + r} ${y} ${x} ${y + r} ${x - r} ${y}Z`);
  return node;
}
