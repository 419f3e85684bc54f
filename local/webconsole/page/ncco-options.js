// What each option of each NCCO action means, with its value and its range (Vonage NCCO reference).

import { clip, joined, plural, seconds, times } from "./format.js";

const yes = (value) => value === true || value === "true";
const first = (value) => (Array.isArray(value) ? value[0] : value);
const text = (value) => clip(typeof value === "string" ? value : JSON.stringify(value), 80);
const list = (value) => joined([value].flat().map(text));

const callback = {
  eventUrl: (v) => `Where the result is sent: ${text(first(v))}`,
  eventMethod: (v) => `Sent as ${v}; POST where nothing is said`,
};

const playing = {
  bargeIn: (v) => (yes(v) ? "A key or speech stops it" : "Keys and speech do not stop it"),
  level: (v) => `Volume ${v}, of −1 to 1; 0 is as recorded`,
  loop: (v) =>
    Number(v) === 0
      ? "Repeated until something stops it"
      : `Played ${Number(v) === 1 ? "once" : times(v)}`,
};

const hearing = {
  canSpeak: (v) => `Heard by these legs alone: ${list(v) || "none"}`,
  canHear: (v) => `Hears these legs alone: ${list(v) || "none"}`,
  mute: (v) => (yes(v) ? "Nobody hears this leg" : "This leg is heard"),
};

const transcription = (v) => `The recording is transcribed in ${v?.language ?? "en-US"}`;

const OPTIONS = {
  talk: {
    ...playing,
    text: (v) =>
      String(v).trimStart().startsWith("<speak")
        ? "Speech with SSML marks"
        : `Spoken text, ${plural([...String(v)].length, "character")} of 1500 at most`,
    language: (v) => `Spoken in ${v}; en-US where nothing is said`,
    style: (v) => `Voice number ${v} of that language`,
    premium: (v) => (yes(v) ? "A premium voice, where there is one" : "A standard voice"),
    voiceName: (v) => `The voice ${text(v)}, an older way to choose one`,
    provider: (v) => `Spoken by ${text(v)}`,
    providerOptions: () => "Options of that provider",
  },
  stream: { ...playing, streamUrl: (v) => `The file, mp3 or 16-bit wav: ${text(first(v))}` },
  input: {
    ...callback,
    type: (v) =>
      `Listens for ${joined([v].flat().map((kind) => (kind === "dtmf" ? "keys" : text(kind))))}`,
    mode: (v) =>
      v === "asynchronous" ? "Each key is sent as it comes" : "Waits, and sends everything at once",
    dtmf: dtmf,
    speech: speech,
    timeOut: (v) => `Ends ${seconds(v)} after the last key`,
    maxDigits: (v) => `Ends after ${plural(v, "key")}`,
    submitOnHash: (v) => (yes(v) ? "# ends it" : "# is a key like others"),
  },
  record: {
    ...callback,
    format: (v) => `The file is ${v}`,
    split: () => "What the caller says and what the caller hears on channels of their own",
    channels: (v) => `${plural(v, "channel")}, of 1 to 32; counts with split alone`,
    endOnSilence: (v) => `Ends after ${seconds(v)} of silence; 3 to 10 s`,
    endOnKey: (v) => `The key ${text(v)} ends it`,
    timeOut: (v) => `Ends after ${seconds(v)}; 3 s to 2 h`,
    beepStart: (v) => (yes(v) ? "A beep tells that it begins" : "No beep"),
    transcription,
  },
  conversation: {
    ...callback,
    ...hearing,
    name: (v) => `The room ${text(v)}, made when the first leg comes`,
    musicOnHoldUrl: (v) => `Played until the room starts: ${text(first(v))}`,
    startOnEnter: (v) =>
      v === false || v === "false"
        ? "The room waits for somebody else to start it"
        : "The room starts when this leg enters",
    endOnExit: (v) =>
      yes(v) ? "The room ends when this leg leaves" : "The room goes on without this leg",
    record: (v) =>
      yes(v) ? "The room is recorded until the last one leaves" : "The room is not recorded",
    transcription,
  },
  connect: {
    ...callback,
    endpoint: endpoint,
    from: (v) => `The number that the called side sees: ${text(v)}`,
    randomFromNumber: (v) =>
      yes(v) ? "Shows one of the account's numbers by chance" : "Shows the number named in from",
    eventType: (v) => (v === "synchronous" ? "The reply to a failure may be a new NCCO" : text(v)),
    timeout: (v) => `Rings for ${seconds(v)}; 60 s where nothing is said`,
    limit: (v) => `The joined call lasts ${seconds(v)} at most; 2 h where nothing is said`,
    machineDetection: (v) =>
      v === "hangup"
        ? "Hangs up on an answering machine"
        : "Tells of an answering machine and goes on",
    advancedMachineDetection: machine,
    ringbackTone: (v) => `What the caller hears while it rings: ${text(first(v))}`,
  },
  notify: { ...callback, payload: () => "Sent as it is" },
  wait: { timeout: (v) => `${seconds(v)}, of 0.1 s to 2 h` },
  transfer: {
    ...hearing,
    conversationId: (v) => `The conversation that everybody moves to: ${text(v)}`,
  },
};

/** The meaning of an option with this value; "" where the reference has no such option. */
export function meaningOf(action, option, value) {
  const options = Object.hasOwn(OPTIONS, action) ? OPTIONS[action] : {};
  return Object.hasOwn(options, option) ? options[option](value) : "";
}

function dtmf(v) {
  const hash = yes(v?.submitOnHash) ? "; # ends it" : "";
  const pause = seconds(v?.timeOut ?? 3);
  return `Keys: ${v?.maxDigits ?? 4} at most, until ${pause} after the last one${hash}`;
}

function speech(v) {
  const parts = [
    `${v?.language ?? "en-US"}`,
    `starts within ${seconds(v?.startTimeout ?? 10)}`,
    `ends after ${seconds(v?.endOnSilence ?? 2)} of silence or ${seconds(v?.maxDuration ?? 60)}`,
  ];
  if (v?.context) parts.push(`expects ${list(v.context)}`);
  if (v?.uuid) parts.push(`of the leg ${list(v.uuid)}`);
  if (yes(v?.saveAudio)) parts.push("the audio is kept");
  return `Speech: ${parts.join(", ")}`;
}

function endpoint(v) {
  const { type, onAnswer, dtmfAnswer } = first(v) ?? {};
  const whom = {
    phone: "A telephone",
    app: "A user of a Client SDK",
    websocket: "A WebSocket that gets and sends the audio",
    sip: "A SIP address",
    vbc: "An extension of Vonage Business Communications",
  };
  const parts = [Object.hasOwn(whom, type) ? whom[type] : `An endpoint of type ${text(type)}`];
  if (dtmfAnswer) parts.push(`keys ${text(dtmfAnswer)} are played when it answers`);
  if (onAnswer) parts.push("an NCCO is run for it before it is joined");
  return parts.join("; ");
}

function machine(v) {
  const modes = {
    default: "beside the NCCO",
    detect: "before the NCCO",
    detect_beep: "before the NCCO, waiting for the beep",
  };
  const mode = Object.hasOwn(modes, v?.mode) ? modes[v.mode] : modes.detect;
  const then = v?.behavior === "hangup" ? "hangs up" : "goes on";
  return `Finds out whether a machine answered, ${mode}; then ${then}`;
}
