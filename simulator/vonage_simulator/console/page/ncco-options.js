// The meaning of each option of each NCCO action, with its value and range (Vonage NCCO reference).

import { clip, joined, plural, seconds, times } from "./format.js";

const yes = (value) => value === true || value === "true";
const first = (value) => (Array.isArray(value) ? value[0] : value);
const text = (value) => clip(typeof value === "string" ? value : JSON.stringify(value), 80);
const list = (value) => joined([value].flat().map(text));

const callback = {
  eventUrl: (v) => `The result is sent to ${text(first(v))}`,
  eventMethod: (v) => `Sent as ${v}; default POST`,
};

const playing = {
  bargeIn: (v) => (yes(v) ? "A digit or speech stops it" : "Digits and speech do not stop it"),
  level: (v) => `Volume ${v}, from −1 to 1; 0 is unchanged`,
  loop: (v) =>
    Number(v) === 0
      ? "Repeated until something stops it"
      : `Played ${Number(v) === 1 ? "once" : times(v)}`,
};

const hearing = {
  canSpeak: (v) => `Heard only by these legs: ${list(v) || "none"}`,
  canHear: (v) => `Hears only these legs: ${list(v) || "none"}`,
  mute: (v) => (yes(v) ? "Other legs do not hear this leg" : "Other legs hear this leg"),
};

const transcription = (v) => `The recording is transcribed in ${v?.language ?? "en-US"}`;

const OPTIONS = {
  talk: {
    ...playing,
    text: (v) =>
      String(v).trimStart().startsWith("<speak")
        ? "Text with SSML markup"
        : `Spoken text, ${plural([...String(v)].length, "character")} of at most 1500`,
    language: (v) => `Spoken in ${v}; default en-US`,
    style: (v) => `Voice number ${v} of that language`,
    premium: (v) => (yes(v) ? "A premium voice, if available" : "A standard voice"),
    voiceName: (v) => `The voice ${text(v)}, a legacy option`,
    provider: (v) => `Spoken by ${text(v)}`,
    providerOptions: () => "Options of that provider",
  },
  stream: { ...playing, streamUrl: (v) => `The file, mp3 or 16-bit wav: ${text(first(v))}` },
  input: {
    ...callback,
    type: (v) =>
      `Listens for ${joined([v].flat().map((kind) => (kind === "dtmf" ? "digits" : text(kind))))}`,
    mode: (v) =>
      v === "asynchronous" ? "Each digit is sent at once" : "Waits, and sends all digits together",
    dtmf: dtmf,
    speech: speech,
    timeOut: (v) => `Ends ${seconds(v)} after the last digit`,
    maxDigits: (v) => `Ends after ${plural(v, "digit")}`,
    submitOnHash: (v) => (yes(v) ? "# ends the input" : "# is an ordinary digit"),
  },
  record: {
    ...callback,
    format: (v) => `The file is ${v}`,
    split: () => "Records what the caller says and hears on separate channels",
    channels: (v) => `${plural(v, "channel")}, from 1 to 32; only with split`,
    endOnSilence: (v) => `Ends after ${seconds(v)} of silence; 3 to 10 s`,
    endOnKey: (v) => `The digit ${text(v)} ends it`,
    timeOut: (v) => `Ends after ${seconds(v)}; 3 s to 2 h`,
    beepStart: (v) => (yes(v) ? "A beep marks the start" : "No beep"),
    transcription,
  },
  conversation: {
    ...callback,
    ...hearing,
    name: (v) => `The conversation ${text(v)}, created when the first leg joins`,
    musicOnHoldUrl: (v) => `Played until the conversation starts: ${text(first(v))}`,
    startOnEnter: (v) =>
      v === false || v === "false"
        ? "Another leg must start the conversation"
        : "The conversation starts when this leg joins",
    endOnExit: (v) =>
      yes(v)
        ? "The conversation ends when this leg leaves"
        : "The conversation continues without this leg",
    record: (v) =>
      yes(v)
        ? "The conversation is recorded until the last leg leaves"
        : "The conversation is not recorded",
    transcription,
  },
  connect: {
    ...callback,
    endpoint: endpoint,
    from: (v) => `The caller ID that the callee sees: ${text(v)}`,
    randomFromNumber: (v) =>
      yes(v) ? "Shows a random number of the account" : "Shows the number in from",
    eventType: (v) =>
      v === "synchronous" ? "The response to a failure event can be a new NCCO" : text(v),
    timeout: (v) => `Rings for ${seconds(v)}; default 60 s`,
    limit: (v) => `The connected call lasts at most ${seconds(v)}; default 2 h`,
    machineDetection: (v) =>
      v === "hangup"
        ? "Hangs up on an answering machine"
        : "Reports an answering machine and continues",
    advancedMachineDetection: machine,
    ringbackTone: (v) => `Played to the caller while it rings: ${text(first(v))}`,
  },
  notify: { ...callback, payload: () => "Sent unchanged" },
  wait: { timeout: (v) => `${seconds(v)}, from 0.1 s to 2 h` },
  transfer: {
    ...hearing,
    conversationId: (v) => `The conversation that all legs move to: ${text(v)}`,
  },
};

/** Returns the meaning of an option with this value; "" if the reference has no such option. */
export function meaningOf(action, option, value) {
  const options = Object.hasOwn(OPTIONS, action) ? OPTIONS[action] : {};
  return Object.hasOwn(options, option) ? options[option](value) : "";
}

function dtmf(v) {
  const hash = yes(v?.submitOnHash) ? "; # ends the input" : "";
  const pause = seconds(v?.timeOut ?? 3);
  return `Digits: at most ${v?.maxDigits ?? 4}, until ${pause} after the last one${hash}`;
}

function speech(v) {
  const parts = [
    `${v?.language ?? "en-US"}`,
    `starts within ${seconds(v?.startTimeout ?? 10)}`,
    `ends after ${seconds(v?.endOnSilence ?? 2)} of silence or ${seconds(v?.maxDuration ?? 60)}`,
  ];
  if (v?.context) parts.push(`expects ${list(v.context)}`);
  if (v?.uuid) parts.push(`from the leg ${list(v.uuid)}`);
  if (yes(v?.saveAudio)) parts.push("the audio is stored");
  return `Speech: ${parts.join(", ")}`;
}

function endpoint(v) {
  const { type, onAnswer, dtmfAnswer } = first(v) ?? {};
  const kinds = {
    phone: "A phone number",
    app: "A user of a Client SDK",
    websocket: "A WebSocket that receives and sends the audio",
    sip: "A SIP URI",
    vbc: "An extension of Vonage Business Communications",
  };
  const parts = [Object.hasOwn(kinds, type) ? kinds[type] : `An endpoint of type ${text(type)}`];
  if (dtmfAnswer) parts.push(`digits ${text(dtmfAnswer)} are played when it answers`);
  if (onAnswer) parts.push("an NCCO runs for it before it is connected");
  return parts.join("; ");
}

function machine(v) {
  const modes = {
    default: "while the NCCO runs",
    detect: "before the NCCO",
    detect_beep: "before the NCCO, waiting for the beep",
  };
  const mode = Object.hasOwn(modes, v?.mode) ? modes[v.mode] : modes.detect;
  const then = v?.behavior === "hangup" ? "hangs up" : "continues";
  return `Detects an answering machine ${mode}; then ${then}`;
}
