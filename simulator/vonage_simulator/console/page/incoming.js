// Calls that ring in this page: legs whose callee is answered by hand. Does not use the document.

import { whyStopped } from "./call-messages.js";
import { preferences } from "./preferences.js";

const DELAY = 100; // milliseconds

/** @typedef {import("./store.js").Leg} Leg */

/**
 * @param {{store: import("./store.js").Store, api: any, lines: import("./phone-lines.js").PhoneLines, audio: any,
 *   send: (message: any) => void, changed: () => void}} parts
 */
export function createIncoming({ store, api, lines, audio, send, changed }) {
  let isOn = preferences.get("ringHere", true);
  let note = "";
  /** @type {any} the behavior of callees, from GET /sim/callees */
  let callees = null;
  /** @type {Set<string>} */
  const silenced = new Set();
  /** @type {Set<string>} */
  const declined = new Set();
  /** @type {Set<string>} */
  let ringing = new Set();
  /** @type {(() => void)|null} */
  let stopSound = null;
  let reloading = 0;

  /** @param {Leg} leg */
  function isRinging({ uuid, to, direction, over, answered_at }) {
    if (!isOn || over || answered_at !== null || direction !== "outbound") return false;
    if (lines.has(uuid) || declined.has(uuid) || /^wss?:/.test(to)) return false;
    return (callees?.callees[to] ?? callees?.default)?.behaviour === "manual";
  }

  function update() {
    const now = new Set([...store.legs.values()].filter(isRinging).map(({ uuid }) => uuid));
    for (const uuid of ringing) {
      const leg = store.legs.get(uuid);
      const here = lines.has(uuid) || declined.has(uuid);
      if (!now.has(uuid) && leg && isOn && !here) note = whyStopped(leg, store.entries(uuid));
    }
    ringing = now;
    if ([...ringing].some((uuid) => !silenced.has(uuid))) stopSound ??= audio.ringing();
    else {
      stopSound?.();
      stopSound = null;
    }
  }

  async function reload() {
    callees = await api.get("/sim/callees").catch(() => callees);
    update();
    changed();
  }

  const announce = () => send({ type: "ring", on: isOn });
  store.subscribe("stack", reload);
  store.subscribe("link", (state) => void (state === "connected" && announce()));
  store.subscribe("entry", ({ kind }) => {
    if (kind !== "callees") return;
    clearTimeout(reloading);
    reloading = window.setTimeout(() => void (store.link === "connected" && reload()), DELAY);
  });

  return {
    update,
    /** The legs that ring here. */
    legs: () => [...ringing].flatMap((uuid) => store.legs.get(uuid) ?? []),
    isOn: () => isOn,
    isSilenced: (uuid) => silenced.has(uuid),
    note: () => note,
    dismiss() {
      note = "";
      changed();
    },
    setOn(on) {
      isOn = on;
      preferences.set("ringHere", on);
      announce();
      update();
      changed();
    },
    /** @param {Leg} leg */
    answer: (leg) => lines.answer(leg),
    /** @param {Leg} leg */
    decline(leg) {
      declined.add(leg.uuid);
      update();
      return lines.decline(leg);
    },
    /** @param {Leg} leg */
    silence(leg) {
      silenced.add(leg.uuid);
      update();
      changed();
    },
  };
}
