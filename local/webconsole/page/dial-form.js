// The form that places a call: caller, callee, and the flow that answers.
// @ts-check

import { h, fill, write } from "./dom.js";
import { preferences } from "./preferences.js";

const NUMBER = /^[0-9]{7,15}$/;
const DEFAULT_FLOW = "Default for this number";

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").PhoneLines} parts.lines
 * @param {() => void} parts.called
 */
export function createDialForm({ store, lines, called }) {
  const from = h("input", { ...field("from"), value: preferences.get("from", "447700900999") });
  const to = h("input", { ...field("to"), list: "dial-numbers" });
  const numbers = h("datalist", { id: "dial-numbers" });
  const flow = h("select", { id: "dial-flow" }, h("option", { value: "" }, DEFAULT_FLOW));
  const problem = h("p", { class: "small bad", role: "alert" });
  const button = h("button", { type: "submit", class: "main wide" }, "Call");
  let calling = false;
  const element = h(
    "form",
    { class: "dial", novalidate: true, on: { submit } },
    labelled("Your number", from),
    labelled("Flow", flow),
    labelled("Number to call", to),
    numbers,
    button,
    problem,
  );

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    const [caller, callee] = [addressIn(from.value), numberIn(to.value)];
    const invalid = !caller ? from : !callee ? to : null;
    for (const input of [from, to]) input.setAttribute("aria-invalid", String(input === invalid));
    write(problem, invalid ? "Enter a number of 7 to 15 digits, including the country code." : "");
    if (invalid) return invalid.focus();
    preferences.set("from", caller);
    if (calling) return;
    calling = true;
    await lines.call(caller, callee, flow.value);
    calling = false;
    if (!lines.problem()) called();
  }

  /** Updates the flow options; the selected flow stays selected while it exists. */
  function showFlows(/** @type {any[]} */ flows) {
    const names = flows.map(({ name }) => name);
    const selected = names.includes(flow.value) ? flow.value : "";
    const options = names.map((/** @type {string} */ name) => h("option", { value: name }, name));
    fill(flow, h("option", { value: "" }, DEFAULT_FLOW), options);
    flow.value = selected;
  }

  store.subscribe("stack", (stack) => {
    const options = stack.numbers.map((/** @type {any} */ one) =>
      h("option", { value: one.number }, one.flow ?? "default"),
    );
    fill(numbers, options);
    if (!to.value && options.length > 0) to.value = stack.numbers[0].number;
  });
  store.subscribe("flowList", showFlows);

  return {
    element,
    /** Shows whether the platform can be reached. */
    show() {
      element.dataset.lost = String(store.link === "lost");
    },
  };
}

/** @param {string} name */
const field = (name) => ({
  ...{ id: `dial-${name}`, type: "tel", autocomplete: "off", spellcheck: "false" },
});

/** @param {string} text @param {HTMLElement} input */
const labelled = (text, input) =>
  h("div", { class: "field" }, h("label", { for: input.id }, text), input);

/** @param {string} text @returns {string} The number in the text, or "". */
function numberIn(text) {
  const digits = text.replace(/[\s()./+-]/g, "");
  return NUMBER.test(digits) ? digits : "";
}

/** @param {string} text A number, or a caller's SIP URI. */
function addressIn(text) {
  return /^sips?:\S+$/.test(text.trim()) ? text.trim() : numberIn(text);
}
