// The transcript of the lines; words appear when they are spoken.
// @ts-check

import { h } from "./dom.js";
import { spoken, timed } from "./speech-timing.js";

const TICK = 80; // milliseconds
const MAX_ROWS = 500;
const NEAR = 40; // pixels from the end that count as the end

/**
 * @typedef {import("./phone-lines.js").Line} Line
 * @typedef {import("./store.js").Entry} Entry
 * @typedef {{element: HTMLElement, begin: number, from: number, speed: number,
 *   words: {at: number, span: HTMLElement}[]}} Utterance
 */

/** @param {{store: import("./store.js").Store, lines: import("./phone-lines.js").PhoneLines}} parts */
export function createTranscript({ store, lines }) {
  const element = h("div", {
    ...{ class: "heard-log", role: "log", tabindex: 0, "aria-label": "Transcript" },
  });
  /** @type {Map<string, Element>} */
  const last = new Map();
  /** @type {Set<string>} */
  const ended = new Set();
  /** @type {Map<number, Utterance>} what is being spoken, by sound id */
  const speaking = new Map();
  /** @type {number|undefined} */
  let timer;
  let atEnd = true;

  /** @param {Line} line @param {string} kind @param {...any} content */
  function row(line, kind, ...content) {
    const which = h("small", { class: "which-line" }, `${line.own} `);
    const added = h("p", { class: `said ${kind}`, dir: "auto" }, which, content);
    added.dataset.line = line.uuid;
    added.hidden = !lines.isHeard(line.uuid);
    element.append(added);
    last.set(line.uuid, added);
    if (element.children.length > MAX_ROWS) element.children[0].remove();
    follow();
    return added;
  }

  /** Scrolls to the newest row, unless the user has scrolled back. */
  function follow() {
    if (atEnd) element.scrollTop = element.scrollHeight;
  }
  element.addEventListener("scroll", () => {
    atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
  });

  /** @param {Line} line @param {string} kind @param {string} who @param {string} text */
  function words(line, kind, who, text, /** @type {Entry} */ entry) {
    const shown = timed(spoken(text), entry.seconds ?? null);
    const spans = shown.map(({ text: word }) => h("span", { class: "spoken-word" }, `${word} `));
    const added = row(line, kind, who && h("b", {}, `${who}: `), spans);
    const speed = store.clock.speed || 1;
    const age = Math.max(0, store.now() - entry.at) / speed;
    speaking.set(entry.sound_id ?? -entry.id, {
      ...{ element: added, from: entry.at, begin: performance.now() / 1000 - age, speed },
      words: shown.map(({ at }, index) => ({ at: at / speed, span: spans[index] })),
    });
    tick();
    timer ??= window.setInterval(tick, TICK);
  }

  /** Shows the words that are due. */
  function tick() {
    const now = performance.now() / 1000;
    for (const [id, { words: waiting, begin }] of speaking) {
      while (waiting.length > 0 && begin + waiting[0].at <= now) {
        waiting.shift()?.span.classList.add("now");
      }
      if (waiting.length === 0) speaking.delete(id);
    }
    if (speaking.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  /** @param {Entry} entry The end of a sound; words that were not spoken are removed. */
  function end({ sound_id, at, interrupted }) {
    const utterance = speaking.get(sound_id);
    if (!utterance) return;
    speaking.delete(sound_id);
    const lasted = (at - utterance.from) / utterance.speed;
    const cut = utterance.words.filter((word) => interrupted && word.at > lasted);
    for (const { span } of utterance.words) span.classList.add("now");
    for (const { span } of cut) span.remove();
    if (cut.length > 0) utterance.element.append("…");
  }

  /** @param {Line} line @param {Entry} entry */
  function sound(line, entry) {
    const details = entry.details ?? {};
    if (entry.sound === "talk") words(line, "heard", "", details.text ?? "", entry);
    else if (entry.sound === "stream") row(line, "heard aside", `Audio: ${fileOf(details.url)}`);
    else if (entry.sound === "dtmf") row(line, "heard aside", `DTMF: ${details.digits}`);
    else if (entry.sound === "beep") row(line, "heard aside", "Beep");
    else if (entry.sound === "ringing") row(line, "heard aside", "Ringback tone");
  }

  /** @param {Line} line @param {Entry} entry */
  function digits(line, { uuid, digit }) {
    const own = uuid === line.uuid;
    const before = last.get(line.uuid);
    if (before instanceof HTMLElement && before.dataset.digitsOf === uuid) {
      before.append(` ${digit}`);
      return;
    }
    const who = own ? "You press" : `${nameOf(uuid)} presses`;
    row(line, own ? "own aside" : "heard aside", `${who} ${digit}`).dataset.digitsOf = uuid;
  }

  /** @param {string|undefined} uuid */
  function nameOf(uuid) {
    const leg = store.legs.get(uuid ?? "");
    return (leg?.direction === "inbound" ? leg.from : leg?.to) || "Unknown";
  }

  /** @type {Record<string, (line: Line, entry: Entry) => void>} */
  const kinds = {
    sound(line, entry) {
      if (entry.heard_by?.includes(line.uuid)) sound(line, entry);
    },
    sound_ended: (line, entry) => end(entry),
    digit: digits,
    speech(line, entry) {
      const own = entry.uuid === line.uuid;
      words(line, own ? "own" : "heard", own ? "You" : nameOf(entry.uuid), entry.text, entry);
    },
    voice(line, entry) {
      if (entry.state !== "started") return;
      const own = entry.uuid === line.uuid;
      row(
        line,
        own ? "own aside" : "heard aside",
        own ? "You are speaking" : `${nameOf(entry.uuid)} is speaking`,
      );
    },
    leg(line, { uuid, status }) {
      if (uuid !== line.uuid) return;
      if (status === "ringing" && line.side === "caller") row(line, "remark", "Ringing");
      if (status === "answered") row(line, "remark", "Answered");
    },
    action(line, { uuid, action, state, details }) {
      if (uuid !== line.uuid || state !== "started") return;
      if (action === "conversation")
        row(line, "remark", `Joined the conversation ${details?.name ?? ""}`);
      if (action === "input") row(line, "remark", `Waiting for ${expectedInput(details)}`);
    },
    recording(line, { uuid, state }) {
      if (uuid === line.uuid)
        row(line, "remark", state === "ended" ? "Recording stopped" : "Recording");
    },
    modified(line, { action }) {
      if (/mute|earmuff/.test(action)) row(line, "remark", `API request: ${action}`);
    },
    error: (line, { reason }) => row(line, "remark bad", reason),
  };

  return {
    element,
    /** @param {Line} line @param {Entry} entry */
    receive(line, entry) {
      kinds[entry.kind]?.(line, entry);
    },
    /** Shows the rows of the lines that are heard, and why lines ended. */
    show() {
      for (const line of lines.all()) {
        if (lines.phase(line) !== "ended" || ended.has(line.uuid)) continue;
        ended.add(line.uuid);
        const answered = store.legs.get(line.uuid)?.answered_at != null;
        row(line, line.hungUp || answered ? "remark" : "remark bad", lines.why(line));
      }
      const heard = lines.all().filter(({ uuid }) => lines.isHeard(uuid));
      element.classList.toggle("several", heard.length > 1);
      for (const shown of [...element.children]) {
        const { line = "" } = /** @type {HTMLElement} */ (shown).dataset;
        if (lines.has(line)) /** @type {HTMLElement} */ (shown).hidden = !lines.isHeard(line);
        else shown.remove();
      }
      follow();
    },
  };
}

/** @param {any} details An input action; without a type it expects digits. */
function expectedInput(details) {
  const names = { dtmf: "digits", speech: "speech" };
  return [details?.type ?? "dtmf"]
    .flat()
    .map((type) => names[type] ?? type)
    .join(" or ");
}

/** @param {string|undefined} url */
function fileOf(url) {
  const path = (url ?? "").split(/[?#]/)[0];
  return path.split("/").pop() || "a file";
}
