// Messages for the user of the softphone: why a call failed or ended.
// @ts-check

/** Why a call stopped ringing here, by the leg's status. */
const STOPPED = /** @type {Record<string, string>} */ ({
  answered: "was answered elsewhere",
  rejected: "was declined elsewhere",
  busy: "was declined elsewhere",
  cancelled: "was canceled by the caller",
  timeout: "was not answered in time",
});

/** @param {number} speed */
export const speedNote = (speed) =>
  `The simulator's clock runs at speed ${speed}. Audio may be distorted, ` +
  "and the microphone is off.";

/** @param {string} number */
export const noApplication = (number) => `No application is linked to ${number}.`;

export const NOT_RESPONDING = "The local platform is not responding.";

export const RESTARTED = "The local platform was restarted. Earlier calls are gone.";

/**
 * Returns why a leg stopped ringing here.
 *
 * @param {import("./store.js").Leg} leg
 * @param {import("./store.js").Entry[]} entries
 */
export function whyStopped(leg, entries) {
  const statuses = entries.filter(({ kind }) => kind === "leg").map(({ status }) => status);
  const reason = statuses.find((status) => status in STOPPED);
  return `The call from ${leg.from} ${STOPPED[reason ?? leg.status] ?? "stopped ringing"}.`;
}

/**
 * Returns why a line has ended.
 *
 * @param {import("./store.js").Leg} leg
 * @param {import("./store.js").Entry[]} entries
 * @param {boolean} hungUpHere
 */
export function whyEnded(leg, entries, hungUpHere) {
  if (hungUpHere) return "You hung up.";
  if (leg.answered_at !== null) return "The call has ended.";
  return `The call was not answered: ${failureIn(entries) ?? "no answer"}.`;
}

/** @param {import("./store.js").Entry[]} entries @returns {string|undefined} */
function failureIn(entries) {
  const error = entries.findLast(({ kind }) => kind === "error");
  if (error) return error.reason;
  const failed = entries.findLast(({ kind, webhook }) => kind === "webhook" && isFailure(webhook));
  if (!failed) return undefined;
  const { status, error: reason } = failed.webhook;
  return status === null
    ? `the ${failed.webhook.kind} webhook: ${trimmed(reason)}`
    : `the ${failed.webhook.kind} webhook returned ${status}`;
}

/** @param {any} webhook */
function isFailure({ kind, status }) {
  return (kind === "answer" || kind === "fallback") && status !== 200;
}

/** @param {string|null} text */
const trimmed = (text) => (text ?? "no response").replace(/\.$/, "");
