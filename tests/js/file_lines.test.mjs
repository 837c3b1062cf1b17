import assert from "node:assert/strict";
import { test } from "node:test";

import { curlLine, secondsOf, sizeText, withArguments, withIncludes } from "../../static/js/file_lines.js";

const PROGRAM = 'client = Client("https://a.kz")\ncatalogue = client.get_events(\n    minkr=9,\n)\n';

test("include words join an address with and without a query", () => {
  assert.equal(withIncludes("/a", ["x", "y"]), "/a?x=true&y=true");
  assert.equal(withIncludes("/a?b=1", ["x"]), "/a?b=1&x=true");
  assert.equal(withIncludes("/a?b=1", []), "/a?b=1");
});

test("include words are exchanged in the program, any number of times", () => {
  const once = withArguments(PROGRAM, ["includearrivals"]);
  assert.equal(once, PROGRAM.replace("    minkr=9,\n", "    minkr=9,\n    includearrivals=True,\n"));
  assert.equal(withArguments(once, ["includeallorigins"]).match(/include/g).length, 1);
  assert.equal(withArguments(once, []), PROGRAM);
  const whole = 'client.get_events()\n';
  const some = withArguments(whole, ["includearrivals"]);
  assert.equal(some, "client.get_events(\n    includearrivals=True,\n)\n");
  assert.equal(withArguments(some, []), whole);
});

test("an address is quoted for the shell", () => {
  assert.equal(
    curlLine("https://a.kz/f?b=1&c='", "f.csv"),
    `curl --fail --location --output f.csv 'https://a.kz/f?b=1&c='"'"''`,
  );
});

test("sizes have two digits", () => {
  const units = ["bytes", "kB", "MB", "GB"];
  assert.equal(sizeText(998, units, "."), "998\u00a0bytes");
  assert.equal(sizeText(1500, units, ","), "1,5\u00a0kB");
  assert.equal(sizeText(27_300, units, "."), "27\u00a0kB");
  assert.equal(sizeText(3e9, units, "."), "3.0\u00a0GB");
  assert.equal(secondsOf(12_500_000, 10_000_000), 10);
});
