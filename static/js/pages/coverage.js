// The coverage calendar by keyboard: one stop for the tab key, arrows go from day to day. Without a
// script every day is a link that the tab key reaches.

const calendar = document.getElementById("cov");
const days = calendar ? [...calendar.querySelectorAll("[data-day]")] : [];

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const months = days.map((day) => day.dataset.day.slice(0, 7));

/** The day in the month before or after, as far from its beginning as its length allows. */
function inMonth(at, way) {
  const names = [...new Set(months)];
  const wanted = names[names.indexOf(months[at]) + way];
  if (wanted === undefined) return at;
  const first = months.indexOf(wanted);
  const last = months.lastIndexOf(wanted);
  return Math.min(first + at - months.indexOf(months[at]), last);
}

function target(key, at) {
  if (key in STEPS) return at + STEPS[key];
  if (key === "PageUp") return inMonth(at, -1);
  if (key === "PageDown") return inMonth(at, 1);
  if (key === "Home") return 0;
  if (key === "End") return days.length - 1;
  return null;
}

function stopAt(day) {
  for (const each of days) each.tabIndex = each === day ? 0 : -1;
}

if (days.length) {
  stopAt(days[0]);
  calendar.addEventListener("keydown", (event) => {
    const at = days.indexOf(event.target);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = target(event.key, at);
    if (to === null) return;
    event.preventDefault();
    const day = days[Math.max(0, Math.min(to, days.length - 1))];
    stopAt(day);
    day.focus();
  });
}
