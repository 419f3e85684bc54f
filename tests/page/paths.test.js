import assert from "node:assert/strict";
import test from "node:test";

import { choicesOf, columnsOf, endingOf, wayTo } from "../../local/webconsole/page/paths-model.js";

const node = (number, column, from, fields = {}) => ({
  ...{ number, column, from, steps: [], ending: "", problem: "", branches: [] },
  ...fields,
});
const NODES = [node(1, 0, null), node(2, 1, 1), node(3, 1, 1), node(4, 2, 3)];

test("nodes are in columns by their distance from the start", () => {
  const numbers = columnsOf(NODES).map((column) => column.map(({ number }) => number));
  assert.deepEqual(numbers, [[1], [2, 3], [4]]);
});

test("the way to a node is the nodes that it is first reached through", () => {
  assert.deepEqual([...wayTo(NODES, 4)].sort(), [1, 3, 4]);
  assert.deepEqual([...wayTo(NODES, 1)], [1]);
  assert.deepEqual([...wayTo(NODES, null)], []);
});

test("keys are apart from words", () => {
  const labels = ["3-9", "*", "silence", "digits 12", "says yes"];
  assert.deepEqual(choicesOf(labels), {
    keys: ["3–9", "*"],
    words: ["silence", "digits 12", "says yes"],
  });
});

test("a dead end is a failure with its reason, every other ending is not", () => {
  assert.equal(endingOf(NODES[0]), null);
  const ending = (fields) => endingOf(node(1, 0, null, fields));
  assert.deepEqual(ending({ ending: "the call ends" }), {
    ...{ tone: "good", icon: "check", text: "The call ends" },
  });
  const dead = ending({ ending: "dead end", problem: "the caller hears an apology" });
  assert.deepEqual([dead.tone, dead.text], ["bad", "The caller hears an apology"]);
});
