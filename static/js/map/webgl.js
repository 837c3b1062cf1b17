// Epicentres by WebGL: columns lie on the graphics card, a frame is a few draw calls. The shaders are
// GLSL ES 1.00, so that WebGL 1 with 32-bit indices serves as well as WebGL 2. A uniform that both
// shaders read has the same precision in both.

import { runsWithin } from "./drawing_order.js";
import { NO_SIZE } from "./store.js";
import { FRESH_HOURS, RADIUS, RINGS } from "./symbols.js";

/** So long a lost context may take to come back. */
const PATIENCE_MS = 2000;
const SYMBOLS = 0;
const FELT = 1;
const RECENT = 2;

/** A number as GLSL writes it. */
const float = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));

const VERTEX = `
attribute float a_x;
attribute float a_y;
attribute float a_hours;
attribute vec4 a_style;
uniform vec2 u_origin;
uniform vec2 u_rest;
uniform float u_scale;
uniform vec2 u_size;
uniform mediump float u_ratio;
uniform float u_factor;
uniform mediump float u_line;
uniform mediump int u_mode;
uniform float u_now;
uniform float u_span;
uniform float u_least;
uniform vec3 u_depths[6];
varying vec3 v_colour;
varying float v_r;
varying float v_half;
varying float v_shape;
varying float v_age;
varying float v_width;
void main() {
  bool unknown = a_style.x > ${NO_SIZE - 1}.5;
  bool felt = mod(a_style.z, 2.0) > 0.5;
  bool synthetic = mod(floor(a_style.z / 2.0), 2.0) > 0.5;
  float r = max((unknown ? ${float(RADIUS.unknown)} : ${float(RADIUS.px)} * pow(${float(RADIUS.growth)}, a_style.x - ${float(RADIUS.class)})) * u_factor, ${float(RADIUS.least)});
  float age = max(u_now - a_hours, 0.0);
  v_shape = synthetic ? 1.0 : (unknown ? 2.0 : 0.0);
  v_colour = u_depths[int(a_style.y + 0.5)];
  v_age = mix(1.0, u_least, clamp(age / u_span, 0.0, 1.0));
  v_width = 1.0;
  // No wider than the ink and the softened edge: most of the work is fragments that stay empty.
  float margin = v_shape > 1.5 ? 2.75 : (v_shape > 0.5 ? 1.45 : 0.5 * u_line + 0.75);
  if (u_mode == ${FELT}) { r += ${float(RINGS.felt)}; margin = 3.0; }
  if (u_mode == ${RECENT}) {
    r += felt ? ${float(RINGS.recentFelt)} : ${float(RINGS.recent)};
    v_width = age <= ${float(FRESH_HOURS)} ? 2.6 : 1.2;
    margin = 3.0;
  }
  v_r = r;
  v_half = r + margin;
  vec2 place = ((vec2(a_x, a_y) - u_origin) - u_rest) * u_scale;
  gl_Position = vec4(place.x / u_size.x * 2.0 - 1.0, 1.0 - place.y / u_size.y * 2.0, 0.0, 1.0);
  gl_PointSize = 2.0 * v_half * u_ratio;
}`;

const FRAGMENT = `
precision mediump float;
uniform int u_mode;
uniform float u_fill;
uniform float u_line;
uniform float u_ratio;
uniform vec3 u_symbol;
uniform vec3 u_strange;
uniform vec3 u_ring;
uniform vec3 u_halo;
uniform vec3 u_recent;
varying vec3 v_colour;
varying float v_r;
varying float v_half;
varying float v_shape;
varying float v_age;
varying float v_width;
float cover(float distance) { return clamp(0.5 - distance * u_ratio, 0.0, 1.0); }
vec4 over(vec4 top, vec4 below) { return top + below * (1.0 - top.a); }
vec4 ink(vec3 colour, float alpha) { return vec4(colour * alpha, alpha); }
void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * v_half;
  float d = length(p) - v_r;
  if (u_mode == ${FELT}) {
    gl_FragColor = over(ink(u_ring, cover(abs(d) - 0.75)), ink(u_halo, cover(abs(d) - 1.6)));
    return;
  }
  if (u_mode == ${RECENT}) {
    gl_FragColor = over(ink(u_recent, cover(abs(d) - 0.5 * v_width)), ink(u_halo, 0.8 * cover(abs(d) - 0.5 * v_width - 0.8)));
    return;
  }
  float pale = 0.5 + 0.5 * v_age;
  if (v_shape < 0.5) {
    gl_FragColor = over(ink(u_symbol, cover(abs(d) - 0.5 * u_line) * pale), ink(v_colour, cover(d) * u_fill * v_age));
  } else if (v_shape > 1.5) {
    d = (abs(p.x) + abs(p.y) - v_r - 1.0) * 0.7071;
    gl_FragColor = ink(v_colour, cover(abs(d) - 0.7) * pale);
  } else {
    d = max(abs(p.x), abs(p.y)) - v_r;
    float along = abs(p.x) > abs(p.y) ? p.y : p.x;
    float dash = step(mod(along + v_r, 5.0), 3.0);
    gl_FragColor = over(ink(u_strange, cover(abs(d) - 0.7) * dash * pale), ink(v_colour, cover(d) * 0.35));
  }
}`;

const ATTRIBUTES = { a_x: ["x", 1], a_y: ["y", 1], a_hours: ["hours", 1], a_style: ["style", 4] };
const UNIFORMS = [
  "u_origin", "u_rest", "u_scale", "u_size", "u_ratio", "u_factor", "u_line", "u_mode", "u_now",
  "u_span", "u_least", "u_depths", "u_fill", "u_symbol", "u_strange", "u_ring", "u_halo", "u_recent",
];
const CONTEXT = {
  alpha: true, antialias: false, depth: false, stencil: false, premultipliedAlpha: true,
  // Pictures and prints are taken after the frame.
  preserveDrawingBuffer: true,
};

function contextOf(canvas) {
  const second = canvas.getContext("webgl2", CONTEXT);
  if (second) return second;
  const first = canvas.getContext("webgl", CONTEXT);
  return first?.getExtension("OES_element_index_uint") ? first : null;
}

export class WebglPainter {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{restored: () => void, gone: () => void}} handlers a lost context has come back (draw
   *   again), or did not come back in time (draw without it)
   * @returns {?WebglPainter} null where there is no WebGL
   */
  static on(canvas, handlers) {
    const gl = contextOf(canvas);
    return gl ? new WebglPainter(gl, canvas, handlers) : null;
  }

  constructor(gl, canvas, { restored, gone }) {
    this.gl = gl;
    this.#begin();
    let waiting = 0;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      waiting = setTimeout(gone, PATIENCE_MS);
    });
    canvas.addEventListener("webglcontextrestored", () => {
      clearTimeout(waiting);
      this.#begin();
      restored();
    });
  }

  #begin() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    Object.keys(ATTRIBUTES).forEach((name, place) => gl.bindAttribLocation(program, place, name));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`the map's shaders do not link: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    this.at = Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)]));
    this.buffers = Object.keys(ATTRIBUTES).map(() => gl.createBuffer());
    this.indices = gl.createBuffer();
    this.capacity = 0;
    this.length = 0;
    this.order = null;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Bring the columns of new events to the card. */
  #send(store) {
    const { gl } = this;
    if (this.store === store && this.capacity === store.capacity && this.length === store.length
      && this.epoch === store.epoch) return;
    const whole = this.store !== store || this.capacity !== store.capacity || store.length < this.length
      || this.epoch !== store.epoch;
    Object.values(ATTRIBUTES).forEach(([name, width], place) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[place]);
      const column = store[name];
      if (whole) gl.bufferData(gl.ARRAY_BUFFER, column, gl.DYNAMIC_DRAW);
      else {
        const part = column.subarray(this.length * width, store.length * width);
        gl.bufferSubData(gl.ARRAY_BUFFER, this.length * width * column.BYTES_PER_ELEMENT, part);
      }
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, width, name === "style" ? gl.UNSIGNED_BYTE : gl.FLOAT, false, 0, 0);
    });
    this.store = store;
    this.capacity = store.capacity;
    this.length = store.length;
    this.epoch = store.epoch;
  }

  #sendOrder(scene) {
    const { gl } = this;
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indices);
    if (this.order === scene.order) return;
    const { items } = scene.order;
    const { felt, recent } = scene;
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, 4 * (items.length + felt.length + recent.length), gl.DYNAMIC_DRAW);
    gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 0, items);
    gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 4 * items.length, felt);
    gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 4 * (items.length + felt.length), recent);
    this.order = scene.order;
  }

  /**
   * Paint one frame.
   * @param {Object} frame of a CanvasLayer
   * @param {Object} scene `store`, `order` (drawing_order.js), `felt` and `recent` (indices, oldest
   *   first), `window` (null or `[from, until)` in ms), `look` (colours), `ink`, `factor`,
   *   `now`, `span` [hours], `least` (opacity of the oldest)
   * @returns {number} how many symbols were asked to be drawn
   */
  draw(frame, scene) {
    const { gl, at } = this;
    if (gl.isContextLost()) return 0;
    this.#send(scene.store);
    this.#sendOrder(scene);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const { look } = scene;
    const origin = [Math.fround(frame.west), Math.fround(frame.north)];
    gl.uniform2f(at.u_origin, ...origin);
    gl.uniform2f(at.u_rest, frame.west - origin[0], frame.north - origin[1]);
    gl.uniform1f(at.u_scale, frame.scale);
    gl.uniform2f(at.u_size, frame.width, frame.height);
    gl.uniform1f(at.u_ratio, frame.ratio);
    gl.uniform1f(at.u_factor, scene.factor);
    gl.uniform1f(at.u_line, scene.ink.line);
    gl.uniform1f(at.u_fill, scene.ink.fill);
    gl.uniform1f(at.u_now, scene.now);
    gl.uniform1f(at.u_span, scene.span);
    gl.uniform1f(at.u_least, scene.least);
    gl.uniform3fv(at.u_depths, look.depths.flat());
    for (const name of ["symbol", "strange", "ring", "halo", "recent"]) {
      gl.uniform3f(at[`u_${name}`], ...look[name]);
    }
    let count = 0;
    const paint = (mode, runs, shift) => {
      gl.uniform1i(at.u_mode, mode);
      for (const { start, end } of runs) {
        gl.drawElements(gl.POINTS, end - start, gl.UNSIGNED_INT, 4 * (shift + start));
        if (mode === SYMBOLS) count += end - start;
      }
    };
    const { items } = scene.order;
    const whole = (part) => runsWithin(
      { items: part, runs: [{ start: 0, end: part.length }] }, scene.store.time, scene.window,
    );
    paint(SYMBOLS, runsWithin(scene.order, scene.store.time, scene.window), 0);
    paint(RECENT, whole(scene.recent), items.length + scene.felt.length);
    // Rings last, so that a felt event is found among thousands of others.
    paint(FELT, whole(scene.felt), items.length);
    return count;
  }
}
