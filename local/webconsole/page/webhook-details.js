// The details of a webhook: request, signature, response and function log; and actions to copy it
// as a curl command or a Lambda event, or to send it again.
// @ts-check

import { fill, h, write } from "./dom.js";
import { explainNcco } from "./ncco-view.js";
import { nccoIn } from "./ncco-text.js";
import { button, facts, foldable, loadInto, section, errorNote, verbatim } from "./widgets.js";
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
    responsePart(webhook),
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
    ["Duration", ms === null ? null : milliseconds(ms)],
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
    value === token ? "See the signature below" : h("code", {}, value),
  ]);
  return foldable(
    "Request",
    true,
    facts(headers),
    token
      ? foldable("Signature", false, verbatim(claimsOf(token)), verbatim(token))
      : h("p", { class: "note warn" }, "This webhook is not signed."),
    request.body === null
      ? h("p", { class: "muted" }, "No body. The fields are in the query.")
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
    return "The token cannot be decoded.";
  }
}

function responsePart({ reply, error }) {
  if (error) return section("Response", h("p", { class: "note bad" }, error));
  if (!reply) return section("Response", h("p", { class: "muted" }, "No response yet."));
  const ncco = nccoIn(reply.body);
  return h(
    "div",
    {},
    ncco ? foldable("NCCO", true, explainNcco(ncco)) : null,
    foldable(
      "Response",
      !ncco,
      responseHeaders(reply),
      reply.body ? verbatim(pretty(reply.body)) : h("p", { class: "muted" }, "No body."),
    ),
  );
}

function responseHeaders({ headers, content_type: type }) {
  const all = headers ?? (type ? { "content-type": type } : {});
  return facts(Object.entries(all).map(([name, value]) => [name, h("code", {}, value)]));
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
        ["Request ID", request],
        ["Duration", ms === null || ms === undefined ? null : milliseconds(ms)],
      ]),
      log?.length
        ? log.map((line) => verbatim(pretty(line)))
        : h("p", { class: "muted" }, "No log lines."),
    ];
  });
  return foldable("Function log", true, content);
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

/** The action buttons, followed by a status and the result. */
function actionsPart(webhook, api, functionName) {
  const status = h("p", { role: "status" });
  const result = h("div", { class: "outcome" });
  const body = requestOf(webhook);

  async function attempt(progress, work) {
    write(status, progress);
    fill(result);
    try {
      await work();
    } catch (error) {
      write(status, "");
      fill(result, errorNote(error));
    }
  }

  const copy = (kind, hint) => () =>
    attempt("", async () => {
      const { text } = await api.post(`/api/webhooks/${kind}`, body);
      write(status, await copyText(text));
      fill(result, hint(), verbatim(text));
    });

  const sendAgain = () =>
    attempt("Sending…", async () => {
      const response = await api.post("/api/webhooks/send", body);
      write(status, `Response ${response.status} in ${milliseconds(response.ms)}`);
      fill(result, resultOf(response));
    });

  const buttons = [
    button("Copy as curl", copy("curl", curlHint), { class: "little" }),
    button(
      "Copy event file",
      copy("event", () => eventHint(functionName())),
      { class: "little" },
    ),
    button("Send again", sendAgain, { class: "little" }),
  ];
  return h("div", { class: "part" }, h("div", { class: "buttons" }, buttons), status, result);
}

function curlHint() {
  return h("p", {}, "The command has a new signature, which is valid for a few minutes.");
}

function eventHint(name) {
  const command = `sam local invoke ${name ?? "AnswerFunction"} --event event.json`;
  return h("p", {}, "Save it as event.json and run ", h("code", {}, command), ".");
}

function resultOf({ status, body }) {
  const ncco = nccoIn(body);
  const isGood = status >= 200 && status <= 205;
  return [
    isGood ? null : h("p", { class: "note bad" }, "Vonage treats this response as a failure."),
    ncco ? explainNcco(ncco) : null,
    body ? foldable("Body", !ncco, verbatim(pretty(body))) : null,
  ];
}

function requestOf({ method, url, request }) {
  const { path, query } = addressOf(url);
  return { method, path, query, body: request.body };
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied.";
  } catch {
    return "The browser blocked access to the clipboard. Copy the text below.";
  }
}
