// GeoJSON features as shapes in world pixels: painted, and found again under the pointer.

import { world } from "./layer.js";

/** Features of own_geojson.js with points in world pixels of zoom 0: `[{parts, box, properties}]`. */
export function shapesOf(features) {
  return features
    .map(({ geometries, properties }) => {
      const parts = geometries.flatMap(partsOf);
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      for (const { points } of parts) {
        for (const [x, y] of points) {
          box[0] = Math.min(box[0], x);
          box[1] = Math.min(box[1], y);
          box[2] = Math.max(box[2], x);
          box[3] = Math.max(box[3], y);
        }
      }
      return { parts, box, properties };
    })
    .filter(({ parts }) => parts.length > 0);
}

function partsOf({ type, coordinates }) {
  const line = (list) => list.map(([lon, lat]) => {
    const { x, y } = world(lat, lon);
    return [x, y];
  });
  switch (type) {
    case "Point": return [{ kind: "point", points: line([coordinates]) }];
    case "MultiPoint": return coordinates.map((one) => ({ kind: "point", points: line([one]) }));
    case "LineString": return [{ kind: "line", points: line(coordinates) }];
    case "MultiLineString": return coordinates.map((one) => ({ kind: "line", points: line(one) }));
    case "Polygon": return coordinates.map((ring, index) => ({ kind: index ? "hole" : "ring", points: line(ring) }));
    default: return coordinates.flatMap((polygon) =>
      polygon.map((ring, index) => ({ kind: index ? "hole" : "ring", points: line(ring) })));
  }
}

/** Paint shapes: `style` `{line, fill, width, dash, point}`, colours as CSS texts. */
export function paintShapes(context, frame, shapes, style) {
  const [left, top] = frame.place(0, 0);
  const scale = 2 ** frame.zoom;
  const far = 20;
  for (const { parts, box } of shapes) {
    if (box[2] * scale + left < -far || box[3] * scale + top < -far) continue;
    if (box[0] * scale + left > frame.width + far || box[1] * scale + top > frame.height + far) continue;
    context.beginPath();
    let isArea = false;
    for (const { kind, points } of parts) {
      if (kind === "point") continue;
      points.forEach(([x, y], index) => {
        if (index) context.lineTo(x * scale + left, y * scale + top);
        else context.moveTo(x * scale + left, y * scale + top);
      });
      if (kind !== "line") {
        context.closePath();
        isArea = true;
      }
    }
    if (isArea && style.fill) {
      context.globalAlpha = 0.18;
      context.fillStyle = style.fill;
      context.fill("evenodd");
      context.globalAlpha = 1;
    }
    context.setLineDash(style.dash ?? []);
    context.lineWidth = style.width;
    context.strokeStyle = style.line;
    context.stroke();
    context.setLineDash([]);
    for (const { kind, points: [point] } of parts) {
      if (kind !== "point") continue;
      context.beginPath();
      context.arc(point[0] * scale + left, point[1] * scale + top, style.point ?? 5, 0, 2 * Math.PI);
      context.fillStyle = style.fill ?? style.line;
      context.fill();
      context.lineWidth = 1.2;
      context.stroke();
    }
  }
}

/** The topmost shape at a place of world pixels, within `reach` (also world pixels), else null. */
export function shapeAt(shapes, x, y, reach) {
  for (let index = shapes.length - 1; index >= 0; index -= 1) {
    const { box, parts } = shapes[index];
    if (x < box[0] - reach || y < box[1] - reach || x > box[2] + reach || y > box[3] + reach) continue;
    let inside = false;
    for (const { kind, points } of parts) {
      if (kind === "point") {
        if (Math.hypot(points[0][0] - x, points[0][1] - y) <= 1.5 * reach) return shapes[index];
      } else if (nearLine(points, x, y, reach, kind !== "line")) {
        return shapes[index];
      } else if (kind !== "line" && contains(points, x, y)) {
        inside = !inside;
      }
    }
    if (inside) return shapes[index];
  }
  return null;
}

function nearLine(points, x, y, reach, isClosed) {
  const last = isClosed ? points.length : points.length - 1;
  for (let index = 0; index < last; index += 1) {
    const [ax, ay] = points[index];
    const [bx, by] = points[(index + 1) % points.length];
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = length ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0), 1) : 0;
    if (Math.hypot(ax + share * (bx - ax) - x, ay + share * (by - ay) - y) <= reach) return true;
  }
  return false;
}

function contains(ring, x, y) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [ring[i], ring[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
