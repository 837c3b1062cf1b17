// What `bin/bench map` runs in the browser: our map's modules, or plain Leaflet circle markers, over
// the same events of the same small server. Each function returns numbers; nothing is shown.

import { Catalogue } from "/static/js/map/catalogue.js";
import { Details } from "/static/js/map/details.js";
import { ofClasses, within, compile } from "/static/js/map/filters.js";
import { depthMask } from "/static/js/map/legend.js";
import { L, createMap } from "/static/js/map/leaflet.js";
import { QuakeLayer } from "/static/js/map/quake_layer.js";
import { Store } from "/static/js/map/store.js";
import { classRadius, depthClass, krClass, zoomFactor } from "/static/js/map/symbols.js";

const BOUNDS = [10, 20, 40, 70];
const VIEW = [[40.4, 65], [46, 87.5]];
const COLOURS = ["#c4261d", "#ec7f1d", "#e6c21c", "#2f9c8e", "#3d4fb3"];
const config = {
  minZoom: 3, maxZoom: 12, language: "en", tilesUrl: "/tiles.json", changesUrl: "/changes.json",
  matchingUrl: "/matching.bin", eventsUrl: "/events.json", depthBounds: BOUNDS,
};
const words = { zoomIn: "+", zoomOut: "-", mapLabel: "map" };

const map = createMap(document.getElementById("map"), config, words);
map.fitBounds(VIEW, { animate: false });

let asked = 0;
const fetched = globalThis.fetch;
globalThis.fetch = (...what) => {
  asked += 1;
  return fetched(...what);
};

const frame = () => new Promise((done) => requestAnimationFrame(done));
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];

let layer;
let catalogue;
let store;
let painted = 0;

/** Wait until what was asked is on the screen: a frame was painted and the card has finished it. */
async function drawn(before) {
  while (painted === before) await frame();
  const { gl } = layer.painter;
  gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
}

async function timed(work) {
  await frame();
  const before = painted;
  const start = performance.now();
  work();
  await drawn(before);
  return performance.now() - start;
}

/** Ours: manifest, tiles, picture [s]; then filters, pans, frames of playing [ms]. */
globalThis.ours = async ({ webgl }) => {
  const start = performance.now();
  let first = 0;
  store = new Store(BOUNDS);
  layer = new QuakeLayer(map, store, {
    hover() {}, select() {}, isHeld: () => false, painted: () => { painted += 1; },
  }, { webgl });
  let soon = 0;
  catalogue = new Catalogue(config, store, new Details(config), () => {
    if (soon || !store.length) return;
    soon = setTimeout(() => {
      layer.show(catalogue.result().order);
      first ||= performance.now() - start;
    }, first ? 1e9 : 0);
  });
  await catalogue.open();
  await catalogue.search({}, { signal: new AbortController().signal });
  clearTimeout(soon);
  const before = painted;
  layer.show(catalogue.result().order);
  await drawn(before);
  const all = performance.now() - start;
  const count = layer.shown.length;
  const loaded = asked;

  const searches = [
    { minkr: "9" }, { mindepth: "10", maxdepth: "40" }, { starttime: "2010-01-01", minkr: "8.5" },
    { felt: "true" }, {},
  ];
  const filters = [];
  for (const search of searches) {
    filters.push(await timed(() => layer.show(within(store, store.order, compile(search)))));
  }
  const legend = await timed(() => layer.show(ofClasses(store.style, store.order, depthMask(["1"]), null)));
  layer.show(store.order);
  const pans = [];
  for (const by of [[200, 0], [0, 150], [-200, -150]]) {
    pans.push(await timed(() => map.panBy(by, { animate: false })));
  }
  const year = [Date.UTC(2015, 0, 1), Date.UTC(2016, 0, 1)];
  const frames = [];
  for (let day = 0; day < 300; day += 30) {
    const from = year[0] + day * 86_400_000;
    frames.push(await timed(() => layer.setWindow([from, from + 30 * 86_400_000])));
  }
  layer.setWindow(null);
  const center = map.latLngToContainerPoint([43, 77]);
  await drawn(painted - 1);
  const hit = performance.now();
  layer.find(center);
  const firstHit = performance.now() - hit;
  const hits = [];
  for (let k = 0; k < 50; k += 1) {
    const begun = performance.now();
    layer.find(center.add([7 * k - 170, 3 * k - 70]));
    hits.push(performance.now() - begun);
  }
  return {
    engine: layer.engine, count, requests_after_load: asked - loaded, first_tile_s: first / 1000, first_draw_s: all / 1000,
    filter_ms: middle(filters), legend_ms: legend, pan_ms: middle(pans), play_frame_ms: middle(frames),
    hit_index_ms: firstHit, hit_ms: middle(hits),
  };
};

/** Plain Leaflet: one L.circleMarker an event, of the size and colour ours has [s]. */
globalThis.markers = async ({ canvas }) => {
  const start = performance.now();
  const rows = await (await fetch("/rows.json")).json();
  const renderer = canvas ? L.canvas() : L.svg();
  const factor = zoomFactor(map.getZoom());
  const group = L.layerGroup(rows.map(([lat, lon, depth, kr]) => L.circleMarker([lat, lon], {
    renderer, radius: classRadius(krClass(kr)) * factor, weight: 0.6, color: "#1c272e",
    fillColor: COLOURS[depthClass(depth, BOUNDS)], fillOpacity: 0.6,
  })));
  group.addTo(map);
  await frame();
  await frame();
  // The layout of so many elements comes with the frame; ask for something that needs it.
  document.getElementById("map").getBoundingClientRect();
  await frame();
  return { count: rows.length, first_draw_s: (performance.now() - start) / 1000 };
};

globalThis.isReady = true;
