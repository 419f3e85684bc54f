// What is heard and said on the lines, in words: those of the platform appear as they are said.
// @ts-check

import { h } from "./dom.js";
import { spoken, timed } from "./speech-timing.js";

const TICK = 80; // milliseconds
const KEPT = 500; // rows
const NEAR = 40; // pixels

/**
 * @typedef {import("./phone-lines.js").Line} Line
 * @typedef {import("./store.js").Entry} Entry
 * @typedef {{element: HTMLElement, begin: number, from: number, speed: number,
 *   words: {at: number, span: HTMLElement}[]}} Saying
 */

/** @param {{store: import("./store.js").Store, lines: import("./phone-lines.js").Lines}} parts */
export function createTranscript({ store, lines }) {
  const element = h("div", {
    ...{ class: "heard-log", role: "log", tabindex: 0, "aria-label": "What you hear" },
  });
  /** @type {Map<string, Element>} */
  const last = new Map();
  /** @type {Set<string>} */
  const ended = new Set();
  /** @type {Map<number, Saying>} what is being said, by sound */
  const saying = new Map();
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
    if (element.children.length > KEPT) element.children[0].remove();
    follow();
    return added;
  }

  /** Keeps the newest row in sight, unless somebody has gone back to read. */
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
    saying.set(entry.sound_id ?? -entry.id, {
      ...{ element: added, from: entry.at, begin: performance.now() / 1000 - age, speed },
      words: shown.map(({ at }, index) => ({ at: at / speed, span: spans[index] })),
    });
    tick();
    timer ??= window.setInterval(tick, TICK);
  }

  /** Shows the words whose time has come. */
  function tick() {
    const now = performance.now() / 1000;
    for (const [id, { words: waiting, begin }] of saying) {
      while (waiting.length > 0 && begin + waiting[0].at <= now) {
        waiting.shift()?.span.classList.add("now");
      }
      if (waiting.length === 0) saying.delete(id);
    }
    if (saying.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  /** @param {Entry} entry The end of a sound: what was not said till then is not shown. */
  function end({ sound_id, at, interrupted }) {
    const known = saying.get(sound_id);
    if (!known) return;
    saying.delete(sound_id);
    const lasted = (at - known.from) / known.speed;
    const cut = known.words.filter((word) => interrupted && word.at > lasted);
    for (const { span } of known.words) span.classList.add("now");
    for (const { span } of cut) span.remove();
    if (cut.length > 0) known.element.append("…");
  }

  /** @param {Line} line @param {Entry} entry */
  function sound(line, entry) {
    const details = entry.details ?? {};
    if (entry.sound === "talk") words(line, "heard", "", details.text ?? "", entry);
    else if (entry.sound === "stream") row(line, "heard aside", `Plays ${fileOf(details.url)}`);
    else if (entry.sound === "dtmf") row(line, "heard aside", `Tones ${details.digits}`);
    else if (entry.sound === "beep") row(line, "heard aside", "Beep");
    else if (entry.sound === "ringing") row(line, "heard aside", "It rings at the other end");
  }

  /** @param {Line} line @param {Entry} entry */
  function keys(line, { uuid, digit }) {
    const own = uuid === line.uuid;
    const before = last.get(line.uuid);
    if (before instanceof HTMLElement && before.dataset.keysOf === uuid) {
      before.append(` ${digit}`);
      return;
    }
    const who = own ? "You press" : `${nameOf(uuid)} presses`;
    row(line, own ? "own aside" : "heard aside", `${who} ${digit}`).dataset.keysOf = uuid;
  }

  /** @param {string|undefined} uuid */
  function nameOf(uuid) {
    const leg = store.legs.get(uuid ?? "");
    return (leg?.direction === "inbound" ? leg.from : leg?.to) || "Somebody";
  }

  /** @type {Record<string, (line: Line, entry: Entry) => void>} */
  const kinds = {
    sound(line, entry) {
      if (entry.heard_by?.includes(line.uuid)) sound(line, entry);
    },
    sound_ended: (line, entry) => end(entry),
    digit: keys,
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
        own ? "You speak" : `${nameOf(entry.uuid)} speaks`,
      );
    },
    leg(line, { uuid, status }) {
      if (uuid !== line.uuid) return;
      if (status === "ringing" && line.side === "caller") row(line, "remark", "It rings");
      if (status === "answered") row(line, "remark", "Answered");
    },
    action(line, { uuid, action, state, details }) {
      if (uuid !== line.uuid || state !== "started") return;
      if (action === "conversation") row(line, "remark", `In the conversation ${details?.name ?? ""}`);
      if (action === "input") row(line, "remark", `The line waits for ${awaited(details)}`);
    },
    recording(line, { uuid, state }) {
      if (uuid === line.uuid)
        row(line, "remark", state === "ended" ? "Recording ended" : "Recording");
    },
    modified(line, { action }) {
      if (/mute|earmuff/.test(action)) row(line, "remark", `The application: ${action}`);
    },
    error: (line, { reason }) => row(line, "remark bad", reason),
  };

  return {
    element,
    /** @param {Line} line @param {Entry} entry */
    take(line, entry) {
      kinds[entry.kind]?.(line, entry);
    },
    /** Shows what belongs to the lines that are heard, and how ended lines ended. */
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
        if (lines.holds(line)) /** @type {HTMLElement} */ (shown).hidden = !lines.isHeard(line);
        else shown.remove();
      }
      follow();
    },
  };
}

/** @param {any} details An input action; without a type it takes keys. */
function awaited(details) {
  const names = { dtmf: "keys", speech: "speech" };
  return [details?.type ?? "dtmf"].flat().map((type) => names[type] ?? type).join(" or ");
}

/** @param {string|undefined} url */
function fileOf(url) {
  const path = (url ?? "").split(/[?#]/)[0];
  return path.split("/").pop() || "a file";
}
