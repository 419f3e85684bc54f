// The details of the selected row, for each kind of row.
// @ts-check

import { fill, h } from "./dom.js";
import { explainAction } from "./ncco-view.js";
import { button, facts, lazyFoldable, verbatim } from "./widgets.js";
import { recordingPart } from "./recording-details.js";
import { webhookParts } from "./webhook-details.js";
import { plural, seconds, timeOfDay } from "./format.js";

const KINDS = {
  status: "Leg status",
  webhook: "Webhook",
  action: "NCCO action",
  sound: "Audio",
  digit: "DTMF",
  speech: "Speech",
  recording: "Recording",
  transfer: "Transfer",
  change: "Call modified",
  error: "Error",
};

/**
 * Creates the panel; `show` fills it, and `close` is called when the user closes it.
 *
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js"),
 *   close: () => void}} options
 */
export function createDetailsPanel({ store, api, close }) {
  const element = h("section", { class: "details card", "aria-label": "Details" });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  clear();

  function clear() {
    fill(
      element,
      h("h3", {}, "Details"),
      h("p", { class: "muted" }, "Select a row of the call timeline to see its details."),
    );
  }

  /**
   * @param {import("./diagram-rows.js").Row} row
   * @param {string[]} conversations The call's conversations, whose DynamoDB items are shown.
   */
  function show(row, conversations) {
    const kind = KINDS[row.kind];
    const heading = kind.toLowerCase() === row.title ? kind : `${kind}: ${row.title}`;
    const title = h("h3", { tabindex: "-1" }, heading);
    const head = h(
      "div",
      { class: "details-head" },
      title,
      button("Close", close, { class: "quiet little" }),
    );
    fill(element, head, ...contentOf(row, { store, api }), itemsPart(api, conversations));
    element.scrollTop = 0;
  }

  /** Moves the focus to the panel, for narrow pages where it is below the diagram. */
  function enter() {
    element.querySelector("h3")?.focus({ preventScroll: true });
    element.scrollIntoView({ block: "start" });
  }

  return { element, show, clear, enter };
}

function contentOf(row, parts) {
  if (row.kind === "webhook") return webhookParts(row, parts);
  if (row.kind === "action") return [timesOf(row), actionPart(row)];
  if (row.kind === "recording") {
    return [timesOf(row), recordingPart(parts.api, row.entry.recording_uuid), entryPart(row.entry)];
  }
  if (row.kind === "status") return [legFacts(row, parts.store), entryPart(row.entry)];
  return [timesOf(row), contentFacts(row.entry), entryPart(row.entry)];
}

function timesOf(row) {
  const long = row.end ? seconds(row.end - row.at) : null;
  return facts([
    ["At", timeOfDay(row.at)],
    ["Duration", long],
    [
      "Expected duration",
      row.end === null && row.seconds ? `${seconds(row.seconds)}, in progress` : null,
    ],
    ["Interrupted", row.interrupted ? "yes" : null],
    ["Leg", row.lane],
  ]);
}

function actionPart(row) {
  const { details, ncco, position } = row.entry;
  if (!details) return entryPart(row.entry);
  const place = ncco ? `Action ${position + 1} of NCCO ${ncco} on this leg` : null;
  return h(
    "div",
    { class: "part" },
    place ? h("p", { class: "small muted" }, place) : null,
    explainAction(details),
    foldedJson(details),
  );
}

function foldedJson(value) {
  return h(
    "details",
    { class: "part" },
    h("summary", {}, "JSON"),
    verbatim(JSON.stringify(value, null, 2)),
  );
}

function contentFacts({ text, digit, heard_by: listeners, details, reason, detail }) {
  return facts([
    ["Text", text ?? details?.text],
    ["Digits", digit ?? details?.digits],
    ["Language", details?.language],
    ["File", details?.url],
    ["Heard by", listeners ? listeners.join(", ") || "no leg" : null],
    ["Reason", reason],
    ["Detail", detail],
  ]);
}

function legFacts(row, store) {
  const leg = store.legs.get(row.lane);
  return facts([
    ["At", timeOfDay(row.at)],
    ["Leg", row.lane],
    ["Direction", leg?.direction],
    ["From", leg?.from],
    ["To", leg?.to],
    ["Conversation", row.entry.conversation_uuid],
    ["Flow", store.flowOf(row.lane)],
  ]);
}

function entryPart(entry) {
  return h(
    "details",
    { class: "part" },
    h("summary", {}, "Journal entry"),
    verbatim(JSON.stringify(entry, null, 2)),
  );
}

/** The DynamoDB items of these conversations. */
function itemsPart(api, conversations) {
  return lazyFoldable("Items in DynamoDB", async () => {
    const responses = await Promise.all(
      conversations.map((id) => api.get(`/api/conversations/${encodeURIComponent(id)}/items`)),
    );
    const items = responses.flatMap((response) => response.items);
    if (!items.length) return h("p", { class: "muted" }, "No items yet.");
    return [h("p", { class: "small muted" }, plural(items.length, "item")), items.map(itemOf)];
  });
}

function itemOf(item) {
  const { kind, leg, status, received_at: received } = item;
  const title = [kind, status, leg && `leg ${leg.slice(0, 8)}`, received]
    .filter(Boolean)
    .join(" · ");
  const shown = typeof item.body === "string" ? { ...item, body: parsed(item.body) } : item;
  return h(
    "details",
    { class: "item" },
    h("summary", {}, title || "item"),
    verbatim(JSON.stringify(shown, null, 2)),
  );
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
