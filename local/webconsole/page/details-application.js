// What this project's platform knows of an event besides the simulator: the function's log, the stored
// items, the recording; and a webhook as a command, as a file, and sent again.

import {
  Button,
  Chip,
  Facts,
  FileLink,
  html,
  Icon,
  Id,
  Json,
  Loaded,
  Verdict,
  copy,
  toast,
} from "./parts.js";
import { useState } from "./preact.js";
import { Recording } from "./player.js";
import { addressOf, milliseconds } from "./format.js";

export function applicationTabs({ model, item, api }) {
  const { row, exchange } = item;
  const recording = row.recording ?? row.hook?.fields.recording_uuid;
  const isBad = item.result.tone === "bad";
  return {
    recording: recording && {
      id: "recording",
      label: "Recording",
      view: () => html`<${Recording} uuid=${recording} api=${api} isRunning=${row.end === null} />`,
    },
    log: exchange && {
      id: "log",
      label: "Log",
      count: exchange.error ? "1 error" : undefined,
      tone: isBad ? "bad" : "",
      view: () =>
        html`<${Loaded}
          by=${exchange.id}
          load=${() => api.get(`/api/exchanges/${encodeURIComponent(exchange.id)}`)}
          view=${logOf}
        />`,
    },
    items: row.hook &&
      row.hook.kind !== "answer" &&
      row.hook.kind !== "fallback" && {
        id: "items",
        label: "Stored items",
        view: () =>
          html`<${Loaded}
            by=${row.id}
            load=${() => itemsOf(api, model.conversations())}
            view=${(items) => storedItems(items, row)}
          />`,
      },
  };
}

/** @param {any} exchange */
function logOf({
  log,
  function: name,
  request_id: request,
  error,
  detail,
  location,
  source,
  at,
  ms,
}) {
  const lines = log.map((line) => parsedLine(line));
  return html` ${
      error &&
      html`<div class="trace">
        <p class="trace-title"><${Icon} name="error" /><span>${error}: ${detail}</span></p>
        ${location && html`<p><${FileLink} place="functions/${location}" /></p>`}
        ${source && html`<${Source} source=${source} />`}
      </div>`
    }
    ${lines.length === 0 && html`<p class="muted">No log lines.</p>`}
    ${lines.map((line, index) =>
      typeof line === "string"
        ? html`<pre class="code wraps" key=${index} tabindex="0">${line}</pre>`
        : html`<div key=${index} class="log-line">
              <span class="numbers muted">${String(line.timestamp ?? "").slice(11, 23)}</span>
              ${line.level && html`<${Chip} text=${line.level} tone=${{ ERROR: "bad", WARNING: "warn" }[line.level] ?? ""} />`}
              <code>${[line.message, line.outcome].filter(Boolean).join(" ")}</code>
            </div>
            <${Json} value=${line} label="Log line" />`,
    )}
    <${Facts}
      pairs=${[
        ["Function", name],
        ["Invocation", request && html`<${Id} text=${request} what="Request ID" />`],
        ["Took", milliseconds(ms)],
        ["At", at],
      ]}
    />`;
}

/** The lines of a flow around its error. @param {{source: any}} props */
export const Source = ({ source }) => html`
  <pre class="source" tabindex="0" role="group" aria-label="Lines of ${source.file}">
${source.lines.map(
      (text, index) =>
        html`<span
          key=${index}
          class="source-line ${source.first + index === source.line ? "bad" : ""}"
        >
          <span class="line-number">${source.first + index}</span>${`${text}\n`}</span
        >`,
    )}</pre>
`;

/** @param {string} line */
function parsedLine(line) {
  try {
    const value = JSON.parse(line);
    return value && typeof value === "object" ? value : line;
  } catch {
    return line;
  }
}

/** @param {any} api @param {string[]} conversations */
async function itemsOf(api, conversations) {
  const path = (one) => `/api/conversations/${encodeURIComponent(one)}/items`;
  const answers = await Promise.all(conversations.map((one) => api.get(path(one))));
  return answers.flatMap(({ items }) => items);
}

/** The items of this event first; of all others their number. @param {any[]} items @param {any} row */
function storedItems(items, row) {
  const { timestamp } = row.hook.fields;
  const own = items.filter(({ sk }) => timestamp && String(sk).startsWith(timestamp));
  if (items.length === 0) return html`<p class="muted">Nothing is stored yet.</p>`;
  return html` <p class="muted small">
      ${own.length === 0 ? "This event is not stored." : ""} The call has ${items.length} stored
      items.
    </p>
    ${(own.length > 0 ? own : items).map(
      (item) =>
        html`<div key=${item.sk} class="stored">
          <${Facts}
            pairs=${[
              ["Key", html`<${Id} text=${String(item.pk)} what="Key" />`],
              ["Sort key", html`<${Id} text=${String(item.sk)} what="Sort key" tail=${14} />`],
            ]}
          />
          <${Json} value=${item} label="Stored item" />
        </div>`,
    )}`;
}

/** A webhook as a command, as an event file, and sent again. */
export function WebhookTools({ row, api, exchange }) {
  const [answer, setAnswer] = useState("");
  if (!exchange) return null;
  const { url, method, request } = row.entry.webhook;
  const { path, query } = addressOf(url);
  const sample = { method, path, query, body: request.body };
  const attempt = (work) => () => work().catch((error) => setAnswer(error.message));
  const curl = async () =>
    copy((await api.post("/api/webhooks/curl", sample)).text, "Signed curl command");
  const file = async () =>
    copy((await api.post("/api/webhooks/event", sample)).text, "Event for sam local invoke");
  const again = async () => {
    const { status, ms } = await api.post("/api/webhooks/send", sample);
    setAnswer("");
    toast(`Sent again: ${status} in ${milliseconds(ms)}`);
  };
  return html`<div class="tools">
    <${Button} label="Copy as curl" icon="terminal" look="small" click=${attempt(curl)} />
    <${Button} label="Send again" icon="send" look="small" click=${attempt(again)} />
    <${Button} label="Event file" icon="file" look="small" click=${attempt(file)} />
    ${answer && html`<${Verdict} tone="bad">${answer}<//>`}
  </div>`;
}
