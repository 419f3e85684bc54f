// What an NCCO does, in words for people: a name, a short label and a sentence for each action.
// The meaning of single options is in ncco-options.js; nothing here touches the document.

import { meaningOf } from "./ncco-options.js";
import { clip, hostOf, joined, plural, seconds, times } from "./format.js";

const KNOWN = {
  talk: { brief: (a) => quoted(a.text, 40), sentence: talk },
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

/** The actions of an NCCO, or null where the value is no NCCO. */
export function actionsOf(ncco) {
  return Array.isArray(ncco) && ncco.every(isObject) ? ncco : null;
}

/** The actions in the body of a webhook's reply, or null where it holds none. */
export function nccoIn(body) {
  try {
    const actions = actionsOf(JSON.parse(body));
    return actions?.every((action) => typeof action.action === "string") ? actions : null;
  } catch {
    return null;
  }
}

/** The name of an action, such as "talk". */
export function nameOf(action) {
  return isObject(action) && typeof action.action === "string" ? action.action : "unknown action";
}

/** A class for its colour; one for all that are unknown. */
export function toneOf(action) {
  return known(action) ? `is-${nameOf(action)}` : "is-other";
}

/** A few words for a small box: what is said, who is called, which room. */
export function brief(action) {
  return known(action)?.brief(action) ?? "";
}

/** What the action does, in a sentence or two with its values. */
export function sentence(action) {
  return (
    known(action)?.sentence(action) ?? "Vonage's reference has no such action; the call fails here."
  );
}

/** The options that an action was given: `{name, value, meaning}` for each. */
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
    return `Sends each key to ${target(a)} as it is pressed, while the NCCO goes on.`;
  }
  const parts = [];
  if (kinds.includes("keys")) parts.push(keys(a.type === undefined ? a : (a.dtmf ?? {})));
  if (kinds.includes("speech")) parts.push(speech(a.speech ?? {}));
  const what = parts.join(", or ") || "nothing";
  return `Waits for ${what}. The result goes to ${target(a)}, whose reply may be a new NCCO.`;
}

function keys(dtmf) {
  const hash = isTrue(dtmf.submitOnHash) ? " or #" : "";
  const most = plural(dtmf.maxDigits ?? 4, "key");
  return `up to ${most}${hash}, until ${seconds(dtmf.timeOut ?? 3)} after the last one`;
}

function speech(wanted) {
  const language = wanted.language ?? "en-US";
  const start = seconds(wanted.startTimeout ?? 10);
  const silence = seconds(wanted.endOnSilence ?? 2);
  const longest = seconds(wanted.maxDuration ?? 60);
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
    : "until the call ends, while the NCCO goes on";
  const how = `Records the call${kind} as ${a.format ?? "mp3"}${beep}, ${until}.`;
  return `${how} Where the file is goes to ${target(a)}.`;
}

function recordEnds(a) {
  const ends = [];
  if (a.endOnKey !== undefined) ends.push(`the key ${a.endOnKey}`);
  if (a.endOnSilence !== undefined) ends.push(`${seconds(a.endOnSilence)} of silence`);
  if (a.timeOut !== undefined) ends.push(`${seconds(a.timeOut)} have passed`);
  return ends;
}

function recordBrief(a) {
  const ends = recordEnds(a);
  return ends.length ? `until ${joined(ends, "or")}` : "until the call ends";
}

function conversation(a) {
  const parts = [`Puts the leg into the room ${quoted(a.name, 60)}`];
  if (a.startOnEnter === false || a.startOnEnter === "false") {
    parts.push("which waits for its moderator");
  }
  if (isTrue(a.endOnExit)) parts.push("which ends when this leg leaves");
  if (isTrue(a.mute)) parts.push("muted");
  if (isTrue(a.record)) parts.push("and records the room");
  return `${parts.join(", ")}. Actions after it are not reached while the leg is in the room.`;
}

function connect(a) {
  const ring = a.timeout ?? 60;
  const same =
    a.eventType === "synchronous"
      ? " If nobody takes the call, the event's reply may be a new NCCO."
      : "";
  return (
    `Calls ${endpointOf(a)} and joins it to the call; it may ring for ${seconds(ring)}. ` +
    `The next action runs when that side has ended.${same}`
  );
}

function notify(a) {
  const payload = clip(JSON.stringify(a.payload ?? {}), 120);
  return `Sends the payload ${payload} to ${target(a)} and waits; the reply may be a new NCCO.`;
}

function transfer(a) {
  return `Moves all legs of this conversation to ${a.conversationId ?? "another one"}.`;
}

function kindsOf(a) {
  if (a.type === undefined) return ["keys"];
  return [a.type].flat().map((kind) => (kind === "dtmf" ? "keys" : String(kind)));
}

function endpointOf(a) {
  const endpoint = first(a.endpoint);
  if (!isObject(endpoint)) return "nobody";
  const { type, number, user, uri, extension, domain } = endpoint;
  const sip = uri ?? (user && domain ? `${user}@${domain}` : undefined);
  const who = { phone: number, app: user, websocket: uri, sip, vbc: extension }[type];
  return `${type ?? "endpoint"} ${clip(String(who ?? "?"), 60)}`;
}

function target(a) {
  const url = first(a.eventUrl);
  return typeof url === "string" ? hostOf(url) : "the application's event URL";
}

function interruptible(a) {
  return isTrue(a.bargeIn) ? " A key or speech stops it, and the next action runs meanwhile." : "";
}

function repeated(loop) {
  if (loop === undefined || Number(loop) === 1) return "";
  return Number(loop) === 0 ? "again and again" : times(loop);
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
