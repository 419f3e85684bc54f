// What each line of the phone hears and says, as rows of text. Words of a prompt have the time at
// which they are spoken. Does not use the document.

import { spoken, timed } from "./speech-timing.js";

const MAX_ROWS = 300;

/**
 * @typedef {{uuid: string, side: string, own: string}} Line
 * @typedef {{id: number, line: string, kind: string, who: string, text: string,
 *   words: {text: string, at: number}[]|null, begin: number, speed: number, cutAt: number|null, digitsOf: string|null}} Said
 */

/** @param {{store: import("./store.js").Store, changed: () => void}} parts */
export function createTranscript({ store, changed }) {
  /** @type {Said[]} */
  let rows = [];
  /** @type {Map<number, Said>} rows of sounds that have not ended, by their sound_id */
  const speaking = new Map();
  let ids = 0;

  /** @param {Line} line @param {string} kind @param {string} text @param {Partial<Said>} [more] */
  function row(line, kind, text, more = {}) {
    const base = { who: "", words: null, begin: 0, speed: 1, cutAt: null, digitsOf: null };
    const added = { ...base, id: ++ids, line: line.uuid, kind, text, ...more };
    rows = [...rows.slice(-MAX_ROWS), added];
    changed();
    return added;
  }

  /** @param {Line} line @param {string} kind @param {string} who @param {string} text @param {any} entry */
  function words(line, kind, who, text, entry) {
    const shown = timed(spoken(text), entry.seconds ?? null);
    const speed = store.clock.speed || 1;
    const begin = performance.now() / 1000 - Math.max(0, store.now() - entry.at) / speed;
    const timedWords = shown.map(({ text: word, at }) => ({ text: word, at: at / speed }));
    const added = row(line, kind, text, { who, words: timedWords, begin, speed });
    if (entry.sound_id !== undefined)
      speaking.set(entry.sound_id, Object.assign(added, { at: entry.at }));
  }

  /** The end of a sound; words that were not spoken are not shown. @param {any} entry */
  function end({ sound_id, at, interrupted }) {
    const utterance = speaking.get(sound_id);
    speaking.delete(sound_id);
    if (!utterance) return;
    utterance.cutAt = interrupted ? (at - utterance.at) / utterance.speed : Infinity;
    changed();
  }

  /** @param {string|undefined} uuid */
  const nameOf = (uuid) => {
    const leg = store.legs.get(uuid ?? "");
    return (leg?.direction === "inbound" ? leg.from : leg?.to) || "Unknown";
  };

  /** @param {Line} line @param {any} entry */
  function sound(line, entry) {
    const details = entry.details ?? {};
    const texts = {
      stream: `Audio: ${(details.url ?? "").split(/[?#]/)[0].split("/").pop() || "a file"}`,
      dtmf: `Keys ${details.digits}`,
      beep: "Beep",
      ringing: "Ringing tone",
    };
    if (entry.sound === "talk") words(line, "heard", "", details.text ?? "", entry);
    else if (entry.sound in texts) row(line, "note", texts[entry.sound]);
  }

  /** Keys pressed one after the other share a row. @param {Line} line @param {any} entry */
  function digit(line, { uuid, digit: key }) {
    const before = rows.findLast((one) => one.line === line.uuid);
    if (before?.digitsOf === uuid) {
      before.text += ` ${key}`;
      return changed();
    }
    const own = uuid === line.uuid;
    const text = own ? `You pressed ${key}` : `${nameOf(uuid)} pressed ${key}`;
    return row(line, own ? "own key" : "heard key", text, { digitsOf: uuid });
  }

  /** @type {Record<string, (line: Line, entry: any) => void>} */
  const kinds = {
    sound: (line, entry) => void (entry.heard_by?.includes(line.uuid) && sound(line, entry)),
    sound_ended: (_, entry) => end(entry),
    digit,
    speech(line, entry) {
      const own = entry.uuid === line.uuid;
      words(line, own ? "own" : "heard", own ? "" : nameOf(entry.uuid), entry.text, entry);
    },
    voice(line, { state, uuid }) {
      if (state !== "started") return;
      const own = uuid === line.uuid;
      row(line, own ? "own" : "heard", own ? "(your voice)" : "(voice)", {
        who: own ? "" : nameOf(uuid),
      });
    },
    leg(line, { uuid, status, from }) {
      if (uuid !== line.uuid) return;
      if (status === "ringing" && line.side === "caller") row(line, "note", "Ringing…");
      if (status === "ringing" && line.side === "callee")
        row(line, "note", `${from || "Somebody"} called you`);
      if (status === "answered")
        row(line, "note", line.side === "caller" ? "Answered" : "You answered");
    },
    action(line, { uuid, action, state, details }) {
      if (uuid !== line.uuid || state !== "started") return;
      if (action === "conversation")
        row(line, "note", `Joined the conversation ${details?.name ?? ""}`);
      if (action === "input") row(line, "note", `Waiting for ${expected(details)}`);
    },
    recording(line, { uuid, state }) {
      if (uuid === line.uuid)
        row(line, "note recording", state === "ended" ? "Recording ended" : "Recording started");
    },
    modified(line, { uuid, action }) {
      if (uuid === line.uuid && /mute|earmuff/.test(action))
        row(line, "note", `The application asked for: ${action}`);
    },
    error: (line, { uuid, reason }) => void (uuid === line.uuid && row(line, "note bad", reason)),
  };

  return {
    /** @param {Line} line @param {any} entry */
    receive: (line, entry) => kinds[entry.kind]?.(line, entry),
    /** @param {Line} line @param {string} text Why the line ended. */
    ended: (line, text, isFailure = false) => void row(line, isFailure ? "note bad" : "note", text),
    /** @param {(uuid: string) => boolean} isKept */
    drop(isKept) {
      rows = rows.filter((one) => isKept(one.line));
    },
    rows: () => rows,
  };
}

/** @param {any} details An input action; without a type it expects digits. */
function expected(details) {
  const names = { dtmf: "a key", speech: "speech" };
  return [details?.type ?? "dtmf"]
    .flat()
    .map((type) => names[type] ?? type)
    .join(" or ");
}
