// The checkbox "Use the microphone": the microphone, and where the browser can, recognised speech.
// @ts-check

import { h, write } from "./dom.js";
import { MicrophoneError, openMicrophone } from "./microphone.js";
import { recognise } from "./speech-recognition.js";

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./audio-sockets.js").Voices} parts.voices
 */
export function createSpeaking({ store, voices }) {
  const box = h("input", { type: "checkbox", on: { change: () => void toggle() } });
  const state = h("p", { class: "small muted", role: "status" });
  const element = h("div", {}, h("label", { class: "check" }, box, "Use the microphone"), state);
  /** @type {(() => void)[]} */
  let closing = [];

  async function toggle() {
    close();
    if (!box.checked) return write(state, "");
    write(state, "Asking for the microphone …");
    try {
      closing.push(await openMicrophone(voices.speak));
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      box.checked = false;
      return write(state, `${error.message} Type what you say instead.`);
    }
    const stop = await recognise(navigator.language, voices.mean).catch(() => null);
    if (stop) closing.push(stop);
    if (!box.checked) return close();
    return write(
      state,
      stop
        ? "The microphone is on, and speech is recognised on this machine."
        : "The microphone is on. What you say is recorded; type words that are to be understood.",
    );
  }

  function close() {
    for (const end of closing) end();
    closing = [];
  }

  return {
    element,
    /** Closes the microphone while the platform's clock does not run as ours does. */
    update() {
      const possible = store.clock.speed === 1;
      if (!possible && box.checked) {
        box.checked = false;
        void toggle();
      }
      if (box.disabled === possible) box.disabled = !possible;
    },
  };
}
