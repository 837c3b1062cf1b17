// Give symbols room: the first of a list keeps its place, later ones move aside or wait for a nearer view.

/**
 * Place circles so that none overlap.
 *
 * @param {Array<{x: number, y: number, r: number}>} items the most important first
 * @param {{gap?: number, rings?: number}} options free pixels between two; how far one may move
 * @returns {{placed: Array<{item: object, x: number, y: number, moved: boolean}>, hidden: Array<object>}}
 */
export function spread(items, { gap = 2, rings = 3 } = {}) {
  const placed = [];
  const hidden = [];
  const cells = new Map();
  const size = 2 * Math.max(8, ...items.map((item) => item.r)) + gap;
  const key = (column, row) => `${column}/${row}`;
  const isFree = (x, y, r) => {
    const [column, row] = [Math.floor(x / size), Math.floor(y / size)];
    for (let dx = -1; dx <= 1; dx += 1) {
      for (let dy = -1; dy <= 1; dy += 1) {
        for (const other of cells.get(key(column + dx, row + dy)) ?? []) {
          if (Math.hypot(other.x - x, other.y - y) < other.item.r + r + gap) return false;
        }
      }
    }
    return true;
  };
  for (const item of items) {
    const spot = spots(item, rings).find(([x, y]) => isFree(x, y, item.r));
    if (!spot) {
      hidden.push(item);
      continue;
    }
    const [x, y] = spot;
    const place = { item, x, y, moved: x !== item.x || y !== item.y };
    placed.push(place);
    const cell = key(Math.floor(x / size), Math.floor(y / size));
    if (!cells.has(cell)) cells.set(cell, []);
    cells.get(cell).push(place);
  }
  return { placed, hidden };
}

/** Where a circle may stand: at home, then around it, upper right first. */
function spots({ x, y, r }, rings) {
  const found = [[x, y]];
  for (let ring = 1; ring <= rings; ring += 1) {
    const reach = (1.1 + 0.9 * ring) * r;
    const around = 6 + 4 * ring;
    for (let step = 0; step < around; step += 1) {
      const angle = -Math.PI / 4 + (2 * Math.PI * step) / around;
      found.push([x + reach * Math.cos(angle), y + reach * Math.sin(angle)]);
    }
  }
  return found;
}
