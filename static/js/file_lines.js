// What the download builder writes when another format is chosen: the same as portal/download_builder.py.

import { number } from "./texts.js";

/** An address with include words added. */
export function withIncludes(url, includes) {
  if (!url || !includes.length) return url;
  const more = includes.map((word) => `${word}=true`).join("&");
  return `${url}${url.includes("?") ? "&" : "?"}${more}`;
}

/** Quote for a shell as Python's shlex does. */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

export function curlLine(address, fileName) {
  return `curl --fail --location --output ${quoted(fileName)} ${quoted(address)}`;
}

/** The program with its include words exchanged. */
export function withArguments(lines, includes) {
  const bare = lines.replace(/ {4}include\w+=True,\n/g, "");
  if (!includes.length) return bare.replace("(\n)", "()");
  const more = includes.map((word) => `    ${word}=True,\n`).join("");
  return bare.replace(/\(\n?\)\n*$/, "(\n)\n").replace(/\)\n*$/, `${more})\n`);
}

/** `2.3 MB`; `units` are the words for bytes, kB, MB and GB. */
export function sizeText(bytes, units, decimal) {
  let size = bytes;
  let place = 0;
  while (size >= 999.5 && place < units.length - 1) {
    size /= 1000;
    place += 1;
  }
  return `${number(size, place > 0 && size < 9.95 ? 1 : 0, decimal)}\u00a0${units[place]}`;
}

/** Seconds so many bytes take at a speed [bit/s]. */
export function secondsOf(bytes, bitsPerSecond) {
  return (bytes * 8) / bitsPerSecond;
}
