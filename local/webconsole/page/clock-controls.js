// Controls of the simulator's clock: its speed, and steps while it is paused.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { attempt, button } from "./widgets.js";

const SPEEDS = [0, 0.5, 1, 2, 5, 20, 100];

/** @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts */
export function createClockControls({ store, api }) {
  const speed = h("select", {
    id: "clock-speed",
    on: { change: () => change({ speed: Number(speed.value) }) },
  });
  const step = h("input", { type: "number", id: "clock-step", min: "0", step: "any", value: "10" });
  const status = h("p", { class: "small muted", role: "status" });
  const errors = h("div", { role: "alert" });
  const stepping = h(
    "div",
    { class: "field inline", hidden: true },
    h("label", { for: "clock-step" }, "Seconds"),
    step,
    button("Advance", () => change({ step: step.valueAsNumber || 0 }), { class: "little" }),
  );
  const field = h(
    "div",
    { class: "field inline" },
    h("label", { for: "clock-speed" }, "Clock speed"),
    speed,
  );

  function show({ speed: now }) {
    const speeds = SPEEDS.includes(now)
      ? SPEEDS
      : [...SPEEDS, now].sort((one, other) => one - other);
    if (speed.options.length !== speeds.length) {
      fill(
        speed,
        speeds.map((number) => h("option", { value: String(number) }, labelOf(number))),
      );
    }
    speed.value = String(now);
    set(stepping, "hidden", now !== 0);
    write(
      status,
      now === 0
        ? "The clock is paused. Advance it to fire timers."
        : now === 1
          ? ""
          : "Audio and the microphone work only in real time.",
    );
  }

  const change = (fields) => attempt(() => api.post("/sim/clock", fields), store.setClock, errors);

  // The store gets every change, including those of other clients.
  for (const kind of ["stack", "clock"]) store.subscribe(kind, () => show(store.clock));
  return h("div", { class: "clock-controls" }, field, stepping, status, errors);
}

function labelOf(speed) {
  if (speed === 0) return "paused";
  return speed === 1 ? "real time" : `${speed} ×`;
}
