// State of the softphone's lines: the legs it controls, the selected one, and actions on them. The
// legs themselves are in the store.
// @ts-check

import * as messages from "./call-messages.js";
import { tabState } from "./preferences.js";

/**
 * @typedef {{uuid: string, side: "caller"|"callee", own: string, other: string, muted: boolean,
 *   hungUp: boolean, failure: string, phase: Phase}} Line
 * @typedef {"calling"|"talking"|"ended"} Phase
 * @typedef {ReturnType<typeof createPhoneLines>} PhoneLines
 */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {typeof import("./api.js")} parts.api
 */
export function createPhoneLines({ store, api }) {
  /** @type {Map<string, Line>} */
  const byUuid = new Map();
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {Map<string, Promise<void>>} each line's last digit, which the next waits for */
  const pressing = new Map();
  let selected = "";
  let hearAll = false;
  let problem = "";
  let platform = "";
  let failures = 0;

  function changed() {
    const lines = [...byUuid.values()].filter((line) => phase(line) !== "ended");
    if (platform) tabState.set("lines", { platform, selected, hearAll, lines });
    for (const listener of listeners) listener();
  }

  /** @param {Line} line @returns {Phase} The last known phase while the store reloads. */
  function phase(line) {
    const leg = store.legs.get(line.uuid);
    if (line.failure || leg?.over) line.phase = "ended";
    else if (leg) line.phase = leg.answered_at === null ? "calling" : "talking";
    return line.phase;
  }

  /** @param {Pick<Line, "uuid"|"side"|"own"|"other"|"failure">} line */
  function add(line) {
    const { uuid } = line;
    for (const one of byUuid.values()) if (phase(one) === "ended") byUuid.delete(one.uuid);
    const initial = { muted: false, hungUp: false, phase: /** @type {Phase} */ ("calling") };
    byUuid.set(uuid, { ...line, ...initial });
    selected = uuid;
    changed();
  }

  /** @param {string} own @param {string} other @param {string} failure */
  function fail(own, other, failure) {
    failures += 1;
    add({ uuid: `failed-${failures}`, side: "caller", own, other, failure });
  }

  /** Runs an action for the user; an error becomes the problem that is shown. */
  async function attempt(/** @type {() => Promise<any>} */ work) {
    problem = store.link === "lost" ? messages.NOT_RESPONDING : "";
    try {
      if (!problem) await work();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem = `${error.message}.`;
    } finally {
      changed();
    }
  }

  /** Checks first, because a rejected request would log an error in the browser's console. */
  async function isLinked(/** @type {string} */ number) {
    const known = (store.stack?.numbers ?? []).some(
      (/** @type {any} */ one) => one.number === number,
    );
    return known || Boolean((await api.get("/sim")).numbers[number]);
  }

  /** @param {string} from @param {string} to @param {string} flow For this call; "" for none. */
  async function placeCall(from, to, flow) {
    if (!(await isLinked(to))) return fail(from, to, messages.noApplication(to));
    try {
      const override = flow && { answer_url: answerUrl(flow) };
      const { uuid } = await api.post("/sim/calls", { from, to, ...override });
      return add({ uuid, side: "caller", own: from, other: to, failure: "" });
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      return fail(from, to, `${error.message}.`);
    }
  }

  /** @param {string} flow */
  const answerUrl = (flow) =>
    `${store.stack.api_url}/webhooks/answer?flow=${encodeURIComponent(flow)}`;

  /** Restores the lines that this tab had before a reload. */
  function restore() {
    if (platform === store.stack.platform) return;
    platform = store.stack.platform;
    const before = tabState.get("lines", null);
    if (before?.platform === platform) {
      for (const line of before.lines) if (store.legs.has(line.uuid)) byUuid.set(line.uuid, line);
      selected = byUuid.has(before.selected) ? before.selected : (byUuid.keys().next().value ?? "");
      hearAll = before.hearAll;
    }
    changed();
  }

  /** Drops the lines after a restart of the platform. */
  function dropLines(/** @type {string} */ current) {
    if (current === platform || platform === "") return;
    const lost = [...byUuid.values()].some((line) => !line.failure);
    byUuid.clear();
    selected = "";
    problem = lost ? messages.RESTARTED : "";
    changed();
  }

  store.subscribe("reset", dropLines);
  store.subscribe("stack", restore);

  return {
    phase,
    all: () => [...byUuid.values()],
    get: (/** @type {string} */ uuid) => byUuid.get(uuid),
    selected: () => byUuid.get(selected),
    hearAll: () => hearAll,
    problem: () => problem,
    has: (/** @type {string} */ uuid) => byUuid.has(uuid),
    isHeard: (/** @type {string} */ uuid) => byUuid.has(uuid) && (hearAll || uuid === selected),
    /** @param {() => void} listener */
    subscribe: (listener) => listeners.add(listener),
    /** @param {Line} line */
    why(line) {
      const leg = store.legs.get(line.uuid);
      return (
        line.failure || (leg ? messages.whyEnded(leg, store.entries(line.uuid), line.hungUp) : "")
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
      byUuid.delete(line.uuid);
      problem = "";
      if (selected === line.uuid) selected = byUuid.keys().next().value ?? "";
      changed();
    },
    /** @param {string} from @param {string} to @param {string} flow */
    call: (from, to, flow) => attempt(() => placeCall(from, to, flow)),
    /** @param {import("./store.js").Leg} leg */
    answer(leg) {
      const { uuid, from: other, to: own } = leg;
      add({ uuid, side: "callee", own, other, failure: "" });
      return attempt(() => api.post(`/sim/calls/${uuid}/answer`));
    },
    /** @param {import("./store.js").Leg} leg */
    decline: (leg) => attempt(() => api.post(`/sim/calls/${leg.uuid}/reject`)),
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
