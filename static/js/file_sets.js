// Which of the files a person chose are one bulletin: the tables of a CSS3.0 database.

/**
 * Return the places of the files that go together, each file once. Tables of one database have
 * names that differ in the last part only (may.origin, may.arrival); every other file is alone.
 * @param {string[]} names
 * @param {string[]} tables names of the tables, in small letters
 * @returns {number[][]}
 */
export function setsOf(names, tables) {
  const known = new Set(tables);
  const groups = new Map();
  names.forEach((name, place) => {
    const dot = name.lastIndexOf(".");
    const stem = dot < 0 ? "" : name.slice(0, dot);
    const table = name.slice(dot + 1).toLowerCase();
    const taken = (groups.get(`css ${stem}`) ?? []).map((n) => names[n].toLowerCase());
    const alone = !known.has(table) || taken.includes(name.toLowerCase());
    const key = alone ? `file ${place}` : `css ${stem}`;
    groups.set(key, [...(groups.get(key) ?? []), place]);
  });
  return [...groups.values()];
}
