// A run's page: asks once a second how far it is and shows the rest when it is over.

import { fetchJson } from "../api.js";

const config = JSON.parse(document.getElementById("run-config").textContent);
const words = JSON.parse(document.getElementById("run-words").textContent);
const bar = document.getElementById("run-progress");
const note = document.getElementById("run-note");
const SLOW_MS = 15_000;
const PAUSE_MS = 1_000;
const started = Date.now();
let etag = null;

function show(state) {
  const status = document.getElementById("run-status");
  status.textContent = state.status_text;
  status.className = `run-status run-status--${state.status}`;
  if (state.total > 0) {
    bar.max = state.total;
    bar.value = state.done;
  } else {
    bar.removeAttribute("value");
  }
  let past = true;
  for (const step of document.querySelectorAll("[data-stage]")) {
    const present = step.dataset.stage === state.stage;
    if (present) past = false;
    step.className = `stage stage--${present ? "present" : past ? "past" : "future"}`;
    if (present) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
  const counts = document.getElementById("run-counts");
  counts.replaceChildren(
    ...state.count_lines.map(({ label, value }) => {
      const box = document.createElement("div");
      const term = document.createElement("dt");
      const number = document.createElement("dd");
      term.textContent = label;
      number.textContent = value;
      box.append(term, number);
      return box;
    }),
  );
  const waiting = state.status === "queued" && Date.now() - started > SLOW_MS;
  note.textContent = waiting ? words.slow : "";
}

async function look() {
  try {
    const answer = await fetchJson(config.url, { etag });
    etag = answer.etag;
    if (answer.data) {
      show(answer.data);
      if (answer.data.over) {
        // Entries, problems and their links are the server's to write.
        location.reload();
        return;
      }
    } else if (Date.now() - started > SLOW_MS && bar.position < 0) {
      note.textContent = words.slow;
    }
  } catch {
    note.textContent = words.lost;
  }
  setTimeout(look, PAUSE_MS);
}

if (!config.over) look();
