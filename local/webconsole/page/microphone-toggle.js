// The checkbox "Use the microphone": opens the microphone and, if available, speech recognition.
// @ts-check

import { h, write } from "./dom.js";
import { MicrophoneError, openMicrophone } from "./microphone.js";
import { recognizeSpeech } from "./speech-recognition.js";

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./audio-sockets.js").AudioSockets} parts.sockets
 */
export function createMicrophoneToggle({ store, sockets }) {
  const box = h("input", { type: "checkbox", on: { change: () => void toggle() } });
  const state = h("p", { class: "small muted", role: "status" });
  const element = h("div", {}, h("label", { class: "check" }, box, "Use the microphone"), state);
  /** @type {(() => void)[]} */
  let closing = [];

  async function toggle() {
    close();
    if (!box.checked) return write(state, "");
    write(state, "Requesting microphone access…");
    try {
      closing.push(await openMicrophone(sockets.sendAudio));
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      box.checked = false;
      return write(state, `${error.message} You can type what you say instead.`);
    }
    const stop = await recognizeSpeech(navigator.language, sockets.sendText).catch(() => null);
    if (stop) closing.push(stop);
    if (!box.checked) return close();
    return write(
      state,
      stop
        ? "The microphone is on. Speech is recognized on this machine."
        : "The microphone is on for the call's audio. Type what a flow needs to understand.",
    );
  }

  function close() {
    for (const end of closing) end();
    closing = [];
  }

  return {
    element,
    /** Turns the microphone off unless the simulator's clock runs in real time. */
    update() {
      const isPossible = store.clock.speed === 1;
      if (!isPossible && box.checked) {
        box.checked = false;
        void toggle();
      }
      if (box.disabled === isPossible) box.disabled = !isPossible;
    },
  };
}
