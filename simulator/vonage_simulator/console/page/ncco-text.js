// Describes NCCO actions as text: a name, a short label and a sentence for each action. The meaning
// of options is in ncco-options.js. Does not use the document.

import { meaningOf } from "./ncco-options.js";
import { clip, pathOf, joined, plural, seconds, times } from "./format.js";

const KNOWN = {
  talk: { brief: (a) => quoted(a.text, 120), sentence: talk },
  stream: { brief: (a) => fileOf(first(a.streamUrl)), sentence: stream },
  input: { brief: (a) => joined(kindsOf(a)), sentence: input },
  record: { brief: recordBrief, sentence: record },
  conversation: { brief: (a) => quoted(a.name, 40), sentence: conversation },
  connect: { brief: (a) => endpointOf(a), sentence: connect },
  notify: { brief: (a) => clip(JSON.stringify(a.payload ?? {}), 40), sentence: notify },
  wait: {
    brief: (a) => seconds(a.timeout ?? 10),
    sentence: (a) => `Does nothing for ${seconds(a.timeout ?? 10)}.`,
  },
  transfer: { brief: (a) => clip(String(a.conversationId ?? ""), 40), sentence: transfer },
  pay: {
    brief: (a) => `${a.amount ?? ""} ${a.currency ?? ""}`.trim(),
    sentence: () => "Takes a payment by card (retired by Vonage).",
  },
};

/** Returns the actions in a webhook's response body, or null if it is not an NCCO. */
export function nccoIn(body) {
  try {
    const actions = JSON.parse(body);
    const isAction = (action) => isObject(action) && typeof action.action === "string";
    return Array.isArray(actions) && actions.every(isAction) ? actions : null;
  } catch {
    return null;
  }
}

/** Returns the name of an action, such as "talk". */
export function nameOf(action) {
  return isObject(action) && typeof action.action === "string" ? action.action : "unknown action";
}

const TONES = {
  ...{ talk: "talk", stream: "talk", input: "input", notify: "input", record: "record" },
  ...{ connect: "joins", conversation: "joins" },
};

/** Returns the name of an action's color, by what the action is for. */
export function toneOf(action) {
  return TONES[nameOf(action)] ?? "other";
}

/** Returns a short label: the text, the callee, or the conversation. */
export function brief(action) {
  return known(action)?.brief(action) ?? "";
}

/** Returns what the action does with its values, in one or two sentences. */
export function sentence(action) {
  return (
    known(action)?.sentence(action) ??
    "This action is not in Vonage's NCCO reference. The call fails here."
  );
}

/** Returns the options of an action: `{name, value, meaning}` for each. */
export function optionsOf(action) {
  if (!isObject(action)) return [];
  return Object.entries(action)
    .filter(([name]) => name !== "action")
    .map(([name, value]) => ({ name, value, meaning: meaningOf(nameOf(action), name, value) }));
}

function known(action) {
  return Object.hasOwn(KNOWN, nameOf(action)) ? KNOWN[nameOf(action)] : undefined;
}

function talk(a) {
  const how = [`in ${a.language ?? "en-US"}`, repeated(a.loop)].filter(Boolean).join(", ");
  const what = isMarkup(a.text) ? "Speaks the SSML" : "Says";
  return `${what} ${quoted(a.text, 200)} ${how}.${interruptible(a)}`;
}

function stream(a) {
  const again = repeated(a.loop);
  const how = again ? `, ${again}` : "";
  return `Plays the audio file ${fileOf(first(a.streamUrl))}${how}.${interruptible(a)}`;
}

function input(a) {
  const kinds = kindsOf(a);
  if (a.mode === "asynchronous") {
    return `Sends each digit to ${target(a)} when it is pressed, while the NCCO continues.`;
  }
  const parts = [];
  if (kinds.includes("digits")) parts.push(digits(a.type === undefined ? a : (a.dtmf ?? {})));
  if (kinds.includes("speech")) parts.push(speech(a.speech ?? {}));
  const what = parts.join(", or ") || "nothing";
  return `Waits for ${what}. The result goes to ${target(a)}, which can respond with a new NCCO.`;
}

function digits(dtmf) {
  const hash = isTrue(dtmf.submitOnHash) ? " or #" : "";
  const most = plural(dtmf.maxDigits ?? 4, "digit");
  return `up to ${most}${hash}, until ${seconds(dtmf.timeOut ?? 3)} after the last one`;
}

function speech(options) {
  const language = options.language ?? "en-US";
  const start = seconds(options.startTimeout ?? 10);
  const silence = seconds(options.endOnSilence ?? 2);
  const longest = seconds(options.maxDuration ?? 60);
  return (
    `speech in ${language} that starts within ${start}, ` +
    `until ${silence} of silence, ${longest} at most`
  );
}

function record(a) {
  const ends = recordEnds(a);
  const kind = a.split === "conversation" ? `, ${plural(a.channels ?? 2, "channel")},` : "";
  const beep = isTrue(a.beepStart) ? " after a beep" : "";
  const until = ends.length
    ? `until ${joined(ends, "or")}`
    : "until the call ends, while the NCCO continues";
  const how = `Records the call${kind} as ${a.format ?? "mp3"}${beep}, ${until}.`;
  return `${how} The file's URL is sent to ${target(a)}.`;
}

function recordEnds(a) {
  const ends = [];
  if (a.endOnKey !== undefined) ends.push(`the digit ${a.endOnKey}`);
  if (a.endOnSilence !== undefined) ends.push(`${seconds(a.endOnSilence)} of silence`);
  if (a.timeOut !== undefined) ends.push(`a timeout of ${seconds(a.timeOut)}`);
  return ends;
}

function recordBrief(a) {
  const ends = recordEnds(a);
  return ends.length ? `until ${joined(ends, "or")}` : "until the call ends";
}

function conversation(a) {
  const parts = [`Adds the leg to the conversation ${quoted(a.name, 60)}`];
  if (a.startOnEnter === false || a.startOnEnter === "false") {
    parts.push("which waits for a moderator");
  }
  if (isTrue(a.endOnExit)) parts.push("which ends when this leg leaves");
  if (isTrue(a.mute)) parts.push("muted");
  if (isTrue(a.record)) parts.push("and records it");
  return `${parts.join(", ")}. Actions after it do not run while the leg is in the conversation.`;
}

function connect(a) {
  const ring = a.timeout ?? 60;
  const synchronous =
    a.eventType === "synchronous"
      ? " If the call fails, the event webhook can respond with a new NCCO."
      : "";
  return (
    `Calls ${endpointOf(a)} and connects it to the caller; it rings for at most ${seconds(ring)}. ` +
    `The next action runs when that leg has ended.${synchronous}`
  );
}

function notify(a) {
  const payload = clip(JSON.stringify(a.payload ?? {}), 120);
  return `Sends the payload ${payload} to ${target(a)} and waits; the response can be a new NCCO.`;
}

function transfer(a) {
  return `Transfers all legs of this conversation to ${a.conversationId ?? "another one"}.`;
}

function kindsOf(a) {
  if (a.type === undefined) return ["digits"];
  return [a.type].flat().map((kind) => (kind === "dtmf" ? "digits" : String(kind)));
}

function endpointOf(a) {
  const endpoint = first(a.endpoint);
  if (!isObject(endpoint)) return "no endpoint";
  const { type, number, user, uri, extension, domain } = endpoint;
  const sip = uri ?? (user && domain ? `${user}@${domain}` : undefined);
  const who = { phone: number, app: user, websocket: uri, sip, vbc: extension }[type];
  return `${type ?? "endpoint"} ${clip(String(who ?? "?"), 60)}`;
}

function target(a) {
  const url = first(a.eventUrl);
  return typeof url === "string" ? pathOf(url) : "the application's event URL";
}

function interruptible(a) {
  return isTrue(a.bargeIn)
    ? " A digit or speech stops it, and the next action runs at the same time."
    : "";
}

function repeated(loop) {
  if (loop === undefined || Number(loop) === 1) return "";
  return Number(loop) === 0 ? "in a loop" : times(loop);
}

function quoted(text, length) {
  return `“${clip(String(text ?? ""), length)}”`;
}

function fileOf(url) {
  const name = String(url ?? "")
    .split(/[?#]/)[0]
    .split("/")
    .filter(Boolean)
    .pop();
  return clip(name ?? "", 60);
}

function isMarkup(text) {
  return typeof text === "string" && text.trimStart().startsWith("<speak");
}

function isTrue(value) {
  return value === true || value === "true";
}

function first(value) {
  return Array.isArray(value) ? value[0] : value;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
