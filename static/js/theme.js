// The choice of colours in the foot, without loading the page anew. Without a script the form is sent.

const root = globalThis.document?.documentElement;
const MEDIA = { light: "not all", dark: "screen", system: "screen and (prefers-color-scheme: dark)" };
const YEAR_SECONDS = 31_536_000;

/** Put a choice on the page: "light", "dark" or "system". */
export function show(choice) {
  if (choice === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", choice);
  document.getElementById("dark-scheme").media = MEDIA[choice];
  for (const button of document.querySelectorAll(".theme button")) {
    button.setAttribute("aria-pressed", String(button.value === choice));
  }
  tell();
}

/** What is painted by a script is painted anew: see onSchemeChange in map/leaflet.js. */
function tell() {
  document.dispatchEvent(new CustomEvent("stylechange"));
}

// Names on a map are painted in another font until ours has come.
globalThis.document?.fonts?.addEventListener("loadingdone", tell);

/** The cookie the server would set: portal/theme.py. */
export function cookie(choice, secure) {
  const age = choice === "system" ? 0 : YEAR_SECONDS;
  return `theme=${choice}; Path=/; Max-Age=${age}; SameSite=Lax${secure ? "; Secure" : ""}`;
}

globalThis.document?.addEventListener("submit", (event) => {
  if (!event.target.matches("form.theme") || !event.submitter) return;
  event.preventDefault();
  document.cookie = cookie(event.submitter.value, location.protocol === "https:");
  show(event.submitter.value);
});
