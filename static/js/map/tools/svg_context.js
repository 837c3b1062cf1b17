// A drawing context that writes SVG: the part of CanvasRenderingContext2D the map's painters use.

const number = (value) => String(Math.round(value * 100) / 100);
const escaped = (text) =>
  String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign])
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "");

/** Text set as `600 11px family` or `italic 400 11px family`, in parts. */
export function fontOf(text) {
  const match = /^(?:(italic|normal)\s+)?(?:(\d+|bold|normal)\s+)?([\d.]+)px\s+(.+)$/.exec(text) ?? [];
  return { style: match[1] ?? "normal", weight: match[2] ?? "400", size: Number(match[3] ?? 10), family: match[4] ?? "sans-serif" };
}

export class SvgContext {
  /** @param {(text: string, font: string, spacing: string) => number} measure width of a text [px] */
  constructor(width, height, measure) {
    this.width = width;
    this.height = height;
    this.measure = measure;
    this.parts = [];
    this.defs = [];
    this.stack = [];
    this.d = [];
    this.matrix = [1, 0, 0, 1, 0, 0];
    this.group = 0;
    Object.assign(this, {
      fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "10px sans-serif",
      textAlign: "left", textBaseline: "alphabetic", letterSpacing: "0px", lineJoin: "miter", dash: [],
    });
  }

  save() {
    const { matrix, fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, letterSpacing, lineJoin, dash, group } = this;
    this.stack.push({ matrix: [...matrix], fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, letterSpacing, lineJoin, dash, group });
  }

  restore() {
    const before = this.stack.pop();
    if (!before) return;
    while (this.group > before.group) {
      this.parts.push("</g>");
      this.group -= 1;
    }
    Object.assign(this, before);
  }

  translate(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    this.matrix = [a, b, c, d, a * x + c * y + e, b * x + d * y + f];
  }

  scale(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    this.matrix = [a * x, b * x, c * y, d * y, e, f];
  }

  rotate(angle) {
    const [a, b, c, d, e, f] = this.matrix;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    this.matrix = [a * cos + c * sin, b * cos + d * sin, c * cos - a * sin, d * cos - b * sin, e, f];
  }

  setLineDash(dash) {
    this.dash = [...dash];
  }

  beginPath() {
    this.d = [];
  }

  #at(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    return `${number(a * x + c * y + e)} ${number(b * x + d * y + f)}`;
  }

  moveTo(x, y) {
    this.d.push(`M${this.#at(x, y)}`);
  }

  lineTo(x, y) {
    this.d.push(`${this.d.length ? "L" : "M"}${this.#at(x, y)}`);
  }

  closePath() {
    this.d.push("Z");
  }

  rect(x, y, width, height) {
    this.moveTo(x, y);
    this.lineTo(x + width, y);
    this.lineTo(x + width, y + height);
    this.lineTo(x, y + height);
    this.closePath();
  }

  /** Whole circles only. */
  arc(x, y, r) {
    const radius = number(r * Math.hypot(this.matrix[0], this.matrix[1]));
    this.d.push(`M${this.#at(x - r, y)}A${radius} ${radius} 0 1 1 ${this.#at(x + r, y)}A${radius} ${radius} 0 1 1 ${this.#at(x - r, y)}Z`);
  }

  #alpha(name) {
    return this.globalAlpha < 1 ? ` ${name}="${number(this.globalAlpha)}"` : "";
  }

  fill(rule) {
    const d = this.d.join("");
    if (!d) return;
    const isEven = rule === "evenodd" ? ' fill-rule="evenodd"' : "";
    this.parts.push({ d, fill: `fill="${escaped(this.fillStyle)}"${this.#alpha("fill-opacity")}${isEven}`, stroke: "" });
  }

  stroke() {
    const d = this.d.join("");
    if (!d) return;
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.map(number).join(" ")}"` : "";
    const join = this.lineJoin === "miter" ? "" : ` stroke-linejoin="${this.lineJoin}"`;
    const stroke = `stroke="${escaped(this.strokeStyle)}" stroke-width="${number(this.lineWidth)}"${dash}${join}${this.#alpha("stroke-opacity")}`;
    const last = this.parts.at(-1);
    if (last?.d === d && !last.stroke) last.stroke = stroke;
    else this.parts.push({ d, fill: 'fill="none"', stroke });
  }

  fillRect(x, y, width, height) {
    const before = this.d;
    this.d = [];
    this.rect(x, y, width, height);
    this.fill();
    this.d = before;
  }

  /** Everything until restore() only inside a rectangle. */
  clipRect(x, y, width, height) {
    const id = `clip${this.defs.length}`;
    const [a, , , d, e, f] = this.matrix;
    this.defs.push(`<clipPath id="${id}"><rect x="${number(a * x + e)}" y="${number(d * y + f)}" width="${number(a * width)}" height="${number(d * height)}"/></clipPath>`);
    this.parts.push(`<g clip-path="url(#${id})">`);
    this.group += 1;
  }

  /** A picture by its data address. */
  image(address, x, y, width, height) {
    const [a, , , d, e, f] = this.matrix;
    this.parts.push(`<image x="${number(a * x + e)}" y="${number(d * y + f)}" width="${number(a * width)}" height="${number(d * height)}" href="${escaped(address)}"/>`);
  }

  measureText(text) {
    return { width: this.measure(text, this.font, this.letterSpacing) };
  }

  fillText(text, x, y) {
    this.#text(text, x, y, `fill="${escaped(this.fillStyle)}"${this.#alpha("fill-opacity")}`);
  }

  strokeText(text, x, y) {
    this.#text(text, x, y, `fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${number(this.lineWidth)}" stroke-linejoin="round"${this.#alpha("stroke-opacity")}`);
  }

  #text(text, x, y, dress) {
    const { style, weight, size, family } = fontOf(this.font);
    const anchor = { center: ' text-anchor="middle"', right: ' text-anchor="end"' }[this.textAlign] ?? "";
    // Viewers differ in dominant-baseline; a third of the size below the middle is where letters stand.
    const down = { middle: 0.35, top: 0.8 }[this.textBaseline] ?? 0;
    const slant = style === "italic" ? ' font-style="italic"' : "";
    const spacing = parseFloat(this.letterSpacing) ? ` letter-spacing="${parseFloat(this.letterSpacing)}"` : "";
    const [a, b, c, d, e, f] = this.matrix;
    const turned = b || c || a !== 1 || d !== 1;
    const place = turned
      ? `transform="matrix(${[a, b, c, d, e, f].map((value) => Math.round(value * 1e4) / 1e4).join(" ")})" x="${number(x)}" y="${number(y + down * size)}"`
      : `x="${number(x + e)}" y="${number(y + f + down * size)}"`;
    this.parts.push(`<text ${place} ${dress} font-family="${escaped(family)}" font-size="${number(size)}" font-weight="${weight}"${slant}${spacing}${anchor}>${escaped(text)}</text>`);
  }

  /** The whole document; `title` and `description` are read out by screen readers. */
  finish(title, description) {
    const body = this.parts.map((part) => (typeof part === "string" ? part : `<path d="${part.d}" ${part.fill} ${part.stroke}/>`));
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}" role="img">`,
      `<title>${escaped(title)}</title>`, `<desc>${escaped(description)}</desc>`,
      `<defs>${this.defs.join("")}</defs>`, ...body, "</svg>", "",
    ].join("\n");
  }
}
