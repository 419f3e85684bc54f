// Text-to-speech with voices on this machine only: other voices would send the text to a service.
// @ts-check

import { isTouched } from "./web-audio.js";

/** @typedef {ReturnType<typeof createSpeechSynthesis>} SpeechSynthesizer */

/** @param {() => void} changed Called when the browser has loaded its voices. */
export function createSpeechSynthesis(changed) {
  const synthesis = window.speechSynthesis;
  /** @type {Map<string, SpeechSynthesisUtterance>} the current utterance of each line */
  const speaking = new Map();
  synthesis?.addEventListener?.("voiceschanged", changed);

  const local = () => (synthesis?.getVoices() ?? []).filter((voice) => voice.localService);

  /** @param {string} language @param {number} number Which of the matching voices. */
  function choose(language, number) {
    const voices = local();
    const target = language.toLowerCase();
    const tagOf = (/** @type {SpeechSynthesisVoice} */ { lang }) =>
      lang.toLowerCase().replace("_", "-");
    const exact = voices.filter((voice) => tagOf(voice) === target);
    const near = voices.filter((voice) => tagOf(voice).split("-")[0] === target.split("-")[0]);
    const matching = [exact, near, voices].find((some) => some.length > 0) ?? [];
    return matching[number % matching.length];
  }

  /** @param {string} line */
  function stop(line) {
    if (!speaking.delete(line)) return;
    // All lines share one queue, so this stops the speech of other lines too.
    synthesis.cancel();
  }

  return {
    stop,
    hasVoice: () => local().length > 0,
    /**
     * Speaks a text, and stops the line's previous one.
     *
     * @param {string} line
     * @param {string} text
     * @param {string} language
     * @param {number} [number] Selects another voice if there are several.
     */
    say(line, text, language, number = 0) {
      const voice = choose(language, number);
      if (!voice || !text || !isTouched()) return;
      stop(line);
      const utterance = new SpeechSynthesisUtterance(text);
      utterance.voice = voice;
      utterance.lang = voice.lang;
      const done = () => speaking.get(line) === utterance && speaking.delete(line);
      utterance.addEventListener("end", done);
      utterance.addEventListener("error", done);
      speaking.set(line, utterance);
      synthesis.speak(utterance);
    },
  };
}
