// Save the map as PNG or SVG, or print it on one page.

import { fill, count } from "../../texts.js";
import { inLight } from "../leaflet.js";
import { button, make } from "./dom.js";
import { MOST_VECTORS, Plate, RATIO } from "./picture.js";

export class PictureTool {
  constructor(atlas, bar, words, layers, areaTool) {
    Object.assign(this, { atlas, words, layers, areaTool });
    bar.add({ key: "picture", label: words.picture, sign: "picture", panel: (body) => this.#panel(body) });
    this.sheet = make("div", { class: "print-plate", "aria-hidden": "true" });
    document.body.append(this.sheet);
    addEventListener("beforeprint", () => this.#fillSheet());
    addEventListener("afterprint", () => this.sheet.replaceChildren());
  }

  #panel(body) {
    const { words } = this;
    this.state = make("p", { class: "tool-hint", role: "status" });
    const save = (kind) => button(words[kind], () => this.#save(kind), kind === "png" ? "button--primary" : "");
    body.append(
      make("p", { class: "tool-hint", text: words.pictureHint }),
      make("div", { class: "buttons tool-stack" }, save("png"), save("svg"), button(words.print, () => print())),
      make("p", { class: "tool-hint", text: fill(words.svgLimit, { n: count(MOST_VECTORS) }) }),
      this.state,
    );
  }

  #plate() {
    return new Plate(this.atlas, this.layers, this.words, this.areaTool.ring);
  }

  async #save(kind) {
    this.state.textContent = this.words.making;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); // let it be seen
    try {
      const plate = this.#plate();
      const blob = kind === "png" ? await this.#png(plate) : await this.#svg(plate);
      if (!blob) throw new RangeError("the picture is too large for this browser");
      download(blob, `${plate.fileName}.${kind}`);
      this.state.textContent = kind === "svg" && plate.isCrowded
        ? fill(this.words.svgCrowded, { n: count(plate.events.length) }) : this.words.saved;
    } catch (error) {
      this.state.textContent = this.words.pictureFailed;
      console.warn(error);
    } finally {
      // The painters remembered where they drew in the picture; let them draw the map again.
      for (const layer of this.layers) layer.redraw();
    }
  }

  /** The picture on a canvas, twice as fine as the screen. */
  #canvas(plate) {
    return inLight(() => {
      const canvas = document.createElement("canvas");
      const context = canvas.getContext("2d");
      const height = plate.fullHeight(context);
      canvas.width = plate.fullWidth * RATIO;
      canvas.height = height * RATIO;
      context.scale(RATIO, RATIO);
      plate.paint(context, () => {
        plate.paintGround(context);
        plate.paintSigns(context);
      });
      return canvas;
    });
  }

  #png(plate) {
    return new Promise((resolve) => this.#canvas(plate).toBlob(resolve, "image/png"));
  }

  /** Ground as a bitmap inside, all else vectors; epicentres too unless they are too many. */
  async #svg(plate) {
    const { SvgContext } = await import("./svg_context.js"); // few save an SVG: fetched when one does
    const text = inLight(() => {
      const ground = document.createElement("canvas");
      ground.width = plate.width * RATIO;
      ground.height = plate.height * RATIO;
      const below = ground.getContext("2d");
      below.scale(RATIO, RATIO);
      plate.paintGround(below);
      if (plate.isCrowded) plate.paintEvents(below);
      const address = ground.toDataURL("image/jpeg", 0.9);
      const ruler = document.createElement("canvas").getContext("2d");
      const context = new SvgContext(plate.fullWidth, plate.fullHeight(ruler), (words, font, spacing) => {
        ruler.font = font;
        ruler.letterSpacing = spacing;
        return ruler.measureText(words).width;
      });
      plate.paint(context, () => {
        context.image(address, 0, 0, plate.width, plate.height);
        plate.paintSigns(context, { withEvents: !plate.isCrowded });
      });
      return context.finish(plate.texts.title, `${plate.texts.search} ${plate.texts.number} ${plate.texts.citation}`);
    });
    return new Blob([text], { type: "image/svg+xml" });
  }

  #fillSheet() {
    const plate = this.#plate();
    const canvas = this.#canvas(plate);
    this.sheet.replaceChildren(canvas);
    for (const layer of this.layers) layer.redraw();
  }
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
