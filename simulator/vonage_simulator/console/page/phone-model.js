// The phone: its lines, their transcripts and audio, incoming calls and the microphone. Each change
// calls the listeners. Does not use the document.

import { createAudioSockets } from "./audio-sockets.js";
import { createCallAudio } from "./call-audio.js";
import { createIncoming } from "./incoming.js";
import { createLineEvents } from "./line-events.js";
import { MicrophoneError, openMicrophone } from "./microphone.js";
import { createPhoneLines } from "./phone-lines.js";
import { preferences } from "./preferences.js";
import { recognizeSpeech } from "./speech-recognition.js";
import { createSpeechSynthesis } from "./speech-synthesis.js";
import { createTranscript } from "./transcript.js";
import { createWebAudio, isTouched } from "./web-audio.js";

/** @typedef {ReturnType<typeof createPhone>} Phone */

/** @param {{store: import("./store.js").Store, api: any, send: (message: any) => void}} parts */
export function createPhone({ store, api, send }) {
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {Set<string>} lines whose end is in the transcript */
  const ended = new Set();
  let isWaiting = false;
  let isQuiet = preferences.get("quiet", false);

  /** Tells the listeners once per task. */
  function changed() {
    if (isWaiting) return;
    isWaiting = true;
    queueMicrotask(() => {
      isWaiting = false;
      for (const listener of listeners) listener();
    });
  }

  const lines = createPhoneLines({ store, api });
  const audio = createWebAudio(lines.isHeard);
  const synthesizer = createSpeechSynthesis(changed);
  const callAudio = createCallAudio({ store, lines, api, audio, synthesizer });
  const transcript = createTranscript({ store, changed });
  const sockets = createAudioSockets({ store, lines, audio });
  const incoming = createIncoming({ store, api, lines, audio, send, changed });
  const microphone = createMicrophone(store, sockets, changed);
  const deliver = createLineEvents({
    store,
    lines,
    receive(line, entry) {
      transcript.receive(line, entry);
      callAudio.receive(line, entry);
    },
  });

  function update() {
    deliver();
    callAudio.update();
    sockets.update();
    incoming.update();
    microphone.update();
    for (const line of lines.all()) {
      if (lines.phase(line) !== "ended" || ended.has(line.uuid)) continue;
      ended.add(line.uuid);
      const wasAnswered = store.legs.get(line.uuid)?.answered_at != null;
      transcript.ended(line, lines.why(line), !line.hungUp && !wasAnswered);
    }
    transcript.drop(lines.has);
    changed();
  }

  callAudio.setQuiet(isQuiet);
  void audio.touched.then(update);
  lines.subscribe(update);
  for (const kind of ["frame", "link", "stack", "clock", "reset"]) store.subscribe(kind, update);

  return {
    ...{ lines, incoming, microphone, transcript },
    hasVoice: synthesizer.hasVoice,
    isBlocked: () => lines.all().length > 0 && !isTouched(),
    isQuiet: () => isQuiet,
    setQuiet(on) {
      isQuiet = on;
      preferences.set("quiet", on);
      callAudio.setQuiet(on);
      changed();
    },
    /** @param {string} digit A key of the selected line. */
    press(digit) {
      const line = lines.selected();
      if (!line || lines.phase(line) !== "talking") return;
      audio.dtmf(line.uuid, digit);
      lines.press(line, digit);
    },
    /** @param {() => void} listener @returns {() => void} */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** The microphone, and speech recognition where the browser has it on this machine. */
function createMicrophone(store, sockets, changed) {
  /** @type {(() => void)[]} */
  let closing = [];
  let isOn = false;
  let note = "";

  const say = (text) => {
    note = text;
    changed();
  };

  function close() {
    for (const end of closing) end();
    closing = [];
  }

  async function setOn(on) {
    close();
    isOn = on;
    if (!on) return say("");
    say("Asking for the microphone…");
    try {
      closing.push(await openMicrophone(sockets.sendAudio));
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      isOn = false;
      return say(`${error.message} You can type what you say instead.`);
    }
    const stop = await recognizeSpeech(navigator.language, sockets.sendText).catch(() => null);
    if (stop) closing.push(stop);
    if (!isOn) return close();
    return say(
      stop
        ? "The microphone is on. Speech is recognized on this machine."
        : "The microphone is on for the call’s audio. Type what a flow needs to understand.",
    );
  }

  return {
    ...{ setOn },
    isOn: () => isOn,
    note: () => note,
    isPossible: () => store.clock.speed === 1,
    /** Turns it off unless the simulator's clock runs in real time. */
    update() {
      if (isOn && store.clock.speed !== 1) void setOn(false);
    },
  };
}
