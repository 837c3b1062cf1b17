// How a time is written. UTC first; local time always with its offset, from the page's own table.

const two = (number) => String(number).padStart(2, "0");

function parts(ms) {
  const date = new Date(ms);
  return {
    date: `${String(date.getUTCFullYear()).padStart(4, "0")}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`,
    minutes: `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`,
    seconds: two(date.getUTCSeconds()),
  };
}

/** `2014-06-21 06:30:12`, or `2014-06-21 06:30` where only the minute is known. */
export function utc(ms, minutePrecision = false) {
  const { date, minutes, seconds } = parts(ms);
  return minutePrecision ? `${date} ${minutes}` : `${date} ${minutes}:${seconds}`;
}

/** The machine's form for the `datetime` attribute. */
export function machine(ms, minutePrecision = false) {
  const { date, minutes, seconds } = parts(ms);
  return minutePrecision ? `${date}T${minutes}Z` : `${date}T${minutes}:${seconds}Z`;
}

/** Minutes east of UTC at a time; `table` is [[from ms, minutes], ...], oldest first. */
export function offsetAt(ms, table) {
  let low = 0;
  let high = table.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (table[middle][0] <= ms) low = middle;
    else high = middle - 1;
  }
  return table[low][1];
}

export function offsetWords(minutes) {
  const size = Math.abs(minutes);
  const rest = size % 60;
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${rest ? `:${two(rest)}` : ""}`;
}

/** `12:30 (UTC+6)`, with the date where it is another day than in UTC. */
export function local(ms, table, minutePrecision = false) {
  const offset = offsetAt(ms, table);
  const there = parts(ms + offset * 60000);
  const clock = minutePrecision ? there.minutes : `${there.minutes}:${there.seconds}`;
  const date = there.date === parts(ms).date ? "" : `${there.date} `;
  return `${date}${clock} (${offsetWords(offset)})`;
}
