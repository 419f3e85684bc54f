// The details of a webhook: request, signature, reply, the function's log, and what can be done
// with it: copied as curl or as an event file, sent again.
// @ts-check

import { fill, h, write } from "./dom.js";
import { explained } from "./ncco-view.js";
import { nccoIn } from "./ncco-text.js";
import { button, facts, folding, loadInto, part, problem, verbatim } from "./widgets.js";
import { recordingPart } from "./recording-details.js";
import { addressOf, milliseconds, pretty, timeOfDay } from "./format.js";

/**
 * @param {import("./diagram-rows.js").Row} row
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function webhookParts(row, { store, api }) {
  const { webhook } = row.entry;
  const exchange = webhook.reply?.headers?.["apigw-requestid"];
  return [
    summaryOf(row, store.exchanges.get(exchange)),
    actionsPart(webhook, api, () => store.exchanges.get(exchange)?.function),
    requestPart(webhook),
    replyPart(webhook),
    exchange ? logPart(api, exchange) : null,
    recordingOf(webhook, api),
  ].filter(Boolean);
}

function summaryOf(row, exchange) {
  const { kind, url, status, error, ms, attempt, at } = row.entry.webhook;
  const { path, query } = addressOf(url);
  return facts([
    ["Kind", kind],
    ["Path", path],
    ["Query", query && decoded(query)],
    ["Sent", timeOfDay(at)],
    ["Attempt", attempt],
    [
      "Status",
      h(
        "span",
        { class: `tag ${row.failed ? "bad" : status ? "good" : "info"}` },
        error ?? status ?? "waiting…",
      ),
    ],
    ["Took", ms === null ? null : milliseconds(ms)],
    ["Function", exchange?.function],
    ["Flow", exchange?.flow],
    ["Leg", row.lane],
  ]);
}

function decoded(query) {
  const pairs = [...new URLSearchParams(query)];
  return h(
    "ul",
    { class: "pairs" },
    pairs.map(([name, value]) => h("li", {}, h("code", {}, name), " = ", value)),
  );
}

function requestPart({ request }) {
  const token = request.headers.Authorization;
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    value === token ? "the signature below" : h("code", {}, value),
  ]);
  return folding(
    "Request",
    true,
    facts(headers),
    token
      ? folding("Signature", false, verbatim(claimsOf(token)), verbatim(token))
      : h("p", { class: "note warn" }, "Not signed"),
    request.body === null
      ? h("p", { class: "muted" }, "No body; the fields are in the query.")
      : verbatim(pretty(request.body)),
  );
}

function claimsOf(authorization) {
  try {
    const [, claims] = authorization.split(".");
    const bytes = Uint8Array.from(atob(claims.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
      c.charCodeAt(0),
    );
    return pretty(new TextDecoder().decode(bytes));
  } catch {
    return "The token cannot be read.";
  }
}

function replyPart({ reply, error }) {
  if (error) return part("Reply", h("p", { class: "note bad" }, error));
  if (!reply) return part("Reply", h("p", { class: "muted" }, "Not here yet."));
  const ncco = nccoIn(reply.body);
  return h(
    "div",
    {},
    ncco ? folding("NCCO", true, explained(ncco)) : null,
    folding(
      "Reply",
      !ncco,
      repliedHeaders(reply),
      reply.body ? verbatim(pretty(reply.body)) : h("p", { class: "muted" }, "No body."),
    ),
  );
}

function repliedHeaders({ headers, content_type: type }) {
  const known = headers ?? (type ? { "content-type": type } : {});
  return facts(Object.entries(known).map(([name, value]) => [name, h("code", {}, value)]));
}

function logPart(api, id) {
  const content = h("div", {});
  loadInto(content, async () => {
    const {
      function: name,
      request_id: request,
      ms,
      log,
    } = await api.get(`/api/exchanges/${encodeURIComponent(id)}`);
    return [
      facts([
        ["Function", name],
        ["Request id", request],
        ["Took", ms === null || ms === undefined ? null : milliseconds(ms)],
      ]),
      log?.length
        ? log.map((line) => verbatim(pretty(line)))
        : h("p", { class: "muted" }, "It wrote nothing."),
    ];
  });
  return folding("Log of the function", true, content);
}

function recordingOf(webhook, api) {
  const fields = fieldsOf(webhook);
  return typeof fields?.recording_uuid === "string"
    ? recordingPart(api, fields.recording_uuid)
    : null;
}

function fieldsOf({ request, url }) {
  try {
    return request.body === null
      ? Object.fromEntries(new URL(url).searchParams)
      : JSON.parse(request.body);
  } catch {
    return null;
  }
}

/** The buttons, and below them what came of them: a sentence, and what it speaks of. */
function actionsPart(webhook, api, functionName) {
  const said = h("p", { role: "status" });
  const shown = h("div", { class: "outcome" });
  const asked = requestOf(webhook);

  async function attempt(waiting, work) {
    write(said, waiting);
    fill(shown);
    try {
      await work();
    } catch (error) {
      write(said, "");
      fill(shown, problem(error));
    }
  }

  const copy = (kind, hint) => () =>
    attempt("", async () => {
      const { text } = await api.post(`/api/webhooks/${kind}`, asked);
      write(said, await copied(text));
      fill(shown, hint(), verbatim(text));
    });

  const again = () =>
    attempt("Sending…", async () => {
      const reply = await api.post("/api/webhooks/send", asked);
      write(said, `Answered ${reply.status} in ${milliseconds(reply.ms)}`);
      fill(shown, outcomeOf(reply));
    });

  const buttons = [
    button("Copy as curl", copy("curl", validity), { class: "little" }),
    button(
      "Copy event file",
      copy("event", () => invocation(functionName())),
      { class: "little" },
    ),
    button("Send again", again, { class: "little" }),
  ];
  return h("div", { class: "part" }, h("div", { class: "buttons" }, buttons), said, shown);
}

function validity() {
  return h("p", {}, "Signed anew; it is good for a few minutes.");
}

function invocation(name) {
  const command = `sam local invoke ${name ?? "AnswerFunction"} --event event.json`;
  return h("p", {}, "Keep it as event.json and run ", h("code", {}, command), ".");
}

function outcomeOf({ status, body }) {
  const ncco = nccoIn(body);
  const isGood = status >= 200 && status <= 205;
  return [
    isGood ? null : h("p", { class: "note bad" }, "Vonage takes this for a failure."),
    ncco ? explained(ncco) : null,
    body ? folding("Body", !ncco, verbatim(pretty(body))) : null,
  ];
}

function requestOf({ method, url, request }) {
  const { path, query } = addressOf(url);
  return { method, path, query, body: request.body };
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied.";
  } catch {
    return "The browser does not let the page copy; here is the text.";
  }
}
