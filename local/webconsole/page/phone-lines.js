// The lines of this phone: which legs it holds, which one is heard, and what can be done with them.
// Knows no elements; what the platform tells of the legs is in the store.
// @ts-check

import * as reasons from "./call-messages.js";
import { tab } from "./preferences.js";

/**
 * @typedef {{uuid: string, side: "caller"|"called", own: string, other: string, muted: boolean,
 *   hungUp: boolean, failure: string, phase: Phase}} Line
 * @typedef {"calling"|"talking"|"ended"} Phase
 * @typedef {ReturnType<typeof createLines>} Lines
 */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {typeof import("./api.js")} parts.api
 */
export function createLines({ store, api }) {
  /** @type {Map<string, Line>} */
  const held = new Map();
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {Map<string, Promise<void>>} keys are sent one after the other */
  const pressing = new Map();
  let selected = "";
  let hearAll = false;
  let problem = "";
  let platform = "";
  let failures = 0;

  function changed() {
    const kept = [...held.values()].filter((line) => phase(line) !== "ended");
    if (platform) tab.set("lines", { platform, selected, hearAll, kept });
    for (const listener of listeners) listener();
  }

  /** @param {Line} line @returns {Phase} The last one known, while the store learns anew. */
  function phase(line) {
    const leg = store.legs.get(line.uuid);
    if (line.failure || leg?.over) line.phase = "ended";
    else if (leg) line.phase = leg.answered_at === null ? "calling" : "talking";
    return line.phase;
  }

  /** @param {Pick<Line, "uuid"|"side"|"own"|"other"|"failure">} line */
  function hold(line) {
    const { uuid } = line;
    for (const one of held.values()) if (phase(one) === "ended") held.delete(one.uuid);
    const fresh = { muted: false, hungUp: false, phase: /** @type {Phase} */ ("calling") };
    held.set(uuid, { ...line, ...fresh });
    selected = uuid;
    changed();
  }

  /** @param {string} own @param {string} other @param {string} failure */
  function fail(own, other, failure) {
    failures += 1;
    hold({ uuid: `failed-${failures}`, side: "caller", own, other, failure });
  }

  /** Does something for the person; what goes wrong becomes the problem that is shown. */
  async function attempt(/** @type {() => Promise<any>} */ work) {
    problem = store.link === "lost" ? reasons.AWAY : "";
    try {
      if (!problem) await work();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem = `${error.message}.`;
    } finally {
      changed();
    }
  }

  /** Asks before it rings: a refused request would be an error in the browser's console. */
  async function isLinked(/** @type {string} */ number) {
    const known = (store.stack?.numbers ?? []).some(
      (/** @type {any} */ one) => one.number === number,
    );
    return known || Boolean((await api.get("/sim")).numbers[number]);
  }

  /** @param {string} from @param {string} to @param {string} flow One for this call, or nothing. */
  async function ring(from, to, flow) {
    if (!(await isLinked(to))) return fail(from, to, reasons.noApplication(to));
    try {
      const answer = flow && { answer_url: answerUrl(flow) };
      const { uuid } = await api.post("/sim/calls", { from, to, ...answer });
      return hold({ uuid, side: "caller", own: from, other: to, failure: "" });
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      return fail(from, to, `${error.message}.`);
    }
  }

  /** @param {string} flow */
  const answerUrl = (flow) =>
    `${store.stack.api_url}/webhooks/answer?flow=${encodeURIComponent(flow)}`;

  /** Takes back the lines that this tab held before it was loaded again. */
  function restore() {
    if (platform === store.stack.platform) return;
    platform = store.stack.platform;
    const before = tab.get("lines", null);
    if (before?.platform === platform) {
      for (const line of before.kept) if (store.legs.has(line.uuid)) held.set(line.uuid, line);
      selected = held.has(before.selected) ? before.selected : (held.keys().next().value ?? "");
      hearAll = before.hearAll;
    }
    changed();
  }

  /** Where it is another platform now, what this tab held is gone with the old one. */
  function leave(/** @type {string} */ now) {
    if (now === platform || platform === "") return;
    const lost = [...held.values()].some((line) => !line.failure);
    held.clear();
    selected = "";
    problem = lost ? reasons.RESTARTED : "";
    changed();
  }

  store.subscribe("reset", leave);
  store.subscribe("stack", restore);

  return {
    phase,
    all: () => [...held.values()],
    get: (/** @type {string} */ uuid) => held.get(uuid),
    selected: () => held.get(selected),
    hearAll: () => hearAll,
    problem: () => problem,
    holds: (/** @type {string} */ uuid) => held.has(uuid),
    isHeard: (/** @type {string} */ uuid) => held.has(uuid) && (hearAll || uuid === selected),
    /** @param {() => void} listener */
    subscribe: (listener) => listeners.add(listener),
    /** @param {Line} line */
    why(line) {
      const leg = store.legs.get(line.uuid);
      return (
        line.failure || (leg ? reasons.whyEnded(leg, store.entries(line.uuid), line.hungUp) : "")
      );
    },
    /** @param {string} uuid */
    select(uuid) {
      selected = uuid;
      changed();
    },
    /** @param {boolean} all */
    setHearAll(all) {
      hearAll = all;
      changed();
    },
    /** @param {Line} line @param {boolean} muted */
    mute(line, muted) {
      line.muted = muted;
      changed();
    },
    /** @param {Line} line */
    close(line) {
      held.delete(line.uuid);
      problem = "";
      if (selected === line.uuid) selected = held.keys().next().value ?? "";
      changed();
    },
    /** @param {string} from @param {string} to @param {string} flow */
    call: (from, to, flow) => attempt(() => ring(from, to, flow)),
    /** @param {import("./store.js").Leg} leg */
    answer(leg) {
      const { uuid, from: other, to: own } = leg;
      hold({ uuid, side: "called", own, other, failure: "" });
      return attempt(() => api.post(`/sim/calls/${uuid}/answer`));
    },
    /** @param {import("./store.js").Leg} leg */
    reject: (leg) => attempt(() => api.post(`/sim/calls/${leg.uuid}/reject`)),
    /** @param {Line} line */
    hangUp(line) {
      line.hungUp = true;
      return attempt(() => api.post(`/sim/calls/${line.uuid}/hangup`));
    },
    /** @param {Line} line @param {string} digit */
    press(line, digit) {
      const before = pressing.get(line.uuid) ?? Promise.resolve();
      const send = () =>
        attempt(() => api.post(`/sim/calls/${line.uuid}/digits`, { digits: digit }));
      pressing.set(line.uuid, before.then(send));
    },
    /** @param {Line} line @param {string} text */
    say: (line, text) => attempt(() => api.post(`/sim/calls/${line.uuid}/speech`, { text })),
  };
}
