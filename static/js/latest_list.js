// What differs between two states of a list of events.

/** What each event of the list says: `Map` of id to text. */
export function stateOf(list) {
  return new Map(
    [...list.querySelectorAll("[data-id]")].map((item) => [
      item.dataset.id,
      item.textContent.replace(/\s+/g, " ").trim(),
    ]),
  );
}

/** Ids that are new, or say something else than before. */
export function changedIds(before, after) {
  return [...after].filter(([id, text]) => before.get(id) !== text).map(([id]) => id);
}
