// The queue of the merge desk: one box ticks all pairs of the page.

const form = document.querySelector("[data-merge-queue]");
const all = form?.querySelector("[data-tick-all]");
if (all) {
  const boxes = [...form.querySelectorAll('input[name="pair"]')];
  const box = all.querySelector("input");
  all.hidden = false;
  box.addEventListener("change", () => {
    for (const each of boxes) each.checked = box.checked;
  });
  form.addEventListener("change", () => {
    const ticked = boxes.filter((each) => each.checked).length;
    box.checked = ticked === boxes.length;
    box.indeterminate = ticked > 0 && ticked < boxes.length;
  });
}
