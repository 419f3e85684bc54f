// Simulator: its clock, the people whom the application calls, and its faults in plain words.

import { Button, Chip, Count, html, Icon, Segments, useTicks, useUpdates, toast } from "./parts.js";
import { useState } from "./preact.js";
import { COMMON, faultOf, faultsOf, GROUPS } from "./fault-texts.js";
import { link } from "./router.js";
import { pathOf, plural, timeOfDay } from "./format.js";

const MOST_ACTS = 8; // of faults, in the list

const SPEEDS = [
  [0, "Paused"],
  [0.5, "½×"],
  [1, "Real time"],
  [2, "2×"],
  [5, "5×"],
  [20, "20×"],
  [100, "100×"],
];
const WAYS = [
  ["manual", "Rings in this page"],
  ["answer", "Answers"],
  ["no_answer", "Does not answer"],
  ["busy", "Is busy"],
  ["reject", "Declines"],
  ["machine", "Is an answering machine"],
  ["unavailable", "Cannot be reached"],
  ["invalid", "Is not a number"],
];

/**
 * Faults and callees of the simulator, which other clients can change too.
 *
 * @param {{store: any, api: any}} parts
 */
export function createSimulatorModel({ store, api }) {
  /** @type {any} GET /sim/faults */
  let faults = { seed: 1, on: {}, knobs: {} };
  /** @type {any} GET /sim/callees */
  let callees = { default: { behaviour: "answer" }, callees: {} };
  let waiting = 0;
  /** @type {any[]} the latest entries that a fault changed, newest first */
  let acts = [];
  /** @type {Set<() => void>} */
  const listeners = new Set();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  async function load() {
    waiting = 0;
    [faults, callees] = await Promise.all([
      api.get("/sim/faults").catch(() => faults),
      api.get("/sim/callees").catch(() => callees),
    ]);
    changed();
  }
  const loadSoon = () => {
    waiting ||= window.setTimeout(load, 1000);
  };
  const attempt = async (work) => {
    await work.catch((error) => toast(error.message));
    await load();
  };
  store.subscribe("stack", load);
  store.subscribe("clock", changed);
  store.subscribe("entry", (entry) => {
    const isAct = entry.kind !== "webhook_sent" && faultsOf(entry).length > 0;
    if (isAct) acts = [entry, ...acts].slice(0, MOST_ACTS);
    if (isAct || entry.kind === "faults" || entry.kind === "callees") loadSoon();
  });
  store.subscribe("reset", () => {
    acts = [];
  });
  return {
    faults: () => faults,
    acts: () => acts,
    callees: () => callees,
    /** @param {Record<string, any>} on Exactly these faults. */
    setFaults: (on, seed = faults.seed) => attempt(api.put("/sim/faults", { seed, ...on })),
    /** @param {string} number @param {string} behaviour */
    setCallee: (number, behaviour) =>
      attempt(api.put(`/sim/callees/${encodeURIComponent(number)}`, { behaviour })),
    /** @param {any} fields */
    setClock: (fields) => attempt(api.post("/sim/clock", fields).then(store.setClock)),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** @typedef {ReturnType<typeof createSimulatorModel>} SimulatorModel */

/** What a fault is set to now, as PUT /sim/faults takes it. @param {any} on */
const settingsOf = (on) =>
  Object.fromEntries(
    Object.entries(on).map(([name, { probability, value, times }]) => [
      name,
      { probability, ...(value !== null && { value }), ...(times !== null && { times }) },
    ]),
  );

/** @param {{simulator: SimulatorModel, store: any}} props */
export function SimulatorView({ simulator, store }) {
  useUpdates(simulator.subscribe);
  const { seed, on, knobs } = simulator.faults();
  const names = Object.keys(on);
  const change = (name, fault) => {
    const { [name]: _, ...rest } = settingsOf(on);
    void simulator.setFaults(fault ? { ...rest, [name]: fault } : rest);
  };
  const parts = { on, change };
  const known = new Set(GROUPS.flatMap(([, list]) => list.map(([name]) => name)));
  const others = Object.keys(knobs).filter((name) => !known.has(name));
  const groups =
    others.length === 0
      ? GROUPS
      : [...GROUPS, ["Other", others.map((name) => [name, name, knobs[name]])]];
  return html`<div class="page">
    <div class="page-head">
      <h1>Simulator</h1>
      <p class="muted">
        Your own simulated Vonage. Change how time passes, who answers and what goes wrong. Changes
        apply at once.
      </p>
    </div>
    <div class="two">
      <${Clock} simulator=${simulator} store=${store} /><${People}
        simulator=${simulator}
        store=${store}
      />
    </div>
    <section class="faults-part" aria-labelledby="faults-title">
      <div class="section-head">
        <h2 id="faults-title">Faults</h2>
        ${names.length > 0 ? html`<${Chip} text="${plural(names.length, "fault")} on" tone="warn" icon="bolt" />` : html`<${Chip} text="All off" tone="good" icon="check" />`}
        ${names.length > 0 && html`<${Button} label="Turn all off" look="small" click=${() => simulator.setFaults({})} />`}
        <label class="setting seed" title="The same seed gives the same chances again"
          ><span>Seed</span
          ><${NumberField}
            value=${seed}
            change=${(to) => simulator.setFaults(settingsOf(on), Math.round(to))}
        /></label>
      </div>
      ${
        names.length > 0 &&
        html`<h3 class="part-title">On now</h3>
          <ul class="on-now">
            ${names.map((name) => html`<${OnNow} key=${name} name=${name} ...${parts} />`)}
          </ul>`
      }
      <${Acts} acts=${simulator.acts()} store=${store} />
      <h3 class="part-title">Try these first</h3>
      <ul class="fault-cards">
        ${COMMON.map((name) => html`<li class="fault-card ${on[name] ? "on" : ""}" key=${name}><${FaultHead} fault=${faultOf(name)} ...${parts} /></li>`)}
      </ul>
      <h3 class="part-title">All ${Object.keys(knobs).length}, by kind</h3>
      <div class="fault-groups">
        ${groups.map(([title, list]) => html`<${Group} key=${title} title=${title} list=${list} ...${parts} />`)}
      </div>
    </section>
  </div>`;
}

/** Where faults acted last: a webhook or request, and its call. */
function Acts({ acts, store }) {
  if (acts.length === 0) return null;
  return html`<h3 class="part-title" id="acts-title">Where faults acted</h3>
    <ol class="acts" aria-labelledby="acts-title">
      ${acts.map((entry) => {
        const call = entry.uuid && store.callOf(entry.uuid);
        return html`<li key=${entry.id}>
          <span class="numbers muted">${timeOfDay(entry.at)}</span>
          <span>${faultsOf(entry)
            .map((name) => faultOf(name)[1])
            .join(", ")}</span>
          <code class="one-line">${targetOf(entry)}</code>
          ${call && html`<a href=${link("calls", call.key)}>Open the call</a>`}
        </li>`;
      })}
    </ol>`;
}

/** What a fault changed, as text. @param {any} entry */
function targetOf({ kind, webhook, method, path, direction }) {
  if (kind === "websocket" || kind === "error") return "WebSocket";
  if (webhook) return `${webhook.method} ${pathOf(webhook.url)}`;
  return method ? `${method} ${path}` : `${direction} call`;
}

function Switch({ fault: [name, title], on, change }) {
  const isOn = Boolean(on[name]);
  return html`<button
    type="button"
    role="switch"
    class="switch"
    aria-checked=${String(isOn)}
    aria-label=${title}
    onClick=${() => change(name, isOn ? null : { probability: 1 })}
  >
    <span class="knob" />
  </button>`;
}

const FaultHead = ({ fault, on, change, heading = true }) => html`
  <div class="fault-top">
    <div>
      ${heading ? html`<h4>${fault[1]}</h4>` : html`<p class="fault-title">${fault[1]}</p>`}
      <p class="muted small">${fault[2]} <code>${fault[0]}</code></p>
    </div>
    <${Switch} fault=${fault} on=${on} change=${change} />
  </div>
`;

function OnNow({ name, on, change }) {
  const fault = faultOf(name);
  const { probability, value, times, struck } = on[name];
  const set = (fields) => change(name, { ...settingsOf({ [name]: on[name] })[name], ...fields });
  return html`<li>
    <${FaultHead} fault=${fault} on=${on} change=${change} />
    <div class="settings">
      <label class="setting"
        ><span>Chance</span
        ><${NumberField}
          value=${Math.round(probability * 100)}
          max=${100}
          change=${(to) => set({ probability: to / 100 })}
        /><span class="muted">%</span></label
      >
      ${fault[3] && html`<label class="setting"><span>By</span><${NumberField} value=${value} change=${(to) => set({ value: to })} /><span class="muted">${fault[3]}</span></label>`}
      <label class="setting"
        ><span>At most</span
        ><${NumberField}
          value=${times}
          placeholder="∞"
          change=${(to) => set({ times: Math.round(to) })}
        /><span class="muted">times</span></label
      >
      <span class="struck ${struck ? "warn" : "muted"}"
        >${struck ? `Happened ${struck === 1 ? "once" : `${struck} times`}` : "Has not happened yet"}</span
      >
    </div>
  </li>`;
}

function NumberField({ value, change, max, placeholder = "" }) {
  const set = ({ target }) =>
    target.value !== "" && target.validity.valid && change(target.valueAsNumber);
  return html`<input
    type="number"
    class="small short"
    min="0"
    max=${max}
    step="any"
    value=${value ?? ""}
    placeholder=${placeholder}
    onChange=${set}
  />`;
}

function Group({ title, list, on, change }) {
  const count = list.filter(([name]) => on[name]).length;
  return html`<details class="fault-group">
    <summary>
      <${Icon} name="right" more="turns" /><span class="strong">${title}</span
      ><${Count}
        text=${list.length}
      />${count > 0 && html`<${Chip} text="${count} on" tone="warn" />`}
    </summary>
    <ul class="faults">
      ${list.map((fault) => html`<li key=${fault[0]} class=${on[fault[0]] ? "on" : ""}><${FaultHead} fault=${fault} on=${on} change=${change} heading=${false} /></li>`)}
    </ul>
  </details>`;
}

function Clock({ simulator, store }) {
  const { speed } = store.clock;
  const [step, setStep] = useState(10);
  useTicks(speed > 0, 1000);
  const speeds = SPEEDS.some(([value]) => value === speed)
    ? SPEEDS
    : [...SPEEDS, [speed, `${speed}×`]];
  const advance = (event) => {
    event.preventDefault();
    void simulator.setClock({ step });
  };
  return html`<section class="panel" aria-labelledby="clock-title">
    <div class="panel-head"><h2 id="clock-title">Clock</h2></div>
    <p class="clock-face"><span class="numbers">${timeOfDay(store.now())}</span></p>
    <${Segments}
      look="speeds"
      label="Speed of the clock"
      value=${speed}
      choose=${(to) => simulator.setClock({ speed: to })}
      options=${speeds.map(([value, label]) => ({ value, label }))}
    />
    ${
      speed === 0
        ? html`<form class="inline" onSubmit=${advance}>
            <label for="step">Move on by</label
            ><input
              id="step"
              class="small short"
              type="number"
              min="0"
              step="any"
              value=${step}
              onInput=${(event) => setStep(event.target.valueAsNumber || 0)}
            /><span>seconds</span><${Button} type="submit" label="Move on" look="small" />
          </form>`
        : html`<p class="muted small">
            ${speed === 1 ? "Sound and the microphone work at this speed only." : "Sound and the microphone are off, because the clock is not in real time."}
          </p>`
    }
  </section>`;
}

function People({ simulator, store }) {
  const { default: standard, callees } = simulator.callees();
  const second = store.stack?.second_number;
  const numbers = [...new Set([...(second ? [second] : []), ...Object.keys(callees)])];
  const person = (key, label, about, behaviour) =>
    html`<li key=${key}>
      <label for="person-${key}"
        ><span class="numbers">${label}</span
        >${about && html`<span class="muted small">${about}</span>`}</label
      >
      <select
        class="small"
        id="person-${key}"
        value=${behaviour}
        onChange=${(event) => simulator.setCallee(key, event.target.value)}
      >
        ${WAYS.map(([value, text]) => html`<option value=${value} key=${value}>${text}</option>`)}
      </select>
    </li>`;
  return html`<section class="panel" aria-labelledby="people-title">
    <div class="panel-head"><h2 id="people-title">People you call</h2></div>
    <ul class="people">
      ${numbers.map((number) => person(number, number, number === second ? "The second number" : "", (callees[number] ?? standard).behaviour))}
      ${person("default", "Everybody else", "", standard.behaviour)}
    </ul>
    <p class="muted small">What happens when your flows, or you, call somebody.</p>
  </section>`;
}
