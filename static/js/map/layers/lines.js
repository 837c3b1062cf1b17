// Quiet lines: the graticule and the frame of the Northern Tien Shan.

import { token } from "../leaflet.js";
import { label, lines, step } from "../tools/graticule_steps.js";
import { Layer, world } from "./layer.js";

export class Graticule extends Layer {
  constructor(atlas, words) {
    super(atlas, words, { key: "graticule", order: 425, padding: 0 });
  }

  paint(context, frame) {
    const degrees = step(frame.zoom);
    const [left, top] = frame.place(0, 0);
    const scale = 256 * 2 ** frame.zoom;
    const longitude = (x) => ((x - left) / scale) * 360 - 180;
    const latitude = (y) => (Math.atan(Math.sinh(Math.PI * (1 - (2 * (y - top)) / scale))) * 180) / Math.PI;
    const { words, config } = this.atlas;
    context.strokeStyle = token("map-graticule");
    context.lineWidth = 1;
    const texts = [];
    for (const lon of lines(longitude(0), longitude(frame.width), degrees)) {
      const [x] = frame.place(world(0, lon).x, 0);
      stroke(context, x, 0, x, frame.height);
      texts.push([label(lon, degrees, words.east, words.west, config.decimal), x + 3, frame.height - 9]);
    }
    for (const lat of lines(latitude(frame.height), latitude(0), degrees)) {
      const [, y] = frame.place(0, world(lat, 0).y);
      stroke(context, 0, y, frame.width, y);
      if (y < frame.height - 30) texts.push([label(lat, degrees, words.north, words.south, config.decimal), frame.width / 2 - 40, y - 7]);
    }
    context.font = `500 10.5px ${token("font")}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.lineJoin = "round";
    for (const [text, x, y] of texts) {
      context.strokeStyle = token("map-halo");
      context.lineWidth = 3;
      context.strokeText(text, x, y);
      context.fillStyle = token("map-label");
      context.fillText(text, x, y);
    }
  }
}

function stroke(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** A box of degrees, dashed, with its name along the upper edge. */
export class Frame extends Layer {
  constructor(atlas, words, { south, north, west, east }) {
    super(atlas, words, { key: "northern-tien-shan", order: 432 });
    this.corners = [[north, west], [north, east], [south, east], [south, west]].map(([lat, lon]) => world(lat, lon));
  }

  paint(context, frame) {
    const points = this.corners.map(({ x, y }) => frame.place(x, y));
    context.beginPath();
    points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
    for (const [width, style] of [[4, token("map-halo")], [1.8, token("frame-line")]]) {
      context.lineWidth = width;
      context.strokeStyle = style;
      context.setLineDash(width > 3 ? [] : [8, 4]);
      context.stroke();
    }
    context.setLineDash([]);
    const [x, y] = points[0];
    const text = this.words.northernTienShan;
    context.font = `600 11px ${token("font")}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    if (context.measureText(text).width > points[1][0] - x) return;
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = token("map-halo");
    context.strokeText(text, x + 4, y - 9);
    context.fillStyle = token("frame-line");
    context.fillText(text, x + 4, y - 9);
  }

  legend() {
    return [{
      text: this.words.northernTienShan,
      draw: (context) => {
        context.strokeStyle = token("frame-line");
        context.lineWidth = 1.8;
        context.setLineDash([5, 3]);
        context.beginPath();
        context.rect(4, 3, 18, 12);
        context.stroke();
        context.setLineDash([]);
      },
    }];
  }
}
