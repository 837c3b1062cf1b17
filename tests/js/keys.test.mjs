import assert from "node:assert/strict";
import { test } from "node:test";

import { isWriting, listen } from "../../static/js/keys.js";

const element = (type, inside) => ({ type, closest: () => (inside ? {} : null) });

test("a letter is a command except where something is written", () => {
  assert.equal(isWriting(element("text", true)), true);
  assert.equal(isWriting(element("checkbox", true)), false);
  assert.equal(isWriting(element(undefined, false)), false);
  assert.equal(isWriting(null), false);
});

test("a key presses what names it, alone and once", () => {
  const pressed = [];
  let handler;
  const root = {
    addEventListener: (_name, given) => { handler = given; },
    querySelector: (query) => (query.includes('"s"') ? { click: () => pressed.push("s") } : null),
  };
  listen(root, { "?": () => pressed.push("?") });
  const press = (key, more = {}) =>
    handler({ key, target: element(undefined, false), preventDefault: () => {}, ...more });
  press("S");
  press("?");
  press("x");
  press('"');
  press("s", { ctrlKey: true });
  press("s", { repeat: true });
  press("s", { target: element("text", true) });
  assert.deepEqual(pressed, ["s", "?"]);
});
