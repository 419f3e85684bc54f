// The simulator's faults and the speed of its clock, kept in step with other pages.
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
  ["Others", /./],
];
const PAUSE = 1000;

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function mount(root, { store, api }) {
  const told = h("p", { class: "small muted", role: "status" });
  const trouble = h("div", { role: "alert" });
  const seed = h("input", { type: "number", id: "fault-seed", step: "1", on: { change: apply } });
  const off = button("All off", () => replace({ seed: seedOf(seed) }));
  const groups = h("div", { class: "fault-groups" });
  const clock = createClockControls({ store, api });
  const head = h(
    "div",
    { class: "fault-head" },
    told,
    h("div", { class: "field inline" }, h("label", { for: "fault-seed" }, "Seed"), seed),
    off,
  );
  root.append(
    h("h2", {}, "Faults"),
    h(
      "p",
      { class: "muted" },
      "What the simulated Vonage does wrong on purpose. A change holds at once.",
    ),
    clock,
    head,
    trouble,
    groups,
  );
  /** @type {Map<string, ReturnType<typeof createKnob>>} */
  const knobs = new Map();
  const askSoon = atMostEvery(PAUSE, ask);

  async function ask() {
    await attempt(() => api.get("/sim/faults"), show, trouble);
  }

  function apply() {
    const wanted = [...knobs]
      .filter(([, knob]) => knob.isOn())
      .map(([name, knob]) => [name, knob.wanted()]);
    return replace({ seed: seedOf(seed), ...Object.fromEntries(wanted) });
  }

  const replace = (wanted) => attempt(() => api.put("/sim/faults", wanted), show, trouble);

  function show({ seed: number, on, knobs: known }) {
    if (!knobs.size) build(known);
    if (document.activeElement !== seed) seed.value = String(number);
    for (const [name, knob] of knobs) knob.update(on[name]);
    const count = Object.keys(on).length;
    write(told, count ? `${plural(count, "fault")} on` : "No fault is on");
    set(off, "disabled", count === 0);
  }

  function build(known) {
    const left = new Map(Object.entries(known));
    for (const [title, pattern] of GROUPS) {
      const names = [...left.keys()].filter((name) => pattern.test(name));
      for (const name of names) knobs.set(name, createKnob(name, left.get(name), apply));
      names.forEach((name) => left.delete(name));
      if (names.length) {
        groups.append(
          groupOf(
            title,
            names.map((name) => knobs.get(name).element),
          ),
        );
      }
    }
  }

  store.subscribe("entry", (entry) => {
    const anyOn = [...knobs.values()].some((knob) => knob.isOn());
    if (entry.kind === "faults") ask();
    else if (anyOn) askSoon();
  });
  store.subscribe("stack", ask);
}

function groupOf(title, knobs) {
  return h("fieldset", { class: "card fault-group" }, h("legend", {}, title), knobs);
}

/** One knob: a switch, and what it takes once it is on. */
function createKnob(name, about, changed) {
  const id = `fault-${name}`;
  const box = h("input", { type: "checkbox", id, on: { change: changed } });
  const probability = numberField(
    "Probability",
    `${id}-probability`,
    { min: "0", max: "1", step: "0.05", value: "1" },
    changed,
  );
  const value = numberField(
    labelOfValue(about),
    `${id}-value`,
    { min: "0", step: "any", placeholder: "default" },
    changed,
  );
  const times = numberField(
    "Times at most",
    `${id}-times`,
    { min: "0", step: "1", placeholder: "no limit" },
    changed,
  );
  const struck = h("p", { class: "small struck" });
  const takesValue = about.includes("`value`");
  const options = h(
    "div",
    { class: "knob-options", role: "group", "aria-label": name },
    probability.element,
    takesValue ? value.element : null,
    times.element,
    struck,
  );
  const words = h(
    "label",
    { class: "check", for: id },
    box,
    h("span", {}, h("code", {}, name), h("span", { class: "about" }, about.replaceAll("`", ""))),
  );
  const element = h("div", { class: "knob" }, words, options);

  function update(on) {
    box.checked = Boolean(on);
    set(options, "hidden", !on);
    set(element, "class", on ? "knob is-on" : "knob");
    write(struck, on ? `Struck ${on.struck === 1 ? "once" : plural(on.struck, "time")}` : "");
    if (!on) return;
    probability.show(on.probability);
    value.show(takesValue ? on.value : null);
    times.show(on.times);
  }

  function wanted() {
    const read = {
      probability: probability.read() ?? 1,
      value: takesValue ? value.read() : null,
      times: times.read(),
    };
    return Object.fromEntries(Object.entries(read).filter(([, given]) => given !== null));
  }

  return { element, update, wanted, isOn: () => box.checked };
}

/** What the value counts, as the words about the knob say it. */
function labelOfValue(about) {
  const unit = /`value` (?:real )?(seconds|bytes)/.exec(about)?.[1];
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

/** Calls `work` now or, where that was lately, once the pause is over. */
function atMostEvery(pause, work) {
  let due = 0;
  return () => {
    if (due) return;
    due = window.setTimeout(() => {
      due = 0;
      work();
    }, pause);
  };
}
