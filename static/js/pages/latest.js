// The newest events: asks once a minute whether the list has changed, and shows what is new.

import { fill } from "../texts.js";
import { changedIds, stateOf } from "../latest_list.js";

const list = document.getElementById("latest-rows");
const state = document.getElementById("latest-state");
const words = JSON.parse(document.getElementById("latest-words").textContent);
let tag = list.dataset.tag;

async function ask() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(list.dataset.url, {
      headers: { "If-None-Match": tag },
      credentials: "same-origin",
      cache: "no-store",
    });
    if (answer.status !== 304 && !answer.ok) throw new Error(`answer ${answer.status}`);
  } catch {
    say(words.failed, true);
    return;
  }
  const time = new Date().toISOString().slice(11, 16);
  if (answer.status === 304) {
    say(fill(words.updated, { time }));
    return;
  }
  tag = answer.headers.get("ETag") ?? tag;
  const before = stateOf(list);
  const fresh = document.createElement("template");
  fresh.innerHTML = await answer.text();
  const focused = document.activeElement?.closest?.("[data-id]")?.dataset.id;
  list.replaceChildren(fresh.content);
  const changed = changedIds(before, stateOf(list));
  for (const id of changed) list.querySelector(`[data-id="${CSS.escape(id)}"]`).classList.add("is-new");
  // Whoever stood on an event with the keyboard still does.
  if (focused) list.querySelector(`[data-id="${CSS.escape(focused)}"] a`)?.focus();
  say(fill(changed.length ? words.fresh : words.updated, { time }));
}

function say(text, isError = false) {
  state.textContent = text;
  state.classList.toggle("is-error", isError);
}

setInterval(ask, 1000 * Number(list.dataset.seconds));
document.addEventListener("visibilitychange", ask);
list.dataset.ready = "true";
