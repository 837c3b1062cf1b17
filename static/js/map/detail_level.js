// What need not be painted when very many events are seen from afar: of one size class in one small
// square of the screen only the newest, the one that lies on top, is sent to the graphics card. It
// concerns painting alone: lists, counts and the pointer know every event.

/** So many events are painted as they are. */
export const FEW = 100_000;
/** Nearer than this most events lie outside the frame, which costs little. */
const FARTHEST_ZOOM = 8;
const CELL_PX = 2;

/** The scale whose squares stand for a zoom; the same between two whole zooms, null: paint all. */
export function levelOf(zoom, count) {
  const level = Math.ceil(zoom);
  return count > FEW && level <= FARTHEST_ZOOM ? level : null;
}

/**
 * @param {{items: Uint32Array, runs: {size: number, start: number, end: number}[]}} order
 *   as `drawingOrder` makes it: in a run the oldest first
 * @param {Float32Array} x @param {Float32Array} y world pixels of zoom 0
 * @param {number} level
 * @returns {{items: Uint32Array, runs: {size: number, start: number, end: number}[]}}
 */
export function thinnedOrder(order, x, y, level) {
  const scale = 2 ** level / CELL_PX;
  const columns = 256 * scale;
  const items = new Uint32Array(order.items.length);
  const runs = [];
  const taken = new Cells(order.items.length);
  let at = items.length;
  // From the end, so that the newest of a square comes first and the order stays.
  for (let r = order.runs.length - 1; r >= 0; r -= 1) {
    const { size, start, end } = order.runs[r];
    const last = at;
    taken.forget();
    for (let place = end - 1; place >= start; place -= 1) {
      const i = order.items[place];
      if (taken.add(Math.floor(y[i] * scale) * columns + Math.floor(x[i] * scale))) items[--at] = i;
    }
    runs.unshift({ size, start: at, end: last });
  }
  const first = at;
  return {
    items: items.slice(first),
    runs: runs.map(({ size, start, end }) => ({ size, start: start - first, end: end - first })),
  };
}

/** A set of whole numbers that is emptied at no cost. */
class Cells {
  constructor(most) {
    this.mask = 2 ** Math.ceil(Math.log2(2 * most + 1)) - 1;
    this.keys = new Float64Array(this.mask + 1);
    this.rounds = new Uint8Array(this.mask + 1);
    this.round = 0;
  }

  /** Runs are at most 256, the size classes; rounds start anew then. */
  forget() {
    this.round = (this.round + 1) % 256;
    if (this.round === 0) {
      this.rounds.fill(0);
      this.round = 1;
    }
  }

  add(key) {
    let slot = (Math.imul(key % 4294967296, 2654435761) >>> 8) & this.mask;
    while (this.rounds[slot] === this.round) {
      if (this.keys[slot] === key) return false;
      slot = (slot + 1) & this.mask;
    }
    this.rounds[slot] = this.round;
    this.keys[slot] = key;
    return true;
  }
}
