// One event's reports in columns: a card is moved by dragging it or by the arrow keys. Its menu says
// where it is to be, with or without this script; the server does the rest.

import { fill } from "../texts.js";

const board = document.querySelector("[data-board]");
const words = JSON.parse(document.getElementById("merge-words").textContent);
const columns = [...board.querySelectorAll("[data-column]")];
const told = document.getElementById("merge-told");
let dragged = null;

const menuOf = (card) => card.querySelector("select");
const columnOf = (key) => columns.find((column) => column.dataset.column === key);

/** Put a card into a column and let its menu say so. */
function put(card, column) {
  column.querySelector("[data-cards]").append(card);
  menuOf(card).value = column.dataset.column;
  card.classList.toggle("is-moved", column.dataset.column !== card.dataset.from);
  told.textContent = fill(words.moved, { report: card.dataset.name, column: column.dataset.title });
}

for (const card of board.querySelectorAll("[data-card]")) {
  card.draggable = true;
  card.tabIndex = 0;
  card.addEventListener("dragstart", (event) => {
    dragged = card;
    card.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.dataset.name);
  });
  card.addEventListener("dragend", () => {
    dragged = null;
    card.classList.remove("is-dragged");
    for (const column of columns) column.classList.remove("is-over");
  });
  card.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.target !== card) return;
    event.preventDefault();
    const column = columns[columns.indexOf(card.closest("[data-column]")) + step];
    if (!column) return;
    put(card, column);
    card.focus();
  });
  menuOf(card).addEventListener("change", () => {
    const column = columnOf(menuOf(card).value);
    if (column) put(card, column);
    menuOf(card).focus();
  });
}

for (const column of columns) {
  column.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    column.classList.add("is-over");
  });
  column.addEventListener("dragleave", (event) => {
    if (!column.contains(event.relatedTarget)) column.classList.remove("is-over");
  });
  column.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    column.classList.remove("is-over");
    put(dragged, column);
  });
}
