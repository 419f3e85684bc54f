// Pieces that every detail is made of: facts in pairs, text as it came, parts that fold and load.
// @ts-check

import { fill, h } from "./dom.js";

/**
 * Names with their values; pairs without a value are left out.
 *
 * @param {Array<[string, any]>} pairs
 */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "dl",
    { class: "facts" },
    known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

/** Text as it came, wrapped where it is too long. */
export function verbatim(text) {
  return h("pre", { class: "verbatim" }, h("code", {}, text));
}

/** A titled part. */
export function part(title, ...children) {
  return h("section", { class: "part" }, h("h4", {}, title), ...children);
}

/** A part that folds; `open` says whether it is seen at first. */
export function folding(title, open, ...children) {
  return h("details", { class: "part", open }, h("summary", {}, title), h("div", {}, ...children));
}

/**
 * A part that folds and asks for its content when it is opened, each time anew.
 *
 * @param {string} title
 * @param {() => Promise<any>} load Gives the content.
 */
export function loading(title, load) {
  const content = h("div", {});
  const element = h("details", { class: "part" }, h("summary", {}, title), content);
  element.addEventListener("toggle", () => {
    if (element.open) loadInto(content, load);
  });
  return element;
}

/**
 * Fills a node with what a promise gives, or with the sentence of its error.
 *
 * @param {Element} node
 * @param {() => Promise<any>} load
 */
export async function loadInto(node, load) {
  if (!node.hasChildNodes()) fill(node, h("p", { class: "muted" }, "Loading…"));
  try {
    fill(node, await load());
  } catch (error) {
    fill(node, problem(error));
  }
}

/**
 * Does something, and shows what came of it, or the sentence of its error.
 *
 * @param {() => Promise<any>} work
 * @param {(result: any) => void} show
 * @param {Element} trouble Where the sentence stands; empty when it went well.
 */
export async function attempt(work, show, trouble) {
  try {
    show(await work());
    fill(trouble);
  } catch (error) {
    fill(trouble, problem(error));
  }
}

/** The sentence of an error. */
export function problem(error) {
  return h("p", { class: "note bad" }, error.message);
}

/** A button. */
export function button(label, click, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click } }, label);
}
