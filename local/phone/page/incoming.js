// The calls that ring here: those to anybody who is set to be answered by hand.
// @ts-check

import { h, write } from "./dom.js";
import { whyStopped } from "./reasons.js";
import { choices } from "./settings.js";

const NOTES_KEPT = 3;

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {typeof import("./api.js")} parts.api
 * @param {import("./lines.js").Lines} parts.lines
 * @param {import("./sound.js").Sound} parts.sound
 * @param {(message: any) => void} parts.send
 * @param {() => void} parts.answered
 */
export function createIncoming({ store, api, lines, sound, send, answered }) {
  const cards = h("div", { class: "stack" });
  const notes = h("div", { role: "status", class: "stack tight" });
  const element = h("div", { class: "stack incoming" }, cards, notes);
  const box = h("input", { type: "checkbox", on: { change: announce } });
  const option = h("label", { class: "check" }, box, "Ring here");
  box.checked = choices.get("ringHere", true);
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  /** @type {Set<string>} */
  const silenced = new Set();
  /** @type {any} how those behave who are called, as the platform tells */
  let callees = null;
  /** @type {(() => void)|null} */
  let stopRinging = null;

  function announce() {
    choices.set("ringHere", box.checked);
    send({ type: "ring", on: box.checked });
    show();
  }

  async function ask() {
    callees = await api.get("/sim/callees").catch(() => callees);
    show();
  }

  /** @param {import("./store.js").Leg} leg */
  function rings({ uuid, to, direction, over, answered_at }) {
    if (!box.checked || over || answered_at !== null || direction !== "outbound") return false;
    if (lines.holds(uuid) || /^wss?:/.test(to)) return false;
    return (callees?.callees[to] ?? callees?.default)?.behaviour === "manual";
  }

  /** @param {import("./store.js").Leg} leg */
  function card(leg) {
    const quieten = h("button", { type: "button", on: { click: () => silence(leg.uuid, quieten) } },
      "Let it ring");
    return h(
      "section", { class: "card ringing", "aria-label": "Incoming call" },
      h("p", { role: "alert" }, h("b", {}, `${leg.from} is calling`), h("br"),
        h("span", { class: "small muted" }, `to ${leg.to}`)),
      h("div", { class: "row" },
        h("button", { type: "button", class: "main", on: { click: () => answer(leg) } }, "Answer"),
        h("button", { type: "button", class: "danger", on: { click: () => reject(leg) } }, "Reject"),
        quieten),
    );
  }

  /** @param {import("./store.js").Leg} leg */
  function answer(leg) {
    remove(leg.uuid);
    void lines.answer(leg);
    answered();
  }

  /** @param {import("./store.js").Leg} leg */
  function reject(leg) {
    remove(leg.uuid);
    silenced.add(leg.uuid);
    rejected.add(leg.uuid);
    void lines.reject(leg);
    ring();
  }
  /** @type {Set<string>} */
  const rejected = new Set();

  /** @param {string} uuid @param {any} button */
  function silence(uuid, button) {
    silenced.add(uuid);
    button.disabled = true;
    ring();
  }

  /** @param {string} uuid */
  function remove(uuid) {
    shown.get(uuid)?.remove();
    shown.delete(uuid);
  }

  /** @param {string} text */
  function note(text) {
    const close = h("button", { type: "button", class: "little quiet" }, "Dismiss");
    const added = h("p", { class: "note row" }, h("span", { class: "grow" }, text), close);
    close.addEventListener("click", () => added.remove());
    notes.append(added);
    if (notes.children.length > NOTES_KEPT) notes.children[0].remove();
  }

  /** Sounds while a call rings that nobody has silenced. */
  function ring() {
    const wanted = [...shown.keys()].some((uuid) => !silenced.has(uuid));
    if (wanted) stopRinging ??= sound.ringing();
    else {
      stopRinging?.();
      stopRinging = null;
    }
  }

  function show() {
    const ringing = [...store.legs.values()].filter((leg) => rings(leg) && !rejected.has(leg.uuid));
    const now = new Set(ringing.map(({ uuid }) => uuid));
    for (const uuid of [...shown.keys()]) {
      if (now.has(uuid)) continue;
      const leg = store.legs.get(uuid);
      if (leg && box.checked && !lines.holds(uuid)) note(whyStopped(leg, store.entries(uuid)));
      remove(uuid);
    }
    for (const leg of ringing) {
      if (shown.has(leg.uuid)) continue;
      shown.set(leg.uuid, card(leg));
      cards.append(/** @type {HTMLElement} */ (shown.get(leg.uuid)));
    }
    ring();
    write(title, shown.size > 0 ? "Ringing" : store.link === "lost" ? "Lost" : "Phone");
  }
  const title = /** @type {Element} */ (document.querySelector("title"));

  store.subscribe("stack", ask);
  store.subscribe("entry", ({ kind }) => void (kind === "callees" && ask()));
  store.subscribe("link", (state) => void (state === "connected" && announce()));
  store.subscribe("reset", () => {
    for (const known of [silenced, rejected]) known.clear();
    show();
  });

  return { element, option, show };
}
