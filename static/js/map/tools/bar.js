// The bar of tools at the map's edge: one button a tool, one panel open at a time.
//
// It is a toolbar of the ARIA practices: one tab stop, arrows between the buttons, Escape closes.

import { L } from "../leaflet.js";
import { icon, make } from "./dom.js";

export class ToolBar {
  constructor(atlas, words) {
    this.atlas = atlas;
    this.words = words;
    this.tools = [];
    this.open = null;
    this.list = make("div", {
      class: "tool-bar__list", role: "toolbar", "aria-label": words.tools, "aria-orientation": "vertical",
      id: "tool-bar-list",
    });
    this.fold = make(
      "button",
      {
        type: "button", class: "tool-bar__fold", "aria-expanded": "false", "aria-controls": "tool-bar-list",
        "aria-label": words.tools, title: words.tools,
        onclick: () => this.unfold(this.fold.getAttribute("aria-expanded") !== "true"),
      },
      icon("tools"),
    );
    this.bar = make("div", { class: "tool-bar" }, this.fold, this.list);
    this.panel = make("section", { class: "tool-panel", hidden: true, tabindex: "-1" });
    atlas.container.append(this.bar);
    atlas.container.after(this.panel);
    for (const node of [this.bar, this.panel]) {
      L.DomEvent.disableClickPropagation(node);
      L.DomEvent.disableScrollPropagation(node);
    }
    this.list.addEventListener("keydown", (event) => this.#rove(event));
    for (const node of [this.bar, this.panel]) {
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        if (this.open) this.close({ focus: true });
        else this.unfold(false);
      });
    }
  }

  /**
   * A button. With `panel(body)` it opens a panel that function fills once; `opened` and `closed`
   * are called each time. With `action` it acts. Returns the button.
   */
  add({ key, label, sign, panel = null, opened = () => {}, closed = () => {}, action = null }) {
    const node = make(
      "button",
      {
        type: "button", class: "tool-bar__button", "data-tool": key, tabindex: this.tools.length ? "-1" : "0",
        "aria-label": label, "aria-expanded": panel ? "false" : null, title: label,
        onclick: () => (panel ? this.toggle(key) : action()),
      },
      icon(sign),
      make("span", { class: "tool-bar__label", text: label, "aria-hidden": "true" }),
    );
    const body = panel ? make("div", { class: "tool-panel__body" }) : null;
    this.tools.push({ key, label, node, body, opened, closed });
    if (panel) panel(body);
    this.list.append(node);
    return node;
  }

  toggle(key) {
    if (this.open?.key === key) this.close({ focus: true });
    else this.show(key);
  }

  show(key) {
    this.close();
    const tool = this.tools.find((one) => one.key === key);
    this.open = tool;
    tool.node.setAttribute("aria-expanded", "true");
    const title = make("h2", { class: "tool-panel__title", id: "tool-panel-title", text: tool.label });
    const shut = make(
      "button",
      {
        type: "button", class: "tool-panel__close", "aria-label": this.words.close, title: this.words.close,
        onclick: () => this.close({ focus: true }),
      },
      icon("close"),
    );
    this.panel.setAttribute("aria-labelledby", "tool-panel-title");
    this.panel.replaceChildren(make("header", { class: "tool-panel__head" }, title, shut), tool.body);
    this.panel.hidden = false;
    this.panel.focus({ preventScroll: true });
    tool.opened();
  }

  close({ focus = false } = {}) {
    const tool = this.open;
    if (!tool) return;
    this.open = null;
    tool.node.setAttribute("aria-expanded", "false");
    this.panel.hidden = true;
    tool.closed();
    if (focus) {
      this.unfold(true);
      tool.node.focus({ preventScroll: true });
    }
  }

  /** On a small map the bar is one button until it is opened. */
  unfold(wide) {
    this.fold.setAttribute("aria-expanded", String(wide));
    this.bar.classList.toggle("is-open", wide);
  }

  /** A dot on a tool that has left something on the map. */
  mark(key, isUsed) {
    this.tools.find((tool) => tool.key === key).node.classList.toggle("is-used", isUsed);
  }

  #rove(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const nodes = this.tools.map((tool) => tool.node);
    const at = nodes.indexOf(document.activeElement);
    let next = null;
    if (step) next = nodes[(at + step + nodes.length) % nodes.length];
    else if (event.key === "Home") next = nodes[0];
    else if (event.key === "End") next = nodes.at(-1);
    if (!next) return;
    event.preventDefault();
    for (const node of nodes) node.tabIndex = node === next ? 0 : -1;
    next.focus();
  }
}
