// The calls that ring here: those to anybody who is set to be answered by hand.
// @ts-check

import { h, write } from "./dom.js";
import { whyStopped } from "./call-messages.js";
import { choices } from "./preferences.js";

const PAUSE = 100; // milliseconds

/** @typedef {import("./store.js").Leg} Leg */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {typeof import("./api.js")} parts.api
 * @param {import("./phone-lines.js").Lines} parts.lines
 * @param {import("./web-audio.js").Sound} parts.sound
 * @param {(message: any) => void} parts.send
 * @param {() => void} parts.answered
 */
export function createIncoming({ store, api, lines, sound, send, answered }) {
  const cards = h("div", { class: "stack" });
  const note = createNote();
  const element = h("div", { class: "stack incoming" }, cards, note.element);
  const box = h("input", { type: "checkbox", on: { change: announce } });
  const option = h("label", { class: "check" }, box, "Ring here");
  box.checked = choices.get("ringHere", true);
  /** @type {Map<string, HTMLElement>} the cards, by leg */
  const shown = new Map();
  /** @type {Set<string>} legs that ring on without a sound */
  const silenced = new Set();
  /** @type {Set<string>} legs that were rejected here */
  const rejected = new Set();
  /** @type {any} how those behave who are called, as the platform tells */
  let callees = null;
  /** @type {(() => void)|null} */
  let stopSound = null;
  /** @type {number|undefined} */
  let asking;

  function announce() {
    choices.set("ringHere", box.checked);
    send({ type: "ring", on: box.checked });
    show();
  }

  /** Asks a moment later, once for many changes, and not a platform that has just gone. */
  function askSoon() {
    clearTimeout(asking);
    asking = window.setTimeout(() => void (store.link === "connected" && ask()), PAUSE);
  }

  async function ask() {
    callees = await api.get("/sim/callees").catch(() => callees);
    show();
  }

  /** @param {Leg} leg */
  function rings({ uuid, to, direction, over, answered_at }) {
    if (!box.checked || over || answered_at !== null || direction !== "outbound") return false;
    if (lines.holds(uuid) || rejected.has(uuid) || /^wss?:/.test(to)) return false;
    return (callees?.callees[to] ?? callees?.default)?.behaviour === "manual";
  }

  /** @param {Leg} leg */
  function answer(leg) {
    void lines.answer(leg);
    show();
    answered();
  }

  /** @param {Leg} leg */
  function reject(leg) {
    rejected.add(leg.uuid);
    void lines.reject(leg);
    show();
  }

  /** @param {Leg} leg @param {any} button */
  function silence(leg, button) {
    silenced.add(leg.uuid);
    button.disabled = true;
    ring();
  }

  /** @param {Leg} leg */
  function cardOf(leg) {
    const act = (/** @type {string} */ name, /** @type {string} */ look, /** @type {any} */ how) =>
      h("button", { type: "button", class: look, on: { click: how } }, name);
    const quieten = act("Let it ring", "quiet little", () => silence(leg, quieten));
    return h(
      "section",
      { class: "card ringing-call", "aria-label": "Incoming call" },
      h(
        "div",
        { role: "alert" },
        h("p", {}, h("b", {}, `${leg.from} is calling`)),
        h("p", { class: "small muted" }, `to ${leg.to}`),
      ),
      h(
        "div",
        { class: "row line-actions" },
        act("Answer", "main", () => answer(leg)),
        act("Reject", "danger", () => reject(leg)),
      ),
      quieten,
    );
  }

  /** Takes away the card of a call that rings no more, and says why where it was not done here. */
  function remove(/** @type {string} */ uuid) {
    const leg = store.legs.get(uuid);
    const here = lines.holds(uuid) || rejected.has(uuid);
    if (leg && box.checked && !here) note.tell(whyStopped(leg, store.entries(uuid)));
    shown.get(uuid)?.remove();
    shown.delete(uuid);
  }

  /** @param {Leg} leg */
  function add(leg) {
    const card = cardOf(leg);
    shown.set(leg.uuid, card);
    cards.append(card);
  }

  /** Sounds while a call rings that nobody has silenced. */
  function ring() {
    if ([...shown.keys()].some((uuid) => !silenced.has(uuid))) {
      stopSound ??= sound.ringing();
    } else {
      stopSound?.();
      stopSound = null;
    }
  }

  function show() {
    const ringing = [...store.legs.values()].filter(rings);
    for (const uuid of [...shown.keys()]) {
      if (!ringing.some((leg) => leg.uuid === uuid)) remove(uuid);
    }
    for (const leg of ringing) if (!shown.has(leg.uuid)) add(leg);
    cards.hidden = shown.size === 0;
    element.hidden = cards.hidden && note.element.hidden;
    document.title = shown.size > 0 ? "Ringing" : "Phone";
    ring();
  }

  note.element.addEventListener("dismiss", show);
  store.subscribe("stack", ask);
  store.subscribe("entry", ({ kind }) => void (kind === "callees" && askSoon()));
  store.subscribe("link", (state) => void (state === "connected" && announce()));

  return { element, option, show };
}

/** What became of the last call that rang here and was not answered here. */
function createNote() {
  const text = h("span", { class: "grow", role: "status" });
  const close = h(
    "button",
    { type: "button", class: "little quiet", on: { click: dismiss } },
    "Dismiss",
  );
  const element = h("p", { class: "note row", hidden: true }, text, close);

  function dismiss() {
    element.hidden = true;
    write(text, "");
    element.dispatchEvent(new Event("dismiss"));
  }

  return {
    element,
    /** @param {string} what */
    tell(what) {
      element.hidden = false;
      write(text, what);
    },
  };
}
