// Points chosen on the map: by pointer or finger, by dragging where a tool allows it, and by keyboard
// (the map under a cross at its middle: arrows move it, Enter chooses). WCAG 2.2: 2.1.1, 2.5.7.

import { L } from "../leaflet.js";
import { make } from "./dom.js";

/** A pointer that moved less than this meant a click [px]. */
const STILL = 6;

export class Picker {
  /**
   * @param {object} atlas
   * @param {object} handlers
   * @param {(point: object) => void} handlers.point a point was chosen (a LatLng)
   * @param {(point: object) => void} [handlers.move] the pointer, or the cross, is here now
   * @param {() => void} [handlers.undo] take the last point back (Backspace)
   * @param {() => void} [handlers.finish] no more points (double click, a second Enter on one spot)
   * @param {() => void} [handlers.end] stop (Escape)
   * @param {boolean} [handlers.drag] dragging chooses the first and the second point
   */
  constructor(atlas, handlers) {
    this.atlas = atlas;
    this.map = atlas.map;
    this.handlers = { move() {}, undo() {}, finish() {}, end() {}, drag: false, ...handlers };
    this.stops = null;
  }

  get isOn() {
    return this.stops !== null;
  }

  start() {
    if (this.isOn) return;
    const container = this.map.getContainer();
    const surface = make("div", { class: "pick-surface", "aria-hidden": "true" });
    const cross = make("div", { class: "pick-cross", "aria-hidden": "true" });
    container.append(surface, cross);
    const doubleClick = this.map.doubleClickZoom.enabled();
    this.map.doubleClickZoom.disable();
    const free = this.atlas.hold();
    const keys = (event) => this.#key(event);
    const centre = () => {
      if (container.classList.contains("is-by-key")) this.handlers.move(this.map.getCenter());
    };
    const byPointer = () => container.classList.remove("is-by-key");
    container.addEventListener("keydown", keys, true);
    container.addEventListener("pointermove", byPointer);
    this.map.on("move", centre);
    this.#listen(surface);
    this.stops = () => {
      container.removeEventListener("keydown", keys, true);
      container.removeEventListener("pointermove", byPointer);
      container.classList.remove("is-by-key");
      this.map.off("move", centre);
      surface.remove();
      cross.remove();
      this.map.dragging.enable();
      if (doubleClick) this.map.doubleClickZoom.enable();
      free();
    };
    container.focus({ preventScroll: true });
    container.classList.toggle("is-by-key", container.matches(":focus-visible"));
  }

  stop() {
    this.stops?.();
    this.stops = null;
  }

  #at(event) {
    return this.map.mouseEventToLatLng(event);
  }

  #listen(surface) {
    let down = null;
    const drag = this.handlers.drag;
    // A drag of ours must not move the map; without one the map moves and the click is still ours.
    if (drag) {
      for (const kind of ["mousedown", "touchstart", "pointerdown"]) {
        surface.addEventListener(kind, (event) => event.stopPropagation());
      }
    }
    surface.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      down = { x: event.clientX, y: event.clientY, point: this.#at(event), moved: false };
      if (drag) surface.setPointerCapture(event.pointerId);
    });
    surface.addEventListener("pointermove", (event) => {
      if (!event.isPrimary) return;
      if (down && !down.moved && Math.hypot(event.clientX - down.x, event.clientY - down.y) > STILL) {
        down.moved = true;
        if (drag) this.handlers.point(down.point);
      }
      if (!down || drag) this.handlers.move(this.#at(event));
    });
    surface.addEventListener("pointerup", (event) => {
      if (!down || !event.isPrimary) return;
      const { moved } = down;
      down = null;
      if (!moved || drag) this.handlers.point(this.#at(event));
    });
    surface.addEventListener("pointercancel", () => {
      down = null;
    });
    surface.addEventListener("dblclick", () => this.handlers.finish());
    for (const kind of ["click", "dblclick", "contextmenu"]) {
      L.DomEvent.on(surface, kind, L.DomEvent.stopPropagation);
    }
  }

  #key(event) {
    if (event.target !== this.map.getContainer()) return;
    event.target.classList.add("is-by-key");
    const acts = {
      Enter: () => this.handlers.point(this.map.getCenter(), { byKey: true }),
      Backspace: () => this.handlers.undo(),
      Escape: () => this.handlers.end(),
    };
    const act = acts[event.key];
    if (!act || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}
