// The controls of the simulator's clock: how fast it runs, and steps while it stands still.
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
  const told = h("p", { class: "small muted", role: "status" });
  const trouble = h("div", { role: "alert" });
  const stepping = h(
    "div",
    { class: "field inline", hidden: true },
    h("label", { for: "clock-step" }, "Seconds"),
    step,
    button("Move on", () => change({ step: step.valueAsNumber || 0 }), { class: "little" }),
  );
  const field = h(
    "div",
    { class: "field inline" },
    h("label", { for: "clock-speed" }, "Clock speed"),
    speed,
  );

  function show({ speed: now }) {
    const known = SPEEDS.includes(now)
      ? SPEEDS
      : [...SPEEDS, now].sort((one, other) => one - other);
    if (speed.options.length !== known.length) {
      fill(
        speed,
        known.map((number) => h("option", { value: String(number) }, labelOf(number))),
      );
    }
    speed.value = String(now);
    set(stepping, "hidden", now !== 0);
    write(
      told,
      now === 0
        ? "The clock stands still: timers fire when it is moved on."
        : now === 1
          ? ""
          : "Sounds and microphones need the speed 1.",
    );
  }

  const change = (wanted) => attempt(() => api.post("/sim/clock", wanted), store.setClock, trouble);

  // The store is told of every change, whoever made it.
  for (const kind of ["stack", "clock"]) store.subscribe(kind, () => show(store.clock));
  return h("div", { class: "clock-controls" }, field, stepping, told, trouble);
}

function labelOf(speed) {
  if (speed === 0) return "stopped";
  return speed === 1 ? "as time runs" : `${speed} ×`;
}
