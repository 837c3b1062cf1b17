// The map over the whole screen, or, where the browser has no such thing, over the whole window.

import { icon } from "./dom.js";

export function addFullScreen(atlas, bar, words) {
  const { map } = atlas;
  const section = map.getContainer().closest(".atlas__map");
  const isFull = () => document.fullscreenElement === section || section.classList.contains("is-full");
  const node = bar.add({
    key: "full", label: words.fullScreen, sign: "full",
    action: async () => {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (section.classList.contains("is-full")) leave();
      else if (section.requestFullscreen) await section.requestFullscreen().catch(enter);
      else enter();
    },
  });
  const dress = () => {
    const label = isFull() ? words.leaveFullScreen : words.fullScreen;
    node.querySelector("svg").replaceWith(icon(isFull() ? "small" : "full"));
    node.querySelector(".tool-bar__label").textContent = label;
    node.setAttribute("aria-label", label);
    node.title = label;
    map.invalidateSize();
  };
  const enter = () => {
    section.classList.add("is-full");
    dress();
  };
  const leave = () => {
    section.classList.remove("is-full");
    dress();
  };
  document.addEventListener("fullscreenchange", dress);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && section.classList.contains("is-full") && !event.defaultPrevented) leave();
  });
}
