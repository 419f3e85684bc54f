// Plays the audio of the active lines: prompts, files, tones, and other participants.
// @ts-check

import { spoken } from "./speech-timing.js";

/**
 * @typedef {import("./phone-lines.js").Line} Line
 * @typedef {import("./store.js").Entry} Entry
 */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").PhoneLines} parts.lines
 * @param {typeof import("./api.js")} parts.api
 * @param {import("./web-audio.js").WebAudio} parts.audio
 * @param {import("./speech-synthesis.js").SpeechSynthesizer} parts.synthesizer
 */
export function createCallAudio({ store, lines, api, audio, synthesizer }) {
  /** @type {Map<number, Promise<(interrupted: boolean) => void>>} how to stop each sound */
  const playing = new Map();
  /** @type {Map<string, {phase: string, stop: () => void}>} each line's phase and its tone */
  const states = new Map();
  let quiet = false;

  /** @param {Entry} entry Returns the seconds since it happened. */
  const ageOf = ({ at }) => Math.max(0, store.now() - at);

  /** @param {Line} line @param {Entry} entry */
  function start(line, entry) {
    if (entry.seconds !== null && ageOf(entry) >= entry.seconds) return;
    const play = players[entry.sound];
    if (play) playing.set(entry.sound_id, Promise.resolve(play(line, entry)));
  }

  /** @type {Record<string, (line: Line, entry: Entry) => any>} */
  const players = {
    talk(line, { details }) {
      say(line, details.text, details.language);
      // A local voice can be slower than the simulated one, so let it finish its sentence.
      return (/** @type {boolean} */ interrupted) => interrupted && synthesizer.stop(line.uuid);
    },
    async stream(line, entry) {
      const path = `/sim/audio?${new URLSearchParams({ url: entry.details.url })}`;
      const bytes = await api.getBytes(path);
      return bytes ? audio.file(line.uuid, bytes, entry.seconds, () => ageOf(entry)) : () => {};
    },
    ringing: (line) => audio.ringback(line.uuid),
    beep: (line, { seconds }) => audio.beep(line.uuid, seconds),
    dtmf(line, { details }) {
      const timers = [...details.digits].map((digit, index) =>
        setTimeout(() => audio.dtmf(line.uuid, digit), index * 200),
      );
      return () => timers.forEach(clearTimeout);
    },
  };

  /** @param {Entry} entry */
  function stop({ sound_id, interrupted }) {
    const stopping = playing.get(sound_id);
    playing.delete(sound_id);
    void stopping?.then((stopSound) => stopSound(interrupted));
  }

  /** @param {Line} line @param {string} text @param {string} language */
  function say(line, text, language, number = 0) {
    if (!quiet && lines.isHeard(line.uuid))
      synthesizer.say(line.uuid, spoken(text).text, language, number);
  }

  /** Starts a phase's tone: ringback, or busy if the other side ended it. @param {Line} line */
  function startTone(line, /** @type {string} */ phase) {
    if (phase === "calling" && line.side === "caller") return audio.ringback(line.uuid);
    if (phase === "ended" && !line.hungUp) return audio.busy(line.uuid);
    return () => {};
  }

  /** @param {Line} line */
  function updateTone(line) {
    const phase = store.link === "lost" ? "lost" : lines.phase(line);
    if (states.get(line.uuid)?.phase === phase) return;
    states.get(line.uuid)?.stop();
    states.set(line.uuid, { phase, stop: startTone(line, phase) });
    if (phase === "ended") synthesizer.stop(line.uuid);
  }

  /** Stops the tones of closed lines. */
  function removeClosed() {
    for (const [uuid, { stop: stopTone }] of states) {
      if (lines.has(uuid)) continue;
      stopTone();
      states.delete(uuid);
    }
  }

  return {
    /** @param {Line} line @param {Entry} entry */
    receive(line, entry) {
      if (entry.kind === "sound" && entry.heard_by?.includes(line.uuid)) start(line, entry);
      else if (entry.kind === "sound_ended" && entry.uuid === line.uuid) stop(entry);
      else if (entry.uuid === line.uuid || ageOf(entry) > 2) return;
      else if (entry.kind === "digit") audio.dtmf(line.uuid, entry.digit);
      else if (entry.kind === "speech") say(line, entry.text, document.documentElement.lang, 1);
    },
    /** Updates tones and speech after the lines have changed. */
    update() {
      audio.update();
      for (const line of lines.all()) {
        updateTone(line);
        if (!lines.isHeard(line.uuid)) synthesizer.stop(line.uuid);
      }
      removeClosed();
    },
    /** @param {boolean} on */
    setQuiet(on) {
      quiet = on;
      audio.setQuiet(on);
      if (on) for (const line of lines.all()) synthesizer.stop(line.uuid);
    },
  };
}
