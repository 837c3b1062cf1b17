// One event in the list and in the popup: the page's own <template>s filled with its values.

import { depthStyle, sizeWord, sizes } from "./symbols.js";
import { coordinates, count, depth, fill, intensity, magnitude } from "../texts.js";
import { local, machine, utc } from "../times.js";

const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const part = (node, name) => node.querySelector(`[data-part="${name}"]`);

export function eventAddress(event, config) {
  return config.eventUrl.replace("EVENT", encodeURIComponent(event.id));
}

export function depthText(event, config, words) {
  if (event.depth_km === null) return words.depthUnknown;
  return fill(words.depthOf, { depth: `${depth(event.depth_km, config.decimal)}\u00a0${words.km}` });
}

export function placeText(event, config, words) {
  return event.place || coordinates(event.lat, event.lon, words, config.decimal);
}

/** One line of the list. */
export function quakeItem(event, config, words) {
  return fillItem(copy("quake-template"), event, config, words);
}

/** Write an event into a line of the list, a new one or one that is there. */
export function fillItem(item, event, config, words) {
  item.dataset.id = event.id;
  item.querySelector("a").href = eventAddress(event, config);
  const badge = part(item, "size");
  badge.className = `quake__size ${depthStyle(event.depth_km, config.depthBounds)}`;
  const [first] = sizes(event);
  badge.querySelector("b").textContent = first ? magnitude(first.value, config.decimal) : "?";
  badge.querySelector("small").textContent = first ? first.scale : "";
  part(item, "place").textContent = placeText(event, config, words);
  const time = part(item, "time");
  time.textContent = utc(event.time, event.minute_precision);
  time.dateTime = machine(event.time, event.minute_precision);
  part(item, "minute").hidden = !event.minute_precision;
  part(item, "depth").textContent = depthText(event, config, words);
  part(item, "tags").replaceChildren(...tags(event, words));
  return item;
}

/** What the tiles know of an event, in one line: size, time, depth. */
export function quakeLine(event, config, words) {
  const [first] = sizes(event);
  const size = first ? `${first.scale}\u00a0${magnitude(first.value, config.decimal)}` : words.sizeUnknown;
  const time = `${utc(event.time, event.minute_precision)} UTC`;
  return { size, time, depth: depthText(event, config, words) };
}

function tags(event, words) {
  const found = [];
  if (words.statuses[event.status]) found.push(tag(words.statuses[event.status], ""));
  if (event.felt) found.push(tag(words.felt, "tag--felt"));
  if (event.synthetic) found.push(tag(words.synthetic, "tag--synthetic"));
  if (words.types[event.event_type]) found.push(tag(words.types[event.event_type], ""));
  return found;
}

function tag(text, style) {
  const node = document.createElement("span");
  node.className = `tag ${style}`.trim();
  node.textContent = text;
  return node;
}

/**
 * The card of one event.
 * @param {{place: number, count: number}} among which of several events at one spot it is, from 0
 */
export function quakePopup(event, config, words, among = { place: 0, count: 1 }) {
  const node = copy("popup-template");
  part(node, "among").hidden = among.count < 2;
  part(node, "here").textContent = fill(words.oneOfHere, { number: among.place + 1, count: count(among.count) });
  part(node, "symbol").classList.add(depthStyle(event.depth_km, config.depthBounds));
  const all = sizes(event).map((size) => `${size.scale}\u00a0${magnitude(size.value, config.decimal)}`);
  part(node, "size").textContent = all[0] ?? "";
  part(node, "others").textContent = all.slice(1).join(", ");
  const word = sizeWord(event);
  part(node, "words").textContent = word === null ? words.sizeUnknown : words.sizes[word];
  part(node, "place").textContent = placeText(event, config, words);
  const time = part(node, "time");
  const precision = event.minute_precision ? ` ${words.minute}` : "";
  time.textContent = `${utc(event.time, event.minute_precision)} UTC${precision}`;
  time.dateTime = machine(event.time, event.minute_precision);
  part(node, "local").textContent =
    `${local(event.time, config.offsets, event.minute_precision)} ${words.almaty}`;
  part(node, "depth").textContent = depthText(event, config, words);
  if (words.statuses[event.status]) part(node, "tags").append(tag(words.statuses[event.status], ""), " ");
  if (event.felt) {
    const text = event.max_intensity
      ? fill(words.feltIntensity, { intensity: intensity(event.max_intensity) })
      : words.felt;
    part(node, "tags").append(tag(text, "tag--felt"));
  }
  if (event.synthetic) part(node, "tags").append(tag(words.syntheticLong, "tag--synthetic"));
  if (event.agencies?.length) {
    part(node, "agencies").textContent = `${words.agencies}: ${event.agencies.join(", ")}`;
  }
  part(node, "link").href = eventAddress(event, config);
  return node;
}
