// The tree of a flow, as the flow explorer returns it: columns, ways and labels. Does not use the
// document.

/**
 * @typedef {{number: number, column: number, from: number|null, ending: string, problem: string,
 *   steps: {action: string, text: string}[], branches: {labels: string[], to: number}[]}} PathNode
 */

const KEY = /^([0-9*#]|\d-\d)$/;
const ICONS = { "the call ends": "check", "in a conversation": "conversation" };

/** The nodes by their distance from the start. @param {PathNode[]} nodes */
export function columnsOf(nodes) {
  /** @type {PathNode[][]} */
  const columns = [];
  for (const node of nodes) (columns[node.column] ??= []).push(node);
  return columns;
}

/**
 * The numbers of the nodes on the shortest way from the start to a node; none without a node.
 *
 * @param {PathNode[]} nodes @param {number|null} number
 */
export function wayTo(nodes, number) {
  const from = new Map(nodes.map((node) => [node.number, node.from]));
  /** @type {Set<number>} */
  const way = new Set();
  for (let one = number; one && !way.has(one); one = from.get(one) ?? null) way.add(one);
  return way;
}

/** The keys of a branch, and everything else that leads to it. @param {string[]} labels */
export const choicesOf = (labels) => ({
  keys: labels.filter((label) => KEY.test(label)).map((label) => label.replace("-", "–")),
  words: labels.filter((label) => !KEY.test(label)),
});

/** How a path ends; null if it goes on. @param {PathNode} node */
export function endingOf({ ending, problem }) {
  if (!ending) return null;
  const text = problem || ending;
  return {
    tone: ending === "dead end" ? "bad" : "good",
    icon: ending === "dead end" ? "error" : (ICONS[ending] ?? "arrow"),
    text: `${text[0].toUpperCase()}${text.slice(1)}`,
  };
}
