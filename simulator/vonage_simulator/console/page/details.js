// The details of an event: a panel with a tab for each thing that is known of it.

import { Facts, html, Icon, IconButton, Id, Json, Tabs, Verdict } from "./parts.js";
import { useState } from "./preact.js";
import { FaultLink } from "./events.js";
import { faultOf } from "./fault-texts.js";
import { barTone, letterOf } from "./overview.js";
import { nameOf, optionsOf, sentence, toneOf } from "./ncco-text.js";
import { addressOf, milliseconds, pretty, seconds, timeOfDay } from "./format.js";
import { detailTabs, WebhookTools } from "./extensions.js";

/** The tab to show first, by the outcome that the application logged. */
const FIRST = {
  apology: "log",
  error: "log",
  transient: "log",
  unsigned: "request",
  rejected: "request",
};

/**
 * @param {{model: import("./call-models.js").CallModel, item: any, legs: any[], api: any, begin: number,
 *   tab: string|null, setTab: (id: string) => void, dock: string, setDock: (dock: string) => void,
 *   step: (by: number) => void, close: () => void}} props
 */
export function Details({
  model,
  item,
  legs,
  api,
  begin,
  tab,
  setTab,
  dock,
  setDock,
  step,
  close,
}) {
  const { row, exchange } = item;
  const tabs = tabsOf({ model, item, api, begin });
  const first = FIRST[exchange?.outcome] ?? tabs[0].id;
  const chosen = tabs.some(({ id }) => id === tab) ? tab : first;
  const lane = legs.findIndex((leg) => leg.uuid === row.leg);
  return html`<section class="details" aria-label="Details">
    <div class="details-head">
      <h2 class="details-title"><${Title} item=${item} /></h2>
      <div class="tools tight">
        <${IconButton} name="up" label="Previous event" click=${() => step(-1)} />
        <${IconButton} name="down" label="Next event" click=${() => step(1)} />
        <${IconButton}
          name=${dock === "right" ? "dockbottom" : "dockright"}
          look="dock-button"
          label=${dock === "right" ? "Dock at the bottom" : "Dock at the right"}
          click=${() => setDock(dock === "right" ? "bottom" : "right")}
        />
        <${IconButton} name="close" label="Close details" click=${close} />
      </div>
    </div>
    <div class="details-about">
      <p class="about">
        <${About} item=${item} />
        <span class="about-item leg-about"
          ><span class="leg">${letterOf(lane)}</span><span class="unseen">leg </span
          ><${Id} text=${row.leg} what="Leg ID" tail=${4}
        /></span>
      </p>
      ${row.hook && html`<${WebhookTools} row=${row} api=${api} exchange=${exchange} />`}
    </div>
    <${Tabs} label="Details" tabs=${tabs} chosen=${chosen} choose=${setTab} key=${row.id} />
  </section>`;
}

function Title({ item }) {
  const { row } = item;
  const request = row.hook ?? (row.kind === "api" && row.entry);
  if (request)
    return html`<span class="method">${request.method}</span
      ><span class="path">${request.path}</span>`;
  if (row.kind === "action")
    return html`<span class="act tone-${barTone(item)}"
      ><${Icon} name=${row.action} />${row.action}</span
    >`;
  if (row.kind === "key") return html`<span>Key </span><kbd>${row.text}</kbd>`;
  const names = {
    say: ["say", "says"],
    status: ["phone", row.status ?? "status"],
    sound: ["sound", row.entry.sound],
    recording: ["record", "recording"],
    change: ["sliders", row.text],
    error: ["error", "error"],
    warning: ["warn", "warning"],
    websocket: ["connect", "WebSocket"],
  };
  const [icon, name] = names[row.kind] ?? ["info", row.kind];
  return html`<span class="act"><${Icon} name=${icon} />${name}</span>`;
}

function About({ item }) {
  const { row, result, exchange } = item;
  const { hook } = row;
  const parts = [
    hook &&
      html`<span class="status-text ${result.tone || "good"}"
        >${hook.status ?? (hook.isDone ? "no response" : "waiting")}</span
      >`,
    result.tone === "bad" && html`<span class="stamp">${result.text}</span>`,
    hook && hook.ms !== null && milliseconds(hook.ms),
    exchange?.function,
    exchange?.flow &&
      html`<a href="#/flows/${encodeURIComponent(exchange.flow)}">${exchange.flow}</a>`,
    hook && hook.attempt > 1 && `attempt ${hook.attempt}`,
    !hook && typeof row.end === "number" && seconds(row.end - row.at),
    timeOfDay(row.at),
    ...row.faults.map((fault) => html`<${FaultLink} fault=${faultOf(fault)} />`),
  ].filter(Boolean);
  return parts.map((part, index) => html`<span class="about-item" key=${index}>${part}</span>`);
}

function tabsOf({ model, item, api, begin }) {
  const { row } = item;
  const own = detailTabs({ model, item, api });
  const ncco =
    row.kind === "action"
      ? nccoAround(model, row)
      : row.hook?.ncco && { ncco: row.hook.ncco, chosen: null };
  return [
    own.recording,
    ncco && {
      id: "ncco",
      label: "NCCO",
      count: ncco.ncco.length,
      view: () => html`<${Ncco} ...${ncco} />`,
    },
    row.hook && {
      id: "request",
      label: "Request",
      view: () => html`<${Request} row=${row} exchange=${item.exchange} />`,
    },
    row.hook && {
      id: "response",
      label: "Response",
      count: row.hook.status ?? "none",
      tone: item.result.tone,
      view: () => html`<${Response} item=${item} />`,
    },
    own.log,
    own.items,
    !row.hook && {
      id: "journal",
      label: "Journal",
      view: () => html`<${Json} value=${row.entry} label="Journal entry" />`,
    },
  ].filter(Boolean);
}

/** The NCCO that an action belongs to, with its position. */
function nccoAround(model, row) {
  const before = model.rows.findLast(
    (one) => one.hook?.ncco && one.leg === row.leg && one.at <= row.at,
  );
  if (!before) return row.entry.details && { ncco: [row.entry.details], chosen: 0 };
  return { ncco: before.hook.ncco, chosen: row.entry.position ?? null };
}

/**
 * An NCCO in words beside its JSON; pointing at an action marks its lines.
 *
 * @param {{ncco: any[], chosen?: number|null, level?: number}} props `level` of its headings.
 */
export function Ncco({ ncco, chosen = null, level = 3 }) {
  const H = `h${level}`;
  const [pointed, point] = useState(null);
  const marked = pointed ?? chosen;
  const last = nameOf(ncco.at(-1));
  const end =
    {
      input: "The response to the next webhook continues from here.",
      notify: "The response to the next webhook continues from here.",
      conversation: "The call stays in the conversation.",
    }[last] ?? "The call ends.";
  return html`<div class="ncco">
    <div>
      <${H} class="part-title">In words<//>
      <ol class="steps">
        ${ncco.map(
          (action, index) =>
            html`<li
              key=${index}
              class="step tone-${toneOf(action)} ${index === marked ? "marked" : ""}"
              onPointerEnter=${() => point(index)}
              onPointerLeave=${() => point(null)}
            >
              <p class="step-name">
                <${Icon} name=${nameOf(action)} /><span>${nameOf(action)}</span>
              </p>
              <p>${sentence(action)}</p>
              ${index === chosen && html`<${Facts} pairs=${optionsOf(action).map(({ name, meaning }) => [name, meaning])} />`}
            </li>`,
        )}
        <li class="step end">${end}</li>
      </ol>
    </div>
    <div>
      <${H} class="part-title">JSON<//>
      <${Json} value=${ncco} label="NCCO" marked=${marked} />
    </div>
  </div>`;
}

function Request({ row, exchange }) {
  const { webhook } = row.entry;
  const { headers, body } = webhook.request;
  const { query } = addressOf(webhook.url);
  return html` <div class="line-fact">
      <span class="method">${webhook.method}</span
      ><${Id} text=${webhook.url} what="Address" tail=${16} />
    </div>
    <h3 class="part-title">Signature</h3>
    ${signatureOf(row.hook, exchange)}
    ${headers.Authorization && html`<${Json} value=${claimsOf(headers.Authorization)} label="Claims" />`}
    ${
      query &&
      html`<h3 class="part-title">Query</h3>
        <${Facts}
          pairs=${[...new URLSearchParams(query)].map(([name, value]) => [name, html`<code>${value}</code>`])}
        />`
    }
    ${
      body !== null &&
      html`<h3 class="part-title">Body</h3>
        <${Json} value=${row.hook.fields} label="Request body" />`
    }
    <h3 class="part-title">Headers</h3>
    <${Facts}
      pairs=${Object.entries(headers).map(([name, value]) => [name, html`<code class="one-line">${value}</code>`])}
    />`;
}

/** @param {any} hook @param {any} exchange */
function signatureOf(hook, exchange) {
  if (!hook.isSigned)
    return html`<${Verdict} tone="warn"
      >No Authorization header. Vonage documents that this can happen, so the application asks for
      the webhook again.<//
    >`;
  if (exchange?.outcome === "rejected")
    return html`<${Verdict} tone="warn">The application refused it: ${exchange.detail}.<//>`;
  if (exchange) return html`<${Verdict} tone="good">Signed, and accepted by the application.<//>`;
  return html`<${Verdict}>Signed with the account’s signature secret.<//>`;
}

/** @param {string} authorization */
function claimsOf(authorization) {
  try {
    const claims = authorization.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(
      new TextDecoder().decode(Uint8Array.from(atob(claims), (one) => one.charCodeAt(0))),
    );
  } catch {
    return "The token cannot be decoded.";
  }
}

function Response({ item }) {
  const { row, result } = item;
  const { reply } = row.entry.webhook;
  if (row.hook.error) return html`<${Verdict} tone="bad">${result.why}<//>`;
  if (!reply) return html`<p class="muted" role="status">Not here yet.</p>`;
  const headers =
    reply.headers ?? (reply.content_type ? { "content-type": reply.content_type } : {});
  return html` ${item.exchange?.outcome === "apology" && html`<${Verdict} tone="bad">This is the apology. Vonage got 200, so that the caller hears something.<//>`}
    ${
      reply.body
        ? html`<h3 class="part-title">Body</h3>
            ${parsed(reply.body)}`
        : html`<p class="muted">
            ${row.hook.status === 204 ? "204 has no body. The call continues." : "No body."}
          </p>`
    }
    <h3 class="part-title">Headers</h3>
    <${Facts}
      pairs=${Object.entries(headers).map(([name, value]) => [name, html`<code class="one-line">${value}</code>`])}
    />`;
}

/** @param {string} body */
function parsed(body) {
  try {
    return html`<${Json} value=${JSON.parse(body)} label="Response body" />`;
  } catch {
    return html`<pre class="code wraps" tabindex="0">${pretty(body)}</pre>`;
  }
}
