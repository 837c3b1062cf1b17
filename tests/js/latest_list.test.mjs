import assert from "node:assert/strict";
import test from "node:test";

import { changedIds, stateOf } from "../../static/js/latest_list.js";
import { cookie } from "../../static/js/theme.js";

const list = (...pairs) => ({
  querySelectorAll: () => pairs.map(([id, textContent]) => ({ dataset: { id }, textContent })),
});

test("what is new or says something else is told", () => {
  const before = stateOf(list(["a", "KR 9.1\n  Almaty"], ["b", "KR 8.0"]));
  const after = stateOf(list(["c", "KR 7.0"], ["a", "KR 9.1 Almaty"], ["b", "KR 8.2"]));
  assert.deepEqual(changedIds(before, after), ["c", "b"]);
});

test("the choice of the system's colours takes the cookie away", () => {
  assert.match(cookie("system", false), /Max-Age=0;/);
  assert.match(cookie("dark", true), /^theme=dark; Path=\/; Max-Age=31536000; SameSite=Lax; Secure$/);
});
