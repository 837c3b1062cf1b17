// The upload page: drop files, see what each is, send them one after another. Files that are the
// tables of one bulletin go together.

import { setsOf } from "../file_sets.js";
import { fill } from "../texts.js";

const config = JSON.parse(document.getElementById("upload-config").textContent);
const form = document.getElementById("upload");
const input = document.getElementById("files");
const drop = document.getElementById("drop");
const list = document.getElementById("list");
const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
const words = config.words;

/** @type {{file: File, row: HTMLElement, sent: boolean, refused: boolean}[]} */
let waiting = [];

function part(row, name) {
  return row.querySelector(`.upload__${name}`);
}

function rowFor(file) {
  const row = document.createElement("li");
  row.className = "upload__file";
  for (const [tag, name] of [["span", "name"], ["button", "remove"], ["span", "what"], ["span", "state"], ["span", "set"]]) {
    const element = document.createElement(tag);
    element.className = `upload__${name}`;
    row.append(element);
  }
  part(row, "name").textContent = file.name;
  const remove = part(row, "remove");
  remove.type = "button";
  remove.className += " button button--small button--plain";
  remove.textContent = words.remove;
  remove.setAttribute("aria-label", `${words.remove}: ${file.name}`);
  list.append(row);
  return row;
}

function refuse(item, message) {
  item.refused = true;
  item.row.classList.add("is-refused");
  part(item.row, "state").textContent = message;
}

async function recognise(item) {
  try {
    const answer = await fetch(config.recognise, {
      method: "POST",
      headers: { "X-CSRFToken": token, "X-File-Name": encodeURIComponent(item.file.name) },
      body: item.file.slice(0, config.headBytes),
      credentials: "same-origin",
    });
    if (!answer.ok) return;
    const found = await answer.json();
    const format = found.format_name || words.unknownFormat;
    const agency = found.agency || words.unknownAgency;
    part(item.row, "what").textContent = `${agency} · ${format}`;
  } catch {
    // Only a preview: the upload itself will say what is wrong.
    part(item.row, "what").textContent = "";
  }
}

/** The items in sets: those that are one bulletin together, in the order they came. */
function groups(items) {
  return setsOf(items.map((item) => item.file.name), config.cssTables).map((places) => places.map((n) => items[n]));
}

/** Say beside each file which others it goes with. */
function showSets() {
  for (const group of groups(waiting.filter((item) => !item.sent))) {
    const names = group.map((item) => item.file.name).join(", ");
    for (const item of group) {
      part(item.row, "set").textContent = group.length > 1 ? fill(words.together, { names }) : "";
    }
  }
}

function add(files) {
  for (const file of files) {
    if (waiting.length >= config.maxFiles) {
      part(waiting[waiting.length - 1].row, "state").textContent = config.tooMany;
      break;
    }
    const item = { file, row: rowFor(file), sent: false, refused: false };
    waiting.push(item);
    part(item.row, "remove").addEventListener("click", () => {
      waiting = waiting.filter((other) => other !== item);
      item.row.remove();
      showSets();
      input.required = waiting.length === 0;
      input.focus();
    });
    part(item.row, "state").textContent = words.waiting;
    if (file.size > config.maxBytes) refuse(item, config.tooLarge);
    else recognise(item);
  }
  input.value = "";
  input.required = waiting.length === 0;
  showSets();
}

function refuseAll(group, message) {
  for (const item of group) refuse(item, message);
}

/** Send one bulletin, a file or a set of them; return the page of its run. */
async function send(group) {
  const body = new FormData();
  for (const item of group) body.append("file", item.file);
  for (const name of ["agency", "format", "kind", "time_zone", "final_from", "final_to"]) body.append(name, form.elements[name].value);
  for (const name of ["accept_readings", "dry_run"]) body.append(name, form.elements[name].checked ? "true" : "false");
  for (const item of group) {
    part(item.row, "state").textContent = words.sending;
    item.row.classList.remove("is-refused");
  }
  let answer;
  let result;
  try {
    answer = await fetch(config.upload, {
      method: "POST",
      headers: { "X-CSRFToken": token, Accept: "application/json" },
      body,
      credentials: "same-origin",
    });
    result = await answer.json();
  } catch {
    refuseAll(group, words.failed);
    return null;
  }
  if (!answer.ok) {
    refuseAll(group, result.message || words.failed);
    return null;
  }
  // The page's address in the reader's language.
  const page = new URL(`../runs/${result.run.id}/`, location.href).href;
  for (const item of group) {
    item.sent = true;
    item.row.classList.add("is-sent");
    part(item.row, "remove").remove();
    part(item.row, "what").textContent = `${result.agency} · ${result.format}`;
    const state = part(item.row, "state");
    state.textContent = `${result.duplicate ? words.duplicate : words.sent} · `;
    const link = document.createElement("a");
    link.href = page;
    link.textContent = words.watch;
    state.append(link);
  }
  return page;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  const tosend = waiting.filter((item) => !item.sent && item.file.size <= config.maxBytes);
  if (tosend.length === 0) return;
  button.disabled = true;
  const pages = [];
  const bulletins = groups(tosend);
  const only = bulletins.length === 1 && bulletins[0].length === waiting.length;
  for (const group of bulletins) {
    for (const item of group) item.refused = false;
    const size = group.reduce((sum, item) => sum + item.file.size, 0);
    if (size > config.maxBytes) {
      refuseAll(group, config.tooLarge);
      continue;
    }
    const page = await send(group);
    if (page) pages.push(page);
  }
  button.disabled = false;
  if (only && pages.length === 1) location.assign(pages[0]);
});

input.addEventListener("change", () => add(input.files));
drop.querySelector(".drop__hint").hidden = false;
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, () => drop.classList.remove("is-over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  add(event.dataTransfer.files);
});
