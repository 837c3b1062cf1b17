// The felt report: the form is kept while it is filled in, and what is sent until it has arrived.

import { keepForOffline } from "../felt/offline.js";
import { PlaceBox } from "../felt/place.js";
import { Queue, storeOf } from "../felt/queue.js";
import { fieldsOf, fill, newId, reportOf } from "../felt/report.js";
import { poster } from "../felt/sending.js";
import { fill as put } from "../texts.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("felt-config");
const words = read("felt-words");

const DRAFT = `felt-draft-${config.event || "any"}`;
/** A draft that nobody sent is forgotten [ms]. */
const DRAFT_KEPT = 24 * 3600 * 1000;

const form = document.getElementById("felt-form");
const state = document.getElementById("felt-state");
const sendButton = form.querySelector("button[type=submit]");
const box = document.getElementById("felt-queue");
const list = box.querySelector("ul");
const store = storeOf();

for (const element of document.querySelectorAll(".js-only")) element.hidden = false;
document.getElementById("felt-clock-help").textContent = words.deviceClock;

const place = new PlaceBox(form, config, words);
const queue = new Queue({
  store,
  post: poster({ url: config.url, tokenUrl: config.tokenUrl, language: config.map.language }),
  changed: show,
});

// --- The reports -------------------------------------------------------------------------------

function button(text, press) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "button button--small";
  element.textContent = text;
  element.addEventListener("click", press);
  return element;
}

function show(reports) {
  box.hidden = !reports.length;
  list.replaceChildren(...reports.map(item));
}

function item(report) {
  const row = document.createElement("li");
  row.dataset.state = report.state;
  const head = document.createElement("strong");
  const clock = new Date(report.writtenAt).toLocaleTimeString(config.map.language, { hour: "2-digit", minute: "2-digit" });
  head.textContent = `${put(words.writtenAt, { time: clock })}: ${words[report.state]}`;
  const text = document.createElement("span");
  text.textContent = report.state === "waiting" ? words[queue.store.lasting ? "kept" : "notKept"] : report.message ?? "";
  const buttons = document.createElement("span");
  buttons.className = "buttons";
  if (report.state === "waiting") buttons.append(button(words.tryNow, () => queue.wake()));
  if (report.state === "refused") {
    buttons.append(button(words.correct, () => {
      const body = queue.remove(report.id);
      form.hidden = false;
      fill(form, fieldsOf(body));
      state.textContent = report.message;
      form.scrollIntoView();
    }));
  }
  if (report.state === "waiting" || report.state === "refused") {
    buttons.append(button(words.forget, () => queue.remove(report.id)));
  }
  if (report.state === "sent") {
    buttons.append(button(words.another, () => {
      queue.remove(report.id);
      form.hidden = false;
      form.querySelector("input").focus();
    }));
  }
  row.append(head, text, buttons);
  return row;
}

// --- The form ----------------------------------------------------------------------------------

function saveDraft() {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  try {
    store.write(DRAFT, JSON.stringify({ at: Date.now(), fields }));
  } catch {
    // no room: the form itself still has it
  }
}

function restoreDraft() {
  try {
    const { at, fields } = JSON.parse(store.read(DRAFT));
    if (Date.now() - at < DRAFT_KEPT && fields.length) {
      fill(form, fields);
    } else store.remove(DRAFT);
  } catch {
    store.remove(DRAFT); // none, or none of ours
  }
}

let busy = false;
async function send() {
  if (busy) return;
  busy = true;
  sendButton.setAttribute("aria-busy", "true");
  try {
    state.textContent = "";
    if (!form.querySelector("[name=grade]:checked")) {
      state.textContent = words.chooseGrade;
      form.querySelector("[name=grade]").focus();
      return;
    }
    if (!(await place.settled())) return;
    const body = reportOf(new FormData(form), { event: config.event, language: config.map.language });
    if (place.asWritten) body.as_written = true;
    const sending = queue.add(newId(), body);
    store.remove(DRAFT);
    form.reset();
    form.hidden = true;
    box.tabIndex = -1;
    box.focus();
    box.scrollIntoView({ block: "start" });
    await sending;
  } finally {
    busy = false;
    sendButton.removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.addEventListener("input", saveDraft);
form.addEventListener("change", saveDraft);
// "At another time" is meant by whoever sets the clock.
form.elements.namedItem("felt_local").addEventListener("input", () => {
  form.querySelector("[name=when][value=then]").checked = true;
});
restoreDraft();

globalThis.addEventListener("online", () => queue.wake());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") queue.wake();
});
queue.wake();
form.dataset.ready = "1";
if (config.scope) form.dataset.kept = String(await keepForOffline(config.workerUrl, config.scope));
