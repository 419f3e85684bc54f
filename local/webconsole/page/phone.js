// The phone: puts its parts together and has them follow what happens on the platform.
// @ts-check

import { createConversation } from "./active-call.js";
import { createDial } from "./dial-form.js";
import { fill, h, write } from "./dom.js";
import { createFeed } from "./line-events.js";
import { createHearing } from "./call-audio.js";
import { createIncoming } from "./incoming-calls.js";
import { createLines } from "./phone-lines.js";
import { speedNote } from "./call-messages.js";
import { choices } from "./preferences.js";
import { createSound, isTouched } from "./web-audio.js";
import { createSpeaking } from "./microphone-toggle.js";
import { createTranscript } from "./transcript.js";
import { createVoice } from "./speech-synthesis.js";
import { createVoices } from "./audio-sockets.js";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js"),
 *   send: (message: any) => void}} parts
 */
export function mount(root, { store, api, send }) {
  const lines = createLines({ store, api });
  const sound = createSound(lines.isHeard);
  const voice = createVoice(show);
  const hearing = createHearing({ store, lines, api, sound, voice });
  const transcript = createTranscript({ store, lines });
  const voices = createVoices({ store, lines, sound });
  const speaking = createSpeaking({ store, voices });
  const conversation = createConversation({ store, lines, sound, transcript: transcript.element });
  const focus = conversation.focus;
  const incoming = createIncoming({ store, api, lines, sound, send, answered: focus });
  const dial = createDial({ store, lines, called: focus });
  const quiet = createQuiet(hearing);
  const problem = h("p", { class: "note bad", role: "alert" });
  const speed = h("p", { class: "note warn", role: "status" });
  const silent = h("p", { class: "note" });
  const noVoice = h("p", { class: "small muted" });

  const feed = createFeed({
    store,
    lines,
    take(line, entry) {
      transcript.take(line, entry);
      hearing.take(line, entry);
    },
  });

  function show() {
    feed();
    hearing.update();
    voices.update();
    for (const part of [incoming, transcript, conversation, dial]) part.show();
    speaking.update();
    tell(problem, lines.problem());
    tell(speed, store.clock.speed === 1 ? "" : speedNote(store.clock.speed));
    const isMute = lines.all().length > 0 && !isTouched();
    tell(silent, isMute ? "Click, or press a key, to hear this call." : "");
    tell(noVoice, voice.isThere() ? "" : "This browser has no voice of its own: words are shown.");
  }

  fill(
    root,
    h("h2", {}, "Phone"),
    h("div", { class: "stack" }, problem, speed, silent, incoming.element, conversation.element),
    h("div", { class: "card stack" }, dial.element),
    h("div", { class: "phone-options" }, quiet, incoming.option, speaking.element, noVoice),
  );
  void sound.touched.then(show);
  lines.subscribe(show);
  for (const kind of ["frame", "link", "stack", "clock", "reset"]) store.subscribe(kind, show);
  show();
}

/** @param {ReturnType<typeof createHearing>} hearing */
function createQuiet(hearing) {
  const box = h("input", { type: "checkbox", on: { change: follow } });
  box.checked = choices.get("quiet", false);
  function follow() {
    choices.set("quiet", box.checked);
    hearing.setQuiet(box.checked);
  }
  follow();
  return h("label", { class: "check" }, box, "Quiet");
}

/** @param {HTMLElement} place @param {string} text */
function tell(place, text) {
  write(place, text);
  place.hidden = !text;
}
