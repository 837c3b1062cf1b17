// Pages that try something: the trial stands in the address, the answer is put in part by part.

/** The address of what the form holds, without what it leaves as it is. */
export function trialAddress(given, base) {
  const told = new URLSearchParams([...given].filter(([, value]) => value !== ""));
  return `${base}?${told}`;
}

/** Put the parts of another page marked data-live in place of those here with the same id. */
export function putIn(page, here) {
  for (const part of page.querySelectorAll("[data-live][id]")) {
    here.getElementById(part.id)?.replaceWith(here.importNode(part, true));
  }
}
