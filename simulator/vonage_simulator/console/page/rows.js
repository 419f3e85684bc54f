// Turns the journal entries of a call into rows: one for each webhook, action, word and key. Does not
// use the document. A row is changed in place and its `revision` grows, so that only its line of the
// page is rendered again.

import { faultsOf } from "./fault-texts.js";
import { brief, nccoIn } from "./ncco-text.js";
import { addressOf } from "./format.js";

/**
 * @typedef {object} Row
 * @property {number} id The id of its first journal entry.
 * @property {number} revision Grows with each change.
 * @property {"status"|"hook"|"action"|"sound"|"say"|"key"|"recording"|"change"|"api"|"error"
 *   |"warning"|"websocket"} kind
 * @property {string} leg The uuid of the leg.
 * @property {number} at Its start, in Unix seconds of the simulator's clock.
 * @property {number|null|undefined} end Null while it lasts, undefined without a duration.
 * @property {number|null} expected Its expected duration in seconds, if known.
 * @property {string} text What it is about, such as the words of a prompt.
 * @property {boolean} beside Whether it runs along with the next action, as a recording does.
 * @property {any} entry Its newest journal entry.
 * @property {string[]} faults The injected faults that changed it.
 * @property {any} [hook] The webhook, its fields and its NCCO.
 * @property {string} [action] The name of an action.
 * @property {string} [status] The status of a leg.
 * @property {string} [recording] The recording_uuid.
 * @property {{id: number, ended: boolean}} [sound] The sound of an action.
 * @property {number} [actionEnd] When an action ended whose sound or recording went on.
 * @property {boolean} [interrupted] Whether its sound was cut short.
 */

export const OVER = new Set(
  "completed rejected busy timeout unanswered failed cancelled".split(" "),
);
const TOGETHER = 0.1; // seconds between the end of an action and that of its recording
// The sound of these actions is part of the action's row.
const OWN_SOUND = { talk: "talk", stream: "stream", connect: "ringing" };

const reasonOf = ({ reason, detail }) => [reason, detail].filter(Boolean).join(" ");

const socketText = ({ state, by, code, received, sent, dropped }) =>
  state === "connected"
    ? "connected"
    : `closed by the ${by}, code ${code}; frames: ${received} received, ${dropped} dropped, ${sent} sent`;

/** Creates an empty list of rows; `add` returns whether an entry changed any. */
export function createRows() {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Map<string, Row>} rows that have not ended, and statuses without a webhook, by name */
  const open = new Map();

  /** @param {any} entry @param {Partial<Row>} fields @returns {Row} */
  function begin(entry, fields) {
    const row = {
      ...{
        id: entry.id,
        revision: 1,
        leg: entry.uuid,
        at: entry.at,
        end: undefined,
        expected: null,
      },
      ...{ text: "", beside: false, entry, faults: faultsOf(entry) },
      ...fields,
    };
    rows.push(row);
    return row;
  }

  /** @param {Row|undefined} row @param {Partial<Row>} fields */
  function change(row, fields) {
    if (row) Object.assign(row, fields, { revision: row.revision + 1 });
  }

  /** @param {string} name @param {number} at @param {Partial<Row>} [fields] */
  function finish(name, at, fields = {}) {
    const row = open.get(name);
    open.delete(name);
    if (row?.end === null) change(row, { end: at, ...fields });
    return row;
  }

  /** @param {any} entry */
  function leg({ status, uuid, at, ...entry }) {
    const row = begin(
      { ...entry, uuid, at },
      { kind: "status", status, entry: { ...entry, uuid, at, status } },
    );
    open.set(`status ${uuid} ${status}`, row);
    if (OVER.has(status)) endAll(uuid, at);
  }

  /** Ends everything that still lasts on a leg. */
  function endAll(uuid, at) {
    for (const [name, row] of open) if (row.leg === uuid && row.end === null) finish(name, at);
  }

  /** A webhook was sent. The first one about a status shares its row. @param {any} entry */
  function webhook_sent(entry) {
    const hook = hookOf(entry.webhook);
    const status = hook.fields.status;
    const name = `status ${entry.uuid} ${status}`;
    const row = entry.webhook.attempt === 1 ? open.get(name) : undefined;
    open.delete(name);
    if (row) change(row, { kind: "hook", hook, entry, faults: faultsOf(entry) });
    open.set(webhookName(entry), row ?? begin(entry, { kind: "hook", hook }));
  }

  /** The response to a webhook arrived, or none did. @param {any} entry */
  function webhook(entry) {
    if (!open.has(webhookName(entry))) webhook_sent(entry);
    const row = open.get(webhookName(entry));
    open.delete(webhookName(entry));
    change(row, { hook: hookOf(entry.webhook), entry, faults: faultsOf(entry) });
  }

  /** @param {any} entry */
  function action(entry) {
    const name = `action ${entry.uuid}`;
    if (entry.state === "ended") return actionEnded(name, entry);
    finish(name, entry.at); // an action that another NCCO replaced has no entry for its end
    const details = entry.details ?? { action: entry.action };
    const row = begin(entry, {
      ...{ kind: "action", action: entry.action, text: entry.details ? brief(details) : "" },
      ...{ end: null, expected: entry.action === "wait" ? Number(details.timeout ?? 10) : null },
    });
    return open.set(name, row);
  }

  /** With bargeIn, a prompt continues while the next action runs, and so does a recording. */
  function actionEnded(name, entry) {
    const row = open.get(name);
    if (!row) return;
    open.delete(name);
    const isRecording = row.recording !== undefined && row.end === null;
    const goesOn = (row.sound && !row.sound.ended) || isRecording;
    if (goesOn && row.action !== "input") change(row, { beside: row.action === "record" });
    else change(row, { end: row.end ?? entry.at });
    row.actionEnd = entry.at;
  }

  /** @param {any} entry */
  function sound(entry) {
    const { sound: kind, sound_id: id, uuid } = entry;
    const current = open.get(`action ${uuid}`);
    if (current && OWN_SOUND[current.action] === kind && !current.sound) {
      const expected = kind === "ringing" ? null : (entry.seconds ?? null);
      change(current, { sound: { id, ended: false }, expected });
      if (id !== undefined) open.set(`sound ${id}`, current);
      return;
    }
    const { text, url, digits } = entry.details ?? {};
    const end = id === undefined ? undefined : null;
    const fields = { text: text ?? url ?? digits ?? "", end, expected: entry.seconds ?? null };
    const row = begin(entry, { kind: "sound", ...fields });
    if (id !== undefined) open.set(`sound ${id}`, row);
  }

  /** @param {any} entry */
  function sound_ended({ sound_id: id, interrupted, at }) {
    const row = open.get(`sound ${id}`);
    open.delete(`sound ${id}`);
    if (!row) return;
    // A sound without end, such as a ringback tone, is always stopped.
    const cut = Boolean(interrupted && row.expected !== null);
    if (row.kind !== "action") return change(row, { end: at, interrupted: cut });
    const isDone = row.actionEnd !== undefined;
    change(row, { sound: { id, ended: true }, interrupted: cut, ...(isDone && { end: at }) });
  }

  /** @param {any} entry */
  function voice(entry) {
    const name = `voice ${entry.uuid}`;
    if (entry.state === "ended") return void finish(name, entry.at);
    open.set(name, begin(entry, { kind: "say", text: "", end: null }));
  }

  /** A recording shares the row of its action. @param {any} entry */
  function recording(entry) {
    const name = `recording ${entry.recording_uuid}`;
    if (entry.state === "ended") {
      const row = finish(name, entry.at);
      const isOwn = row && entry.at - row.actionEnd < TOGETHER;
      return change(row, { file: entry.file_id, ...(isOwn && { beside: false }) });
    }
    const current = open.get(`action ${entry.uuid}`);
    const own = current?.action === "record" || current?.action === "conversation";
    const row =
      own && current && current.recording === undefined
        ? current
        : begin(entry, { kind: "recording", end: null, beside: true });
    change(row, { recording: entry.recording_uuid });
    open.set(name, row);
  }

  // What the page does not show by itself has a row if a fault changed it.
  const ifFaulty = (fields) => (entry) => faultsOf(entry).length > 0 && begin(entry, fields(entry));

  const readers = {
    ...{ leg, webhook_sent, webhook, action, sound, sound_ended, voice, recording },
    digit: (entry) => begin(entry, { kind: "key", text: entry.digit }),
    speech: (entry) =>
      begin(entry, { kind: "say", text: entry.text ?? "", end: entry.at + (entry.seconds ?? 0) }),
    transfer: (entry) =>
      begin(entry, { kind: "change", text: `transferred to ${entry.conversation_uuid}` }),
    modified: (entry) => begin(entry, { kind: "change", text: entry.action }),
    error: (entry) => begin(entry, { kind: "error", text: reasonOf(entry) }),
    warning: (entry) => begin(entry, { kind: "warning", text: reasonOf(entry) }),
    websocket: (entry) => begin(entry, { kind: "websocket", text: socketText(entry) }),
    call: ifFaulty(({ direction }) => ({ kind: "status", status: `${direction} call` })),
    api: ifFaulty(({ path }) => ({ kind: "api", text: path })),
  };

  return {
    rows,
    /** @param {any} entry @returns {boolean} */
    add(entry) {
      const read = Object.hasOwn(readers, entry.kind) ? readers[entry.kind] : null;
      return read ? read(entry) !== false : false;
    },
  };
}

/** Returns the name for both entries of a webhook: they contain the same request. */
function webhookName({ uuid, webhook: { kind, attempt, at, request } }) {
  return `webhook ${uuid} ${kind} ${attempt} ${at} ${request.headers.Authorization ?? ""}`;
}

/** The parts of a webhook that a row shows. @param {any} webhook */
function hookOf(webhook) {
  const { path, query } = addressOf(webhook.url);
  const { method, kind, status, ms, attempt, error, request, reply } = webhook;
  const ncco = nccoIn(reply?.body);
  return {
    ...{ method, kind, path, query, status, ms, attempt, error },
    fields: fieldsOf(request.body, query),
    isSigned: Boolean(request.headers.Authorization),
    isDone: Boolean(error) || status !== null,
    ncco: ncco?.length ? ncco : null,
    exchange: reply?.headers?.["apigw-requestid"] ?? null,
  };
}

/** The fields that Vonage sent. @param {string|null} body @param {string} query */
function fieldsOf(body, query) {
  if (body === null) return Object.fromEntries(new URLSearchParams(query));
  try {
    const fields = JSON.parse(body);
    return fields && typeof fields === "object" ? fields : {};
  } catch {
    return {};
  }
}
