// The desk's page of first motions: what is tried is shown at once, without loading the page anew.
// Without this script the button "Try it" does the same.

import { putIn, trialAddress } from "../trial.js";

const form = document.getElementById("motions");
let asked = null;

async function look() {
  asked?.abort();
  asked = new AbortController();
  const address = trialAddress(new FormData(form), location.pathname);
  document.body.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { signal: asked.signal, credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.statusText);
    putIn(new DOMParser().parseFromString(await answer.text(), "text/html"), document);
    history.replaceState(null, "", address);
  } catch (error) {
    if (error.name === "AbortError") return;
    location.assign(address);
  }
  document.body.removeAttribute("aria-busy");
}

form.addEventListener("change", look);
