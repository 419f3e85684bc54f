// Shows an NCCO: as a short chain of actions, or at length with the meaning of every option.
// @ts-check

import { h } from "./dom.js";
import { nameOf, optionsOf, sentence, toneOf } from "./ncco-text.js";

/** The actions one below the other, each with what it does and what its options mean. */
export function explained(ncco) {
  if (!ncco.length) {
    return h(
      "p",
      { class: "muted" },
      "An empty NCCO: nothing is done, and the NCCO that runs goes on.",
    );
  }
  return h(
    "ol",
    { class: "ncco" },
    ncco.map((action) => h("li", { class: toneOf(action) }, explainedAction(action))),
  );
}

/** One action with its options. */
export function explainedAction(action) {
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

/** The actions as a chain of small boxes, in the order in which they run. */
export function chain(ncco) {
  const end = endOf(ncco.at(-1));
  return h("ol", { class: "chain" }, ncco.map(link), end ? h("li", { class: "end" }, end) : null);
}

/** What follows the last action. */
function endOf(action) {
  const name = nameOf(action);
  if (name === "conversation" || name === "transfer") return "";
  return name === "input" || name === "notify" ? "goes on with the reply" : "the call ends";
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
    h("dd", {}, meaning || "Not in Vonage's reference"),
  );
}
