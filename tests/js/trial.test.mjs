import assert from "node:assert/strict";
import { test } from "node:test";

import { putIn, trialAddress } from "../../static/js/trial.js";

test("the address leaves out what is as it was", () => {
  assert.equal(
    trialAddress([["trial", "1"], ["w-7", ""], ["w-8", "flip"]], "/x/"),
    "/x/?trial=1&w-8=flip",
  );
});

test("parts are put in by their ids, others stay", () => {
  const put = [];
  const parts = [{ id: "told" }, { id: "gone" }];
  const here = {
    getElementById: (id) => (id === "told" ? { replaceWith: (node) => put.push(node.id) } : null),
    importNode: (node) => node,
  };
  putIn({ querySelectorAll: () => parts }, here);
  assert.deepEqual(put, ["told"]);
});
