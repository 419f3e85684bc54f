// Shared UI widgets: definition lists, code blocks, collapsible sections, buttons, error notes.
// @ts-check

import { fill, h } from "./dom.js";

/**
 * A definition list; pairs without a value are omitted.
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

/** Preformatted text with wrapped lines. */
export function verbatim(text) {
  return h("pre", { class: "verbatim" }, h("code", {}, text));
}

/** A section with a title. */
export function section(title, ...children) {
  return h("section", { class: "part" }, h("h4", {}, title), ...children);
}

/** A collapsible section; `open` is its initial state. */
export function foldable(title, open, ...children) {
  return h("details", { class: "part", open }, h("summary", {}, title), h("div", {}, ...children));
}

/**
 * A collapsible section that loads its content each time it is opened.
 *
 * @param {string} title
 * @param {() => Promise<any>} load Returns the content.
 */
export function lazyFoldable(title, load) {
  const content = h("div", {});
  const element = h("details", { class: "part" }, h("summary", {}, title), content);
  element.addEventListener("toggle", () => {
    if (element.open) loadInto(content, load);
  });
  return element;
}

/**
 * Fills a node with loaded content, or with an error note.
 *
 * @param {Element} node
 * @param {() => Promise<any>} load
 */
export async function loadInto(node, load) {
  if (!node.hasChildNodes()) fill(node, h("p", { class: "muted" }, "Loading…"));
  try {
    fill(node, await load());
  } catch (error) {
    fill(node, errorNote(error));
  }
}

/**
 * Runs a task and shows its result, or an error note.
 *
 * @param {() => Promise<any>} work
 * @param {(result: any) => void} show
 * @param {Element} errorPlace Gets the error note, and is empty after success.
 */
export async function attempt(work, show, errorPlace) {
  try {
    show(await work());
    fill(errorPlace);
  } catch (error) {
    fill(errorPlace, errorNote(error));
  }
}

/** A note with the message of an error. */
export function errorNote(error) {
  return h("p", { class: "note bad" }, error.message);
}

export function button(label, click, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click } }, label);
}
