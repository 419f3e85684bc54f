// What came of a row and of a call. The outcome that the application logged decides, not the HTTP
// status: a flow that raised has 200, because the caller hears an apology.

import { OVER } from "./rows.js";

/** @typedef {import("./rows.js").Row} Row */
/** @typedef {{tone: ""|"warn"|"bad", text: string, why: string, location: string|null}} RowResult */

/** Outcomes of a call: label, tone, icon. Later ones are worse, and hide the ones before. */
export const OUTCOMES = {
  completed: ["Completed", "good", "check"],
  message: ["Message left", "good", "voicemail"],
  machine: ["Answering machine", "", "voicemail"],
  noanswer: ["No answer", "warn", "hangup"],
  closed: ["Closed", "warn", "clock"],
  notconnected: ["Not connected", "warn", "hangup"],
  failed: ["Failed", "bad", "error"],
  fallback: ["Fallback", "bad", "error"],
  apology: ["Apology", "bad", "error"],
  live: ["Live", "info", "live"],
};

const STORED = {
  kept: "Stored",
  repeat: "Stored before",
  queued: "Queued",
  overflowed: "Stored later",
  not_stored: "Not stored",
};
const WAITING = { tone: "", text: "Waiting for the response", why: "", location: null };
const UNANSWERED = new Set(["busy", "timeout", "unanswered", "failed", "rejected", "cancelled"]);

/**
 * Returns what came of a row.
 *
 * @param {Row} row
 * @param {any} [exchange] The application's summary of the request, if the platform has one.
 * @param {{hook: any, exchange: any}} [source] Of an action: the webhook whose response has it.
 * @returns {RowResult}
 */
export function resultOf(row, exchange, source = undefined) {
  if (row.kind === "hook") return hookResult(row, exchange);
  const played = row.kind === "action" && source ? PLAYED[sourceOf(source)] : undefined;
  if (played) return { tone: played[0], text: played[1], why: "", location: null };
  if (row.kind === "error") return { tone: "bad", text: "Error", why: row.text, location: null };
  if (row.kind === "warning")
    return { tone: "warn", text: "Warning", why: row.text, location: null };
  if (row.kind === "api" && row.entry.reason)
    return { tone: "warn", text: "Refused", why: "", location: null };
  return { tone: "", text: textOf(row), why: "", location: null };
}

/** What it means that an action plays, by the response that it is from. */
const PLAYED = {
  apology: ["bad", "Apology played"],
  fallback: ["bad", "Fallback played"],
  closed: ["warn", "Closed announcement"],
};

/** @param {{hook: any, exchange: any}} source */
function sourceOf({ hook, exchange }) {
  if (hook.kind === "fallback") return "fallback";
  if (exchange?.closed && !exchange.flow) return "closed";
  return exchange?.outcome ?? "";
}

/** @param {Row} row @param {any} exchange @returns {RowResult} */
function hookResult({ hook }, exchange) {
  if (!hook.isDone) return WAITING;
  const location = exchange?.location ? `functions/${exchange.location}` : null;
  const reason = [exchange?.error, exchange?.detail].filter(Boolean).join(": ");
  const result = (tone, text, why = "") => ({
    ...{ tone, text, why, location },
  });
  if (hook.error) return result("bad", timedOut(hook.error), whyNoResponse(hook));
  const known = outcomes[exchange?.outcome]?.(hook, reason);
  if (known) return result(...known);
  if (hook.kind === "fallback") return result("bad", "Fallback", fallbackReason(hook));
  if (hook.status < 200 || hook.status > 205) return result(...refused(hook, reason));
  if (exchange?.closed) return result("warn", "Closed", CLOSED);
  if (exchange?.dialing_off) return result("warn", "Dialing off", DIALING_OFF);
  if (hook.ncco) return result("", `NCCO, ${count(hook.ncco.length, "action")}`);
  return result("", STORED[exchange?.outcome] ?? "Accepted");
}

const CLOSED = "Outside the opening hours. The number’s flow did not run.";
const DIALING_OFF = "Dialing is off, so no phone was called. The caller heard a sentence instead.";

/** Outcomes that the application logs, and what they mean for the call. */
const outcomes = {
  apology: (_, reason) => [
    "bad",
    "Apology",
    reason || "The flow failed. The caller heard the apology.",
  ],
  error: (_, reason) => ["bad", "Error", reason],
  transient: (hook, reason) => ["bad", "Not available", `${sentence(reason)}${next(hook)}`],
  no_response: (hook) => [
    "bad",
    "No response",
    `The function ended without a response. ${next(hook)}`,
  ],
  not_stored: () => [
    "bad",
    "Not stored",
    "The response was sent, but the event could not be stored.",
  ],
  unsigned: (hook) => ["warn", "Not signed", `Arrived without a signature. ${next(hook)}`],
  rejected: (hook, reason) => [
    "warn",
    "Refused",
    `The signature was refused. ${sentence(reason)}${next(hook)}`,
  ],
  invalid: (_, reason) => ["warn", "Invalid", sentence(reason)],
  too_large: () => ["warn", "Too large", "The body is larger than 256 KiB."],
};

/** @param {any} hook @param {string} reason @returns {[RowResult["tone"], string, string]} */
function refused(hook, reason) {
  const tone = hook.kind === "answer" || hook.status >= 500 ? "bad" : "warn";
  return [
    tone,
    "Refused",
    `${sentence(reason)}Vonage treats ${hook.status} as a failure. ${next(hook)}`,
  ];
}

/** What Vonage does after a failed attempt. */
function next({ attempt, status, kind }) {
  const isRetried = status === null || [429, 503, 504].includes(status);
  if (isRetried && attempt === 1) return "Vonage sends it again after 1 s.";
  return kind === "answer" ? "Vonage requests the fallback URL." : "";
}

const timedOut = (error) => (/timeout/i.test(error) ? "Timed out" : "No response");

const whyNoResponse = (hook) => `${sentence(hook.error)}${next(hook)}`;

const fallbackReason = ({ fields }) =>
  `Vonage requested the fallback URL. ${sentence(fields.reason ?? "")}`;

/** The text as a sentence, followed by a blank. */
function sentence(text) {
  if (!text) return "";
  return `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}. `;
}

/** What came of any other row. @param {Row} row */
function textOf(row) {
  if (row.kind === "action") {
    if (row.end === null) return row.recording ? "Recording" : "Running";
    if (row.recording) return "Recorded";
    if (row.interrupted) return "Cut short";
    return row.action === "talk" || row.action === "stream" ? "Played" : "";
  }
  if (row.kind === "recording" || row.recording) return row.end === null ? "Recording" : "Recorded";
  return "";
}

/**
 * Returns what a list and the heading show about a call.
 *
 * @param {{legs: any[], rows: Row[], exchangeOf: (row: Row) => any}} call Legs in their order.
 */
export function summaryOf({ legs, rows, exchangeOf }) {
  const [first] = legs;
  const isLive = legs.some((leg) => !leg.over);
  const results = rows.map((row) => ({ row, exchange: exchangeOf(row) }));
  const hooks = results
    .filter(({ row }) => row.kind === "hook")
    .map(({ row, exchange }) => ({ row, exchange, result: resultOf(row, exchange) }));
  const answer = hooks.findLast(
    ({ row, exchange }) => row.hook.kind === "answer" && exchange?.flow,
  );
  const closed = hooks.find(({ exchange }) => exchange?.closed);
  const problem = problemIn(hooks);
  const ending = first?.ended_at ?? null;
  return {
    isLive,
    from: first?.from || "withheld",
    to: first?.to ?? "",
    startedAt: first?.created_at ?? 0,
    seconds: ending === null ? null : Math.max(0, ending - (first?.created_at ?? ending)),
    /** The flow that answered; null before, and if another one than a flow answered. */
    flow: closed && !answer ? null : (answer?.exchange.flow ?? null),
    label: closed && !answer ? "closed announcement" : "",
    outcome: isLive ? "live" : worst(legs, rows, hooks),
    problem,
    badges: badgesOf(hooks, rows, legs),
  };
}

/** The first failure that a caller noticed. */
function problemIn(hooks) {
  const failed = hooks.find(({ result }) => result.tone === "bad");
  if (!failed) return null;
  const { row, exchange, result } = failed;
  const titles = {
    apology: `The flow ${exchange?.flow ?? ""} failed, so the caller heard the apology.`,
    not_stored: "An event could not be stored.",
  };
  const title =
    titles[exchange?.outcome] ??
    (row.hook.kind === "fallback" ? "Vonage used the fallback." : `${row.hook.path} failed.`);
  return { row: row.id, title, text: result.why, location: result.location };
}

/** @param {any[]} legs @param {Row[]} rows @param {any[]} hooks */
function worst(legs, rows, hooks) {
  const found = [
    legs.some(({ direction, status }) => direction === "outbound" && UNANSWERED.has(status)) &&
      !legs.some(
        ({ direction, answered_at: at }, lane) => lane > 0 && direction === "outbound" && at,
      ) &&
      "noanswer",
    legs[0]?.answered_at === null && "noanswer",
    rows.some(isMessage) && "message",
    hooks.some(({ row }) => row.hook.fields.status === "machine") && "machine",
    hooks.some(({ exchange }) => exchange?.closed) && "closed",
    hooks.some(({ exchange }) => exchange?.dialing_off) && "notconnected",
    hooks.some(({ result }) => result.tone === "bad") && "failed",
    hooks.some(({ row }) => row.hook.kind === "fallback" && row.hook.status === 200) && "fallback",
    hooks.some(({ exchange }) => exchange?.outcome === "apology") && "apology",
  ].filter(Boolean);
  const order = Object.keys(OUTCOMES);
  const rank = (name) => order.indexOf(name);
  return found.reduce((one, other) => (rank(other) > rank(one) ? other : one), "completed");
}

/** A recording that the caller ended by a key or by silence is a message. @param {Row} row */
function isMessage({ action, recording, entry, end }) {
  const { endOnKey, endOnSilence, timeOut } = entry?.details ?? {};
  return action === "record" && Boolean(recording && end && (endOnKey || endOnSilence || timeOut));
}

/** @param {any[]} hooks @param {Row[]} rows @param {any[]} legs */
function badgesOf(hooks, rows, legs) {
  const retries = hooks.filter(({ row }) => row.hook.attempt > 1).length;
  const faults = rows.reduce((sum, row) => sum + row.faults.length, 0);
  const refusedOnes = hooks.filter(({ exchange }) => exchange?.outcome === "rejected").length;
  return [
    retries > 0 && { icon: "retry", tone: "warn", text: count(retries, "retry", "retries") },
    refusedOnes > 0 && {
      icon: "warn",
      tone: "warn",
      text: count(refusedOnes, "refused signature"),
    },
    faults > 0 && { icon: "bolt", tone: "warn", text: count(faults, "fault") },
    legs.length > 2 && { icon: "conversation", tone: "", text: count(legs.length, "leg") },
  ].filter(Boolean);
}

const count = (number, noun, plural = `${noun}s`) => `${number} ${number === 1 ? noun : plural}`;

/** Whether the call has something that needs attention. */
export const isProblem = ({ outcome }) => OUTCOMES[outcome]?.[1] === "bad";

export { OVER };
