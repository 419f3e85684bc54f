// Lets the lines be heard: what the platform plays and says on them, their tones, other people.
// @ts-check

import { spoken } from "./speech-timing.js";

/**
 * @typedef {import("./phone-lines.js").Line} Line
 * @typedef {import("./store.js").Entry} Entry
 */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").Lines} parts.lines
 * @param {typeof import("./api.js")} parts.api
 * @param {import("./web-audio.js").Sound} parts.sound
 * @param {import("./speech-synthesis.js").Voice} parts.voice
 */
export function createHearing({ store, lines, api, sound, voice }) {
  /** @type {Map<number, Promise<(interrupted: boolean) => void>>} how to stop each sound */
  const playing = new Map();
  /** @type {Map<string, {phase: string, stop: () => void}>} each line's state and its tone */
  const states = new Map();
  let quiet = false;

  /** @param {Entry} entry Seconds since it happened. */
  const ageOf = ({ at }) => Math.max(0, store.now() - at);

  /** @param {Line} line @param {Entry} entry */
  function begin(line, entry) {
    if (entry.seconds !== null && ageOf(entry) >= entry.seconds) return;
    const how = kinds[entry.sound];
    if (how) playing.set(entry.sound_id, Promise.resolve(how(line, entry)));
  }

  /** @type {Record<string, (line: Line, entry: Entry) => any>} */
  const kinds = {
    talk(line, { details }) {
      say(line, details.text, details.language);
      // A voice of this machine may be slower than the platform's: it may end its sentence.
      return (/** @type {boolean} */ interrupted) => interrupted && voice.stop(line.uuid);
    },
    async stream(line, entry) {
      const path = `/sim/audio?${new URLSearchParams({ url: entry.details.url })}`;
      const bytes = await api.getBytes(path);
      return bytes ? sound.file(line.uuid, bytes, entry.seconds, () => ageOf(entry)) : () => {};
    },
    ringing: (line) => sound.ringback(line.uuid),
    beep: (line, { seconds }) => sound.beep(line.uuid, seconds),
    dtmf(line, { details }) {
      const timers = [...details.digits].map((digit, index) =>
        setTimeout(() => sound.dtmf(line.uuid, digit), index * 200),
      );
      return () => timers.forEach(clearTimeout);
    },
  };

  /** @param {Entry} entry */
  function stop({ sound_id, interrupted }) {
    const known = playing.get(sound_id);
    playing.delete(sound_id);
    void known?.then((how) => how(interrupted));
  }

  /** @param {Line} line @param {string} text @param {string} language */
  function say(line, text, language, number = 0) {
    if (!quiet && lines.isHeard(line.uuid))
      voice.say(line.uuid, spoken(text).text, language, number);
  }

  /** @param {Line} line Begins the tone of a state: ringing, or ended by somebody else. */
  function beginTone(line, /** @type {string} */ phase) {
    if (phase === "calling" && line.side === "caller") return sound.ringback(line.uuid);
    if (phase === "ended" && !line.hungUp) return sound.busy(line.uuid);
    return () => {};
  }

  /** @param {Line} line */
  function followState(line) {
    const phase = store.link === "lost" ? "lost" : lines.phase(line);
    if (states.get(line.uuid)?.phase === phase) return;
    states.get(line.uuid)?.stop();
    states.set(line.uuid, { phase, stop: beginTone(line, phase) });
    if (phase === "ended") voice.stop(line.uuid);
  }

  /** Forgets the lines that are no longer held. */
  function tidy() {
    for (const [uuid, { stop: silence }] of states) {
      if (lines.holds(uuid)) continue;
      silence();
      states.delete(uuid);
    }
  }

  return {
    /** @param {Line} line @param {Entry} entry */
    take(line, entry) {
      if (entry.kind === "sound" && entry.heard_by?.includes(line.uuid)) begin(line, entry);
      else if (entry.kind === "sound_ended" && entry.uuid === line.uuid) stop(entry);
      else if (entry.uuid === line.uuid || ageOf(entry) > 2) return;
      else if (entry.kind === "digit") sound.dtmf(line.uuid, entry.digit);
      else if (entry.kind === "speech") say(line, entry.text, document.documentElement.lang, 1);
    },
    /** Follows the lines: which are heard, which ring, which have ended. */
    update() {
      sound.update();
      for (const line of lines.all()) {
        followState(line);
        if (!lines.isHeard(line.uuid)) voice.stop(line.uuid);
      }
      tidy();
    },
    /** @param {boolean} on */
    setQuiet(on) {
      quiet = on;
      sound.setQuiet(on);
      if (on) for (const line of lines.all()) voice.stop(line.uuid);
    },
  };
}
