// The intensities of one event as layers of its small map: points of experts, cells and settlements
// of the public, circles of prediction, isoseismals, the macroseismic epicentre.

import { fill } from "../texts.js";
import { ellipse } from "./ellipse.js";
import { L, token } from "./leaflet.js";

/** A cell below it did not feel the event. */
const LEAST_FELT = 2;

/** The colour class of a grade: 2 to 10, as the style sheet has them. */
export const gradeClass = (grade) => Math.min(Math.max(Math.floor(grade), 2), 10);

/** Where the words of a circle stand: on its northern edge; of a negative radius, the southern. */
export const edgeOf = (lat, radiusKm) => lat + radiusKm / 111.195;

const circle = (lat, lon, radius) => ellipse({ lat, lon, major: radius, minor: radius, azimuth: 0 }, 90);

/** A label of plain text on the map; nothing in it is read as HTML. */
function sign(lat, lon, text, className, title) {
  const node = document.createElement("span");
  node.textContent = text;
  const icon = L.divIcon({ html: node, className: `felt-mark ${className}`, iconSize: null });
  return L.marker([lat, lon], { icon, title, alt: title, keyboard: false, interactive: Boolean(title) });
}

/** Rows of words nearer to each other than this are not read [px]. */
const ROW_PX = 16;

/** Which of the rows at these heights are shown, the first before the others. */
export function readable(heights, row = ROW_PX) {
  const kept = [];
  return heights.map((height) => {
    const free = kept.every((other) => Math.abs(other - height) >= row);
    if (free) kept.push(height);
    return free;
  });
}

function expert(points) {
  return points.map((p) => {
    if (p.grade === null) {
      const kind = p.felt ? "felt-mark--felt" : "felt-mark--not";
      return sign(p.lat, p.lon, "", kind, `${p.name}: ${p.words}`);
    }
    return sign(p.lat, p.lon, p.words, `felt-grade--${gradeClass(p.grade)}`, `${p.name}: ${p.words}`);
  });
}

function community(cells) {
  return cells.map((c) => {
    const style = c.grade < LEAST_FELT
      ? { color: token("symbol-line"), weight: 1.2, dashArray: "3 4", fillOpacity: 0 }
      : { color: token("symbol-line"), weight: 0.8, fillColor: token(`msk-${gradeClass(c.grade)}`), fillOpacity: c.opacity };
    const shape = c.outline.length
      ? L.polygon(c.outline, style)
      : L.circleMarker([c.lat, c.lon], { ...style, radius: 7, pane: "markerPane" });
    const node = document.createElement("span");
    node.textContent = `${c.name}: ${c.words} (${c.reports})`;
    return shape.bindTooltip(node, { className: "map-tip" });
  });
}

/** Circles with their words; `side` 1: on the northern edge, -1: on the southern. */
function rings(rows, [lat, lon], words, side, style) {
  return rows.flatMap((row) => [
    L.polygon(circle(lat, lon, row.radius), { ...style, fill: false, interactive: false }),
    sign(edgeOf(lat, side * row.radius), lon, fill(words, { grade: row.grade }), "felt-mark--words"),
  ]);
}

function isoseismals(rows, centre, words) {
  const edges = rows.flatMap((row) => [row.low, row.high]).map((radius) =>
    L.polygon(circle(...centre, radius), { color: token("frame-line"), weight: 0.8, dashArray: "1 4", fill: false, interactive: false }));
  return [...rings(rows, centre, words, -1, { color: token("frame-line"), weight: 2 }), ...edges];
}

function place(found, words) {
  if (!found) return [];
  return [
    L.polygon(circle(found.lat, found.lon, found.error), {
      color: token("own-line"), weight: 1.5, dashArray: "6 4", fillOpacity: 0.06, interactive: false,
    }),
    sign(found.lat, found.lon, "", "felt-mark--place", `${words} ${found.words}`),
  ];
}

/** The marks of each layer by its code, in the colours of the moment. */
export function layersOf(data) {
  const { epicentre, words } = data;
  return {
    contours: rings(data.contours, epicentre, words.contour, 1, { color: token("ink-2"), weight: 1.2, dashArray: "6 5" }),
    isoseismals: isoseismals(data.isoseismals, epicentre, words.isoseismal),
    community: community(data.cells),
    small: community(data.smallCells),
    place: place(data.place, words.place),
    expert: expert(data.expert),
  };
}

/** Show the layers whose boxes are ticked, and what they hold when a reader ticks one. */
export function followBoxes(map, box, data) {
  const groups = {};
  const shown = (code) => box.querySelector(`input[value="${code}"]`)?.checked ?? false;
  function draw() {
    for (const [code, marks] of Object.entries(layersOf(data))) {
      groups[code]?.remove();
      groups[code] = L.featureGroup(marks);
      if (shown(code)) groups[code].addTo(map);
    }
    thin();
    box.dataset.drawn = Object.keys(groups).filter(shown).join(" ");
  }
  /** The words of inner circles make room for those of outer ones. */
  function thin() {
    const words = ["contours", "isoseismals"].filter(shown)
      .flatMap((code) => groups[code].getLayers())
      .filter((layer) => layer.getElement?.()?.classList.contains("felt-mark--words"));
    const height = (place) => map.latLngToLayerPoint(place).y;
    // The epicentre's own sign comes before all words.
    const [, ...free] = readable([height(data.epicentre), ...words.map((mark) => height(mark.getLatLng()))]);
    words.forEach((mark, n) => { mark.getElement().style.display = free[n] ? "" : "none"; });
  }
  map.on("zoomend", thin);
  box.addEventListener("change", (event) => {
    draw();
    if (!event.target.checked) return;
    const bounds = groups[event.target.value].getBounds();
    if (bounds.isValid() && !map.getBounds().contains(bounds)) map.fitBounds(bounds.pad(0.1), { animate: false });
  });
  return draw;
}
