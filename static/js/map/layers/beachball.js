// A focal mechanism as a beachball: lower hemisphere, Schmidt's equal-area projection.
//
// Aki and Richards (2002), Quantitative Seismology, 2nd ed., eq. 4.88-4.89: slip vector and fault
// normal of strike, dip, rake, axes north, east, down.

const RADIAN = Math.PI / 180;

/** `{normal, slip}`, unit vectors (north, east, down), of strike, dip, rake [deg]. */
export function vectors(strike, dip, rake) {
  const [s, d, r] = [strike * RADIAN, dip * RADIAN, rake * RADIAN];
  return {
    normal: [-Math.sin(d) * Math.sin(s), Math.sin(d) * Math.cos(s), -Math.cos(d)],
    slip: [
      Math.cos(r) * Math.cos(s) + Math.cos(d) * Math.sin(r) * Math.sin(s),
      Math.cos(r) * Math.sin(s) - Math.cos(d) * Math.sin(r) * Math.cos(s),
      -Math.sin(r) * Math.sin(d),
    ],
  };
}

/**
 * Normal and slip of the double couple of a moment tensor `[mrr, mtt, mpp, mrt, mrp, mtp]` (r up,
 * t south, p east): they halve the angle between its T and P axes. Null for a tensor of zeros.
 */
export function vectorsOfTensor([rr, tt, pp, rt, rp, tp]) {
  // north = -t, east = p, down = -r
  const matrix = [[tt, -tp, rt], [-tp, pp, -rp], [rt, -rp, rr]];
  if (![...matrix.flat()].every(Number.isFinite) || matrix.flat().every((value) => value === 0)) return null;
  const { values, axes } = principal(matrix);
  const order = [0, 1, 2].sort((a, b) => values[b] - values[a]);
  const [t, p] = [axes[order[0]], axes[order[2]]];
  return {
    normal: unit(t.map((value, index) => value + p[index])),
    slip: unit(t.map((value, index) => value - p[index])),
  };
}

/** Eigenvalues and eigenvectors of a symmetric 3 by 3 matrix by Jacobi's rotations. */
function principal(matrix) {
  const a = matrix.map((row) => [...row]);
  const v = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  for (let sweep = 0; sweep < 30; sweep += 1) {
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) {
      if (a[p][q] === 0) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const c = 1 / Math.hypot(t, 1);
      const s = t * c;
      for (let k = 0; k < 3; k += 1) {
        [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
      }
      for (let k = 0; k < 3; k += 1) {
        [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
        [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]];
      }
    }
  }
  return {
    values: [a[0][0], a[1][1], a[2][2]],
    axes: [0, 1, 2].map((column) => v.map((row) => row[column])),
  };
}

/** Whether the first motion is towards the station that a ray leaves to: `azimuth`, `takeoff` from down. */
export function isCompression({ normal, slip }, azimuth, takeoff) {
  const [a, t] = [azimuth * RADIAN, takeoff * RADIAN];
  const ray = [Math.sin(t) * Math.cos(a), Math.sin(t) * Math.sin(a), Math.cos(t)];
  return dot(ray, normal) * dot(ray, slip) > 0;
}

/**
 * The compressional quadrants of a double couple (its normal and slip vectors) as at most two polygons of `[x, y]` in the unit circle, x east, y down
 * the page (so north is up). The rest of the circle is dilatation.
 */
export function quadrants({ normal, slip }) {
  return [1, -1]
    .map((sign) => lune(scaled(normal, sign), scaled(slip, sign)))
    .map(belowHorizon)
    .filter((ring) => ring.length > 2)
    .map((ring) => ring.map(project));
}

const STEPS = 30;
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const scaled = (a, factor) => a.map((value) => value * factor);
const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const unit = (a) => scaled(a, 1 / Math.hypot(...a));

/** A quarter of the sphere where both dot products are positive, as its two edges end to end. */
function lune(n, d) {
  const axis = cross(n, d);
  const ring = [];
  for (let step = 0; step < STEPS; step += 1) ring.push(point(n, axis, step));
  for (let step = 0; step < STEPS; step += 1) ring.push(point(d, axis, STEPS - step));
  return { ring, n, d };
}

function point(side, axis, step) {
  const angle = Math.PI * (step / STEPS - 0.5);
  return side.map((value, index) => value * Math.cos(angle) + axis[index] * Math.sin(angle));
}

/** Cut a ring at the horizon; what lay above is replaced by the horizon's own arc. */
function belowHorizon({ ring, n, d }) {
  // A point on the horizon itself counts as above: the horizon's arc stands for it.
  const inside = (p) => p[2] > 1e-9;
  const found = [];
  for (let index = 0; index < ring.length; index += 1) {
    const here = ring[index];
    const next = ring[(index + 1) % ring.length];
    if (inside(here)) found.push({ point: here });
    if (inside(here) !== inside(next)) {
      const share = here[2] / (here[2] - next[2]);
      const edge = unit(here.map((value, axis) => value + share * (next[axis] - value)));
      found.push({ point: [edge[0], edge[1], 0], leaves: inside(here) });
    }
  }
  const whole = [];
  for (let index = 0; index < found.length; index += 1) {
    whole.push(found[index].point);
    if (found[index].leaves) {
      whole.push(...arc(found[index].point, found[(index + 1) % found.length].point, n, d));
    }
  }
  return whole;
}

/** Points of the horizon from one to another, on the side that lies in the quadrant. */
function arc(from, to, n, d) {
  const start = Math.atan2(from[1], from[0]);
  let turn = Math.atan2(to[1], to[0]) - start;
  if (Math.abs(Math.sin(turn / 2)) < 1e-4) return []; // it came back where it left
  const middle = (angle) => [Math.cos(angle), Math.sin(angle), 0];
  const depthIn = (angle) => Math.min(dot(middle(angle), n), dot(middle(angle), d));
  const other = turn > 0 ? turn - 2 * Math.PI : turn + 2 * Math.PI;
  if (depthIn(start + other / 2) > depthIn(start + turn / 2)) turn = other;
  return Array.from({ length: STEPS - 1 }, (_, step) => middle(start + (turn * (step + 1)) / STEPS));
}

/** Equal area: a direction (north, east, down) in the lower hemisphere to the unit circle. */
function project([north, east, down]) {
  const across = Math.hypot(north, east);
  if (across < 1e-12) return [0, 0];
  const r = Math.SQRT2 * Math.sin(Math.acos(Math.min(Math.max(down, 0), 1)) / 2);
  return [(r * east) / across, (-r * north) / across];
}
