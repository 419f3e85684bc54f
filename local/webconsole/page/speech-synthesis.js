// Speaking by the browser's speech synthesis, with voices of this machine only: others would send
// what is said to somebody else.
// @ts-check

import { isTouched } from "./web-audio.js";

/** @typedef {ReturnType<typeof createVoice>} Voice */

/** @param {() => void} changed Called when the browser has found its voices. */
export function createVoice(changed) {
  const synthesis = window.speechSynthesis;
  /** @type {Map<string, SpeechSynthesisUtterance>} what each line is saying */
  const speaking = new Map();
  synthesis?.addEventListener?.("voiceschanged", changed);

  const local = () => (synthesis?.getVoices() ?? []).filter((voice) => voice.localService);

  /** @param {string} language @param {number} number Which of the fitting voices. */
  function choose(language, number) {
    const voices = local();
    const wanted = language.toLowerCase();
    const spoken = (/** @type {SpeechSynthesisVoice} */ { lang }) =>
      lang.toLowerCase().replace("_", "-");
    const exact = voices.filter((voice) => spoken(voice) === wanted);
    const near = voices.filter((voice) => spoken(voice).split("-")[0] === wanted.split("-")[0]);
    const fitting = [exact, near, voices].find((some) => some.length > 0) ?? [];
    return fitting[number % fitting.length];
  }

  /** @param {string} line */
  function stop(line) {
    if (!speaking.delete(line)) return;
    // The queue is one for all lines: what the others say now is lost with it.
    synthesis.cancel();
  }

  return {
    stop,
    isThere: () => local().length > 0,
    /**
     * Says a text; what the line said before ends.
     *
     * @param {string} line
     * @param {string} text
     * @param {string} language
     * @param {number} [number] Another number is another voice, where there are several.
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
