// Renders an NCCO: as a short chain of actions, or in full with the meaning of every option.
// @ts-check

import { h } from "./dom.js";
import { nameOf, optionsOf, sentence, toneOf } from "./ncco-text.js";

/** All actions with their effects and options. */
export function explainNcco(ncco) {
  if (!ncco.length) {
    return h("p", { class: "muted" }, "An empty NCCO: the current NCCO continues.");
  }
  return h(
    "ol",
    { class: "ncco" },
    ncco.map((action) => h("li", { class: toneOf(action) }, explainAction(action))),
  );
}

/** One action with its options. */
export function explainAction(action) {
  const options = optionsOf(action);
  return h(
    "div",
    { class: "explained" },
    h(
      "p",
      {},
      h("strong", { class: `name ${toneOf(action)}` }, nameOf(action)),
      " ",
      sentence(action),
    ),
    options.length ? h("dl", { class: "options" }, options.map(optionOf)) : null,
  );
}

/** The actions as a chain of boxes, in execution order. */
export function nccoChain(ncco) {
  const end = endOf(ncco.at(-1));
  return h("ol", { class: "chain" }, ncco.map(link), end ? h("li", { class: "end" }, end) : null);
}

/** Returns what follows the last action. */
function endOf(action) {
  const name = nameOf(action);
  if (name === "conversation" || name === "transfer") return "";
  return name === "input" || name === "notify" ? "continues with the response" : "the call ends";
}

function link(action) {
  return h(
    "li",
    { class: `link ${toneOf(action)}` },
    h("strong", {}, nameOf(action)),
    h("span", { class: "meaning" }, sentence(action)),
  );
}

function optionOf({ name, value, meaning }) {
  return h(
    "div",
    {},
    h("dt", {}, h("code", {}, name), " ", h("code", { class: "value" }, JSON.stringify(value))),
    h("dd", {}, meaning || "Not in Vonage's NCCO reference"),
  );
}
