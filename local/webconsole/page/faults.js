// The simulator's injected faults and clock, synchronized with other clients.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { createClockControls } from "./clock-controls.js";
import { attempt, button } from "./widgets.js";
import { plural } from "./format.js";

const GROUPS = [
  ["Webhooks", /^(swap|duplicate|delay|slow|webhook)_/],
  ["Signature", /^(unsigned|stale_|future_|wrong_secret|wrong_payload)/],
  ["Events", /^(late_end|no_headers|null_from|unknown_from|spaced_from|dashed_|dtmf_|speech_)/],
  ["Recordings", /^record_/],
  ["Vonage's API", /^(wrong_region|not_ready|api_)/],
  ["Other", /./],
];
const RELOAD_INTERVAL = 1000; // milliseconds

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function mount(root, { store, api }) {
  const status = h("p", { class: "small muted", role: "status" });
  const errors = h("div", { role: "alert" });
  const seed = h("input", { type: "number", id: "fault-seed", step: "1", on: { change: apply } });
  const off = button("Turn all off", () => replace({ seed: seedOf(seed) }));
  const groups = h("div", { class: "fault-groups" });
  const clock = createClockControls({ store, api });
  const head = h(
    "div",
    { class: "fault-head" },
    status,
    h("div", { class: "field inline" }, h("label", { for: "fault-seed" }, "Seed"), seed),
    off,
  );
  root.append(
    h("h2", {}, "Faults"),
    h(
      "p",
      { class: "muted" },
      "Faults for the simulator to inject. Changes take effect immediately.",
    ),
    clock,
    head,
    errors,
    groups,
  );
  /** @type {Map<string, ReturnType<typeof createFaultControl>>} */
  const controls = new Map();
  const loadSoon = atMostEvery(RELOAD_INTERVAL, load);

  async function load() {
    await attempt(() => api.get("/sim/faults"), show, errors);
  }

  function apply() {
    const faults = [...controls]
      .filter(([, control]) => control.isOn())
      .map(([name, control]) => [name, control.read()]);
    return replace({ seed: seedOf(seed), ...Object.fromEntries(faults) });
  }

  const replace = (faults) => attempt(() => api.put("/sim/faults", faults), show, errors);

  function show({ seed: number, on, knobs: descriptions }) {
    if (!controls.size) build(descriptions);
    if (document.activeElement !== seed) seed.value = String(number);
    for (const [name, control] of controls) control.update(on[name]);
    const count = Object.keys(on).length;
    write(status, count ? `${plural(count, "fault")} on` : "All faults are off.");
    set(off, "disabled", count === 0);
  }

  function build(descriptions) {
    const remaining = new Map(Object.entries(descriptions));
    for (const [title, pattern] of GROUPS) {
      const names = [...remaining.keys()].filter((name) => pattern.test(name));
      for (const name of names) {
        controls.set(name, createFaultControl(name, remaining.get(name), apply));
      }
      names.forEach((name) => remaining.delete(name));
      if (names.length) {
        groups.append(
          groupOf(
            title,
            names.map((name) => controls.get(name).element),
          ),
        );
      }
    }
  }

  store.subscribe("entry", (entry) => {
    const anyOn = [...controls.values()].some((control) => control.isOn());
    if (entry.kind === "faults") load();
    else if (anyOn) loadSoon();
  });
  store.subscribe("stack", load);
}

function groupOf(title, elements) {
  return h("fieldset", { class: "card fault-group" }, h("legend", {}, title), elements);
}

/** One fault: a checkbox, and its options while it is on. */
function createFaultControl(name, description, changed) {
  const id = `fault-${name}`;
  const box = h("input", { type: "checkbox", id, on: { change: changed } });
  const probability = numberField(
    "Probability",
    `${id}-probability`,
    { min: "0", max: "1", step: "0.05", value: "1" },
    changed,
  );
  const value = numberField(
    labelOfValue(description),
    `${id}-value`,
    { min: "0", step: "any", placeholder: "default" },
    changed,
  );
  const times = numberField(
    "Maximum times",
    `${id}-times`,
    { min: "0", step: "1", placeholder: "no limit" },
    changed,
  );
  const count = h("p", { class: "small fault-count" });
  const takesValue = description.includes("`value`");
  const options = h(
    "div",
    { class: "fault-options", role: "group", "aria-label": name },
    probability.element,
    takesValue ? value.element : null,
    times.element,
    count,
  );
  const label = h(
    "label",
    { class: "check", for: id },
    box,
    h(
      "span",
      {},
      h("code", {}, name),
      h("span", { class: "about" }, description.replaceAll("`", "")),
    ),
  );
  const element = h("div", { class: "fault" }, label, options);

  function update(on) {
    box.checked = Boolean(on);
    set(options, "hidden", !on);
    set(element, "class", on ? "fault is-on" : "fault");
    write(count, on ? `Injected ${on.struck === 1 ? "once" : plural(on.struck, "time")}` : "");
    if (!on) return;
    probability.show(on.probability);
    value.show(takesValue ? on.value : null);
    times.show(on.times);
  }

  function read() {
    const fields = {
      probability: probability.read() ?? 1,
      value: takesValue ? value.read() : null,
      times: times.read(),
    };
    return Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== null));
  }

  return { element, update, read, isOn: () => box.checked };
}

/** Returns the label of the value, with the unit from the fault's description. */
function labelOfValue(description) {
  const unit = /`value` (?:real )?(seconds|bytes)/.exec(description)?.[1];
  return unit ? `Value, ${unit}` : "Value";
}

function numberField(label, id, attributes, changed) {
  const input = h("input", { type: "number", id, ...attributes, on: { change: changed } });
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label), input),
    read: () => (input.value === "" || !input.validity.valid ? null : input.valueAsNumber),
    show(number) {
      if (document.activeElement !== input) {
        input.value = number === null || number === undefined ? "" : String(number);
      }
    },
  };
}

function seedOf(input) {
  return Number.isInteger(input.valueAsNumber) ? input.valueAsNumber : 1;
}

/** Returns a function that calls `task` after a delay, once for several calls. */
function atMostEvery(delay, task) {
  let timer = 0;
  return () => {
    if (timer) return;
    timer = window.setTimeout(() => {
      timer = 0;
      task();
    }, delay);
  };
}
