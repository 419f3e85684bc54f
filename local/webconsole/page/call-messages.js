// Why a call came to nothing or ended, in a sentence for the person at the phone.
// @ts-check

/** How a call that rings here can stop ringing, by the leg's status. */
const STOPPED = /** @type {Record<string, string>} */ ({
  answered: "was answered elsewhere",
  rejected: "was declined elsewhere",
  busy: "was declined elsewhere",
  cancelled: "was given up by the caller",
  timeout: "rang for too long and was given up",
});

/** @param {number} speed */
export const speedNote = (speed) =>
  `The clock of the platform runs at speed ${speed}: sounds are not heard as they are, ` +
  "and the microphone is off.";

/** @param {string} number */
export const noApplication = (number) => `No application is linked to ${number}.`;

export const AWAY = "The platform does not answer.";

export const RESTARTED = "The platform was started anew; calls from before are gone.";

/**
 * Says why a leg that rang here does no more.
 *
 * @param {import("./store.js").Leg} leg
 * @param {import("./store.js").Entry[]} entries
 */
export function whyStopped(leg, entries) {
  const statuses = entries.filter(({ kind }) => kind === "leg").map(({ status }) => status);
  const telling = statuses.find((status) => status in STOPPED);
  return `The call from ${leg.from} ${STOPPED[telling ?? leg.status] ?? "rings no more"}.`;
}

/**
 * Says why a line has ended.
 *
 * @param {import("./store.js").Leg} leg
 * @param {import("./store.js").Entry[]} entries
 * @param {boolean} hungUpHere
 */
export function whyEnded(leg, entries, hungUpHere) {
  if (hungUpHere) return "You hung up.";
  if (leg.answered_at !== null) return "The call has ended.";
  return `The call was not answered: ${failureIn(entries) ?? "nobody took it"}.`;
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
    : `the ${failed.webhook.kind} webhook gave ${status}`;
}

/** @param {any} webhook */
function isFailure({ kind, status }) {
  return (kind === "answer" || kind === "fallback") && status !== 200;
}

/** @param {string|null} text */
const trimmed = (text) => (text ?? "no answer").replace(/\.$/, "");
