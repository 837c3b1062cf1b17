// Keys of a page: each presses the button or follows the link that names it by data-key.

/** True where a key is a letter of what is being written, not a command. */
export function isWriting(element) {
  return element?.closest("input, textarea, select, [contenteditable]") != null && element.type !== "checkbox";
}

/** Listen for keys; `more` holds what the page does itself: `{"?": () => ...}`. */
export function listen(root = document, more = {}) {
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isWriting(event.target)) return;
    if (more[event.key]) {
      event.preventDefault();
      more[event.key]();
      return;
    }
    const key = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : "";
    const target = key && root.querySelector(`[data-key="${key}"]:not([disabled])`);
    if (!target) return;
    event.preventDefault();
    target.click();
  });
}
