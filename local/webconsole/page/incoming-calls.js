// Cards for incoming calls: legs whose callee is set to be answered by hand.
// @ts-check

import { h, write } from "./dom.js";
import { whyStopped } from "./call-messages.js";
import { preferences } from "./preferences.js";

const DELAY = 100; // milliseconds

/** @typedef {import("./store.js").Leg} Leg */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {typeof import("./api.js")} parts.api
 * @param {import("./phone-lines.js").PhoneLines} parts.lines
 * @param {import("./web-audio.js").WebAudio} parts.audio
 * @param {(message: any) => void} parts.send
 * @param {() => void} parts.answered
 */
export function createIncomingCalls({ store, api, lines, audio, send, answered }) {
  const cards = h("div", { class: "stack" });
  const note = createNote();
  const element = h("div", { class: "stack incoming" }, cards, note.element);
  const box = h("input", { type: "checkbox", on: { change: announce } });
  const option = h("label", { class: "check" }, box, "Ring here");
  box.checked = preferences.get("ringHere", true);
  /** @type {Map<string, HTMLElement>} the cards, by leg */
  const shown = new Map();
  /** @type {Set<string>} legs that ring without sound */
  const silenced = new Set();
  /** @type {Set<string>} legs that were declined here */
  const declined = new Set();
  /** @type {any} the behavior of callees, from GET /sim/callees */
  let callees = null;
  /** @type {(() => void)|null} */
  let stopSound = null;
  /** @type {number|undefined} */
  let reloading;

  function announce() {
    preferences.set("ringHere", box.checked);
    send({ type: "ring", on: box.checked });
    show();
  }

  /** Reloads after a delay, once for several changes, unless the connection is lost. */
  function reloadSoon() {
    clearTimeout(reloading);
    reloading = window.setTimeout(() => void (store.link === "connected" && reload()), DELAY);
  }

  async function reload() {
    callees = await api.get("/sim/callees").catch(() => callees);
    show();
  }

  /** @param {Leg} leg */
  function isRinging({ uuid, to, direction, over, answered_at }) {
    if (!box.checked || over || answered_at !== null || direction !== "outbound") return false;
    if (lines.has(uuid) || declined.has(uuid) || /^wss?:/.test(to)) return false;
    return (callees?.callees[to] ?? callees?.default)?.behaviour === "manual";
  }

  /** @param {Leg} leg */
  function answer(leg) {
    void lines.answer(leg);
    show();
    answered();
  }

  /** @param {Leg} leg */
  function decline(leg) {
    declined.add(leg.uuid);
    void lines.decline(leg);
    show();
  }

  /** @param {Leg} leg @param {any} button */
  function silence(leg, button) {
    silenced.add(leg.uuid);
    button.disabled = true;
    updateSound();
  }

  /** @param {Leg} leg */
  function cardOf(leg) {
    const act = (/** @type {string} */ name, /** @type {string} */ look, /** @type {any} */ how) =>
      h("button", { type: "button", class: look, on: { click: how } }, name);
    const silenceButton = act("Silence", "quiet little", () => silence(leg, silenceButton));
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
        act("Decline", "danger", () => decline(leg)),
      ),
      silenceButton,
    );
  }

  /** Removes a call's card, with a note why it stopped ringing unless that was done here. */
  function remove(/** @type {string} */ uuid) {
    const leg = store.legs.get(uuid);
    const here = lines.has(uuid) || declined.has(uuid);
    if (leg && box.checked && !here) note.show(whyStopped(leg, store.entries(uuid)));
    shown.get(uuid)?.remove();
    shown.delete(uuid);
  }

  /** @param {Leg} leg */
  function add(leg) {
    const card = cardOf(leg);
    shown.set(leg.uuid, card);
    cards.append(card);
  }

  /** Plays the ring tone while a call rings that is not silenced. */
  function updateSound() {
    if ([...shown.keys()].some((uuid) => !silenced.has(uuid))) {
      stopSound ??= audio.ringing();
    } else {
      stopSound?.();
      stopSound = null;
    }
  }

  function show() {
    const ringing = [...store.legs.values()].filter(isRinging);
    for (const uuid of [...shown.keys()]) {
      if (!ringing.some((leg) => leg.uuid === uuid)) remove(uuid);
    }
    for (const leg of ringing) if (!shown.has(leg.uuid)) add(leg);
    cards.hidden = shown.size === 0;
    element.hidden = cards.hidden && note.element.hidden;
    document.title = shown.size > 0 ? "Incoming call" : "Web console";
    updateSound();
  }

  note.element.addEventListener("dismiss", show);
  store.subscribe("stack", reload);
  store.subscribe("entry", ({ kind }) => void (kind === "callees" && reloadSoon()));
  store.subscribe("link", (state) => void (state === "connected" && announce()));

  return { element, option, show };
}

/** Why the last call that was not answered here stopped ringing. */
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
    /** @param {string} reason */
    show(reason) {
      element.hidden = false;
      write(text, reason);
    },
  };
}
