// Converts the journal entries of a call to the rows of the sequence diagram. Does not use the
// document. Rows are appended and changed in place, so the cost of a new entry does not depend on
// the length of the call.
// @ts-check

import { brief } from "./ncco-text.js";
import { addressOf, clip, plural, seconds } from "./format.js";

/**
 * @typedef {object} Row
 * @property {number} id The id of its first journal entry.
 * @property {string} kind A key of KINDS in details-panel.js: status, webhook, action, …
 * @property {string} lane The uuid of the leg.
 * @property {number} at Its start, in seconds of the simulator's clock.
 * @property {number|null|undefined} end Null while it lasts, undefined without a duration.
 * @property {number|null} seconds Its expected duration, if known.
 * @property {string} title
 * @property {string} note
 * @property {boolean} failed
 * @property {any} entry Its newest journal entry.
 * @property {{id: number, ended: boolean}} [sound] The sound of an action.
 * @property {boolean} [interrupted] Whether its sound was cut short.
 */

const OVER = new Set([
  "completed",
  "rejected",
  "busy",
  "timeout",
  "unanswered",
  "failed",
  "cancelled",
]);
const FAILED = new Set(["failed", "rejected", "timeout", "unanswered"]);
// The sound of these actions is part of the action's row.
const OWN_SOUND = { talk: "talk", stream: "stream", connect: "ringing" };

const READERS = {
  leg,
  webhook_sent,
  webhook,
  action,
  sound,
  sound_ended,
  digit,
  speech,
  voice,
  recording,
  transfer,
  modified,
  error,
};

/** Creates an empty list of rows; `add` returns the rows that an entry created or changed. */
export function createDiagramRows() {
  const state = {
    /** @type {Row[]} */
    rows: [],
    /** @type {Map<string, Row>} rows that have not ended, by a unique name */
    open: new Map(),
  };
  return {
    rows: state.rows,
    /** @param {any} entry @returns {Row[]} */
    add(entry) {
      const read = Object.hasOwn(READERS, entry.kind) ? READERS[entry.kind] : null;
      return read ? read(state, entry).filter(Boolean) : [];
    },
  };
}

/** Returns whether a row has not ended yet. */
export function isRunning(row) {
  return row.end === null;
}

function begin(state, entry, row) {
  const created = {
    id: entry.id,
    lane: entry.uuid,
    at: entry.at,
    end: undefined,
    seconds: null,
    note: "",
    failed: false,
    entry,
    ...row,
  };
  state.rows.push(created);
  return created;
}

function finish(row, at) {
  if (row && row.end === null) row.end = at;
  return row;
}

function leg(state, entry) {
  const { status, uuid } = entry;
  const note = status === "started" ? `${entry.from ?? "unknown"} to ${entry.to}` : "";
  const row = begin(state, entry, {
    kind: "status",
    title: status,
    note,
    failed: FAILED.has(status),
  });
  return OVER.has(status) ? [row, ...endAll(state, uuid, entry.at)] : [row];
}

/** Ends everything that still lasts on a leg. */
function endAll(state, uuid, at) {
  const ended = [];
  for (const [name, row] of state.open) {
    if (row.lane === uuid && isRunning(row)) {
      ended.push(finish(row, at));
      state.open.delete(name);
    }
  }
  return ended;
}

function webhook_sent(state, entry) {
  const row = begin(state, entry, { kind: "webhook", ...sent(entry.webhook) });
  state.open.set(webhookName(entry), row);
  return [row];
}

function webhook(state, entry) {
  const name = webhookName(entry);
  const row = state.open.get(name) ?? begin(state, entry, { kind: "webhook" });
  state.open.delete(name);
  return [Object.assign(row, sent(entry.webhook), { entry })];
}

/** Returns the name for both entries of a webhook: they contain the same request. */
function webhookName({ uuid, webhook: { kind, attempt, at, request } }) {
  return `webhook ${uuid} ${kind} ${attempt} ${at} ${request.headers.Authorization ?? ""}`;
}

function sent(webhook) {
  const { status, error, attempt } = webhook;
  const isSigned = Boolean(webhook.request?.headers?.Authorization);
  const note = [webhook.kind, isSigned ? "signed" : "not signed"];
  if (attempt > 1) note.push(`attempt ${attempt}`);
  return {
    title: `${webhook.method} ${addressOf(webhook.url).path}`,
    note: note.join(" · "),
    failed: Boolean(error) || (status !== null && (status < 200 || status > 205)),
  };
}

function action(state, entry) {
  return entry.state === "ended" ? actionEnded(state, entry) : actionStarted(state, entry);
}

function actionStarted(state, entry) {
  const name = `action ${entry.uuid}`;
  // An action that another NCCO replaced has no entry for its end.
  const before = finish(state.open.get(name), entry.at);
  const details = entry.details ?? { action: entry.action };
  const row = begin(state, entry, {
    ...{ kind: "action", title: entry.action, note: entry.details ? brief(details) : "" },
    ...{ end: null, seconds: entry.action === "wait" ? Number(details.timeout ?? 10) : null },
  });
  state.open.set(name, row);
  return [row, before];
}

function actionEnded(state, entry) {
  const name = `action ${entry.uuid}`;
  const row = state.open.get(name);
  if (!row) return [];
  state.open.delete(name);
  row.actionEnd = entry.at;
  // With bargeIn, a prompt continues while the next action runs.
  return row.sound && !row.sound.ended ? [row] : [finish(row, entry.at)];
}

function sound(state, entry) {
  const { sound: kind, sound_id: id, uuid } = entry;
  const current = state.open.get(`action ${uuid}`);
  const isOwn = current && OWN_SOUND[current.title] === kind && !current.sound;
  if (isOwn) {
    current.sound = { id, ended: false };
    if (kind !== "ringing") current.seconds = entry.seconds ?? null;
    state.open.set(`sound ${id}`, current);
    return [current];
  }
  const lasts = id === undefined ? undefined : null;
  const row = begin(state, entry, {
    kind: "sound",
    ...heard(entry),
    end: lasts,
    seconds: entry.seconds ?? null,
  });
  if (lasts === null) state.open.set(`sound ${id}`, row);
  return [row];
}

function heard({ sound: kind, details = {} }) {
  const { text, url, digits } = details;
  const titles = {
    talk: "speech played",
    stream: "audio played",
    dtmf: "DTMF played",
    beep: "beep",
    ringing: "ringback",
  };
  return { title: titles[kind] ?? kind, note: clip(text ?? url ?? digits ?? "", 80) };
}

function sound_ended(state, entry) {
  const name = `sound ${entry.sound_id}`;
  const row = state.open.get(name);
  if (!row) return [];
  state.open.delete(name);
  // A sound without end, such as a ringback tone, is always stopped.
  row.interrupted = entry.interrupted && row.seconds !== null;
  if (row.kind !== "action") return [finish(row, entry.at)];
  row.sound.ended = true;
  const isDone = row.actionEnd !== undefined;
  return isDone ? [finish(row, entry.at)] : [row];
}

function digit(state, entry) {
  return [
    begin(state, entry, { kind: "digit", title: `digit ${entry.digit}`, note: listeners(entry) }),
  ];
}

function speech(state, entry) {
  const long = entry.seconds ? ` · ${seconds(entry.seconds)}` : "";
  return [
    begin(state, entry, {
      kind: "speech",
      title: "speech",
      note: `“${clip(entry.text ?? "", 120)}”${long}`,
    }),
  ];
}

function voice(state, entry) {
  const name = `voice ${entry.uuid}`;
  if (entry.state === "ended") {
    const row = finish(state.open.get(name), entry.at);
    state.open.delete(name);
    return [row];
  }
  const row = begin(state, entry, {
    kind: "speech",
    title: "speech",
    note: "microphone",
    end: null,
  });
  state.open.set(name, row);
  return [row];
}

function listeners({ heard_by: legs }) {
  return legs?.length ? `heard by ${plural(legs.length, "leg")}` : "";
}

function recording(state, entry) {
  const name = `recording ${entry.recording_uuid}`;
  if (entry.state === "ended") {
    const row = finish(state.open.get(name), entry.at);
    state.open.delete(name);
    return [row && Object.assign(row, { entry })];
  }
  const lasts = entry.state === undefined ? undefined : null;
  const row = begin(state, entry, { kind: "recording", title: "recording", end: lasts });
  if (lasts === null) state.open.set(name, row);
  return [row];
}

function transfer(state, entry) {
  return [
    begin(state, entry, {
      kind: "transfer",
      title: "transfer",
      note: `to ${clip(entry.conversation_uuid, 16)}`,
    }),
  ];
}

function modified(state, entry) {
  return [begin(state, entry, { kind: "change", title: `API: ${entry.action}` })];
}

function error(state, entry) {
  const note = [entry.reason, entry.detail].filter(Boolean).join(" ");
  return [
    begin(state, entry, { kind: "error", title: "error", note: clip(note, 200), failed: true }),
  ];
}
