// Which few of a million: the first of an order without sorting, and what lies under a point.

/**
 * The first `most` of `order` by a key, the largest key first; of equal keys the one nearer the end
 * of `order` (the newer) goes first.
 * @param {ArrayLike<number>} order indices, oldest first
 * @param {number} most
 * @param {(index: number) => number} key
 * @returns {number[]}
 */
export function topOf(order, most, key) {
  // A heap of the best so far, the worst on top.
  const keys = [];
  const items = []; // places in `order`
  const worse = (a, b) => keys[a] < keys[b] || (keys[a] === keys[b] && items[a] < items[b]);
  const swap = (a, b) => {
    [keys[a], keys[b]] = [keys[b], keys[a]];
    [items[a], items[b]] = [items[b], items[a]];
  };
  const sink = () => {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= items.length) return;
      const next = left + 1 < items.length && worse(left + 1, left) ? left + 1 : left;
      if (!worse(next, at)) return;
      swap(at, next);
      at = next;
    }
  };
  for (let place = order.length - 1; place >= 0 && most > 0; place -= 1) {
    const value = key(order[place]);
    if (items.length < most) {
      let at = items.push(place) - 1;
      keys.push(value);
      while (at > 0 && worse(at, (at - 1) >> 1)) {
        swap(at, (at - 1) >> 1);
        at = (at - 1) >> 1;
      }
    } else if (value > keys[0]) {
      keys[0] = value;
      items[0] = place;
      sink();
    }
  }
  return items
    .map((place, at) => ({ place, key: keys[at] }))
    .sort((a, b) => b.key - a.key || b.place - a.place)
    .map(({ place }) => order[place]);
}

const CELLS = 512;

/** Points in the cells of a square net over their own extent, to be found again by place. */
export class Grid {
  /** @param {Float32Array} x @param {Float32Array} y @param {Uint32Array} order */
  constructor(x, y, order) {
    this.x = x;
    this.y = y;
    let [west, east, north, south] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const i of order) {
      if (x[i] < west) west = x[i];
      if (x[i] > east) east = x[i];
      if (y[i] < north) north = y[i];
      if (y[i] > south) south = y[i];
    }
    this.west = west;
    this.north = north;
    this.width = Math.max((east - west) / CELLS, 1e-6);
    this.height = Math.max((south - north) / CELLS, 1e-6);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    const cells = new Uint32Array(order.length);
    for (let place = 0; place < order.length; place += 1) {
      const cell = this.#row(y[order[place]]) * CELLS + this.#column(x[order[place]]);
      cells[place] = cell;
      this.starts[cell + 1] += 1;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.items = new Uint32Array(order.length);
    for (let place = 0; place < order.length; place += 1) this.items[next[cells[place]]++] = order[place];
  }

  #column(x) {
    return Math.min(Math.max(Math.floor((x - this.west) / this.width), 0), CELLS - 1);
  }

  #row(y) {
    return Math.min(Math.max(Math.floor((y - this.north) / this.height), 0), CELLS - 1);
  }

  /** Visit the points of every cell that touches the square around a point. */
  near(x, y, reach, visit) {
    if (!this.items.length) return;
    const [left, right] = [this.#column(x - reach), this.#column(x + reach)];
    for (let row = this.#row(y - reach); row <= this.#row(y + reach); row += 1) {
      const end = this.starts[row * CELLS + right + 1];
      for (let at = this.starts[row * CELLS + left]; at < end; at += 1) visit(this.items[at]);
    }
  }
}
