// The softphone: creates its parts and updates them when the store changes.
// @ts-check

import { createActiveCall } from "./active-call.js";
import { createDialForm } from "./dial-form.js";
import { fill, h, write } from "./dom.js";
import { createLineEvents } from "./line-events.js";
import { createCallAudio } from "./call-audio.js";
import { createIncomingCalls } from "./incoming-calls.js";
import { createPhoneLines } from "./phone-lines.js";
import { speedNote } from "./call-messages.js";
import { preferences } from "./preferences.js";
import { createWebAudio, isTouched } from "./web-audio.js";
import { createMicrophoneToggle } from "./microphone-toggle.js";
import { createTranscript } from "./transcript.js";
import { createSpeechSynthesis } from "./speech-synthesis.js";
import { createAudioSockets } from "./audio-sockets.js";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js"),
 *   send: (message: any) => void}} parts
 */
export function mount(root, { store, api, send }) {
  const lines = createPhoneLines({ store, api });
  const audio = createWebAudio(lines.isHeard);
  const synthesizer = createSpeechSynthesis(show);
  const callAudio = createCallAudio({ store, lines, api, audio, synthesizer });
  const transcript = createTranscript({ store, lines });
  const sockets = createAudioSockets({ store, lines, audio });
  const microphone = createMicrophoneToggle({ store, sockets });
  const activeCall = createActiveCall({ store, lines, audio, transcript: transcript.element });
  const { focus } = activeCall;
  const incoming = createIncomingCalls({ store, api, lines, audio, send, answered: focus });
  const dialForm = createDialForm({ store, lines, called: focus });
  const soundOff = createSoundOff(callAudio);
  const problem = h("p", { class: "note bad", role: "alert" });
  const speed = h("p", { class: "note warn", role: "status" });
  const blocked = h("p", { class: "note" });
  const noVoice = h("p", { class: "small muted" });

  const deliver = createLineEvents({
    store,
    lines,
    receive(line, entry) {
      transcript.receive(line, entry);
      callAudio.receive(line, entry);
    },
  });

  function show() {
    deliver();
    callAudio.update();
    sockets.update();
    for (const part of [incoming, transcript, activeCall, dialForm]) part.show();
    microphone.update();
    writeOrHide(problem, lines.problem());
    writeOrHide(speed, store.clock.speed === 1 ? "" : speedNote(store.clock.speed));
    const isBlocked = lines.all().length > 0 && !isTouched();
    writeOrHide(blocked, isBlocked ? "Click the page or press a key to hear this call." : "");
    writeOrHide(
      noVoice,
      synthesizer.hasVoice() ? "" : "This browser has no speech voice. Prompts appear as text.",
    );
  }

  fill(
    root,
    h("h2", {}, "Softphone"),
    h("div", { class: "stack" }, problem, speed, blocked, incoming.element, activeCall.element),
    h("div", { class: "card stack" }, dialForm.element),
    h("div", { class: "phone-options" }, soundOff, incoming.option, microphone.element, noVoice),
  );
  void audio.touched.then(show);
  lines.subscribe(show);
  for (const kind of ["frame", "link", "stack", "clock", "reset"]) store.subscribe(kind, show);
  show();
}

/** @param {ReturnType<typeof createCallAudio>} callAudio */
function createSoundOff(callAudio) {
  const box = h("input", { type: "checkbox", on: { change: follow } });
  box.checked = preferences.get("quiet", false);
  function follow() {
    preferences.set("quiet", box.checked);
    callAudio.setQuiet(box.checked);
  }
  follow();
  return h("label", { class: "check" }, box, "Turn off sound");
}

/** @param {HTMLElement} element @param {string} text */
function writeOrHide(element, text) {
  write(element, text);
  element.hidden = !text;
}
