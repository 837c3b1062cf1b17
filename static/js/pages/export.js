// An export's page: asks every two seconds how far it is and shows the rest when it is over.

import { fetchJson } from "../api.js";
import { count, fill } from "../texts.js";

const config = JSON.parse(document.getElementById("export-config").textContent);
const words = JSON.parse(document.getElementById("export-words").textContent);
const bar = document.getElementById("export-progress");
const note = document.getElementById("export-note");
const PAUSE_MS = 2_000;

function show(state) {
  const status = document.getElementById("export-status");
  status.textContent = state.status_text;
  status.className = `export-status export-status--${state.status}`;
  const line = document.getElementById("export-count");
  if (state.events_total > 0) {
    bar.max = state.events_total;
    bar.value = state.events_done;
    line.textContent = fill(words.done, {
      done: count(state.events_done),
      total: count(state.events_total),
    });
  } else {
    bar.removeAttribute("value");
    line.textContent = "";
  }
  note.textContent = "";
}

async function look() {
  try {
    const { data } = await fetchJson(config.url);
    if (data.over) {
      // The file, its checksum and what to do with them are the server's to write.
      location.reload();
      return;
    }
    show(data);
  } catch {
    note.textContent = words.lost;
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
