// Messages: what callers left, and the e-mails that a deployed stack would send.

import { Button, Chip, CodeBlock, Facts, html, Icon, useUpdates } from "./parts.js";
import { useEffect } from "./preact.js";
import { preferences } from "./preferences.js";
import { Recording } from "./player.js";
import { link } from "./router.js";
import { timeOfDay } from "./format.js";

const POLL = 3000; // milliseconds between two looks while the view is shown

/**
 * Messages and e-mails, loaded at the start and after each recording.
 *
 * @param {{store: any, api: any, calls: any}} parts
 */
export function createMessages({ store, api, calls }) {
  /** @type {any[]} */
  let mails = [];
  /** @type {string[]} recordings that were opened, in this browser */
  let heard = preferences.get("heard", []);
  let problem = "";
  /** @type {Set<() => void>} */
  const listeners = new Set();
  const changed = () => {
    for (const listener of listeners) listener();
  };

  async function load() {
    try {
      mails = await api.get("/api/outbox");
      problem = "";
    } catch (error) {
      problem = error.message;
    }
    changed();
  }

  store.subscribe("stack", load);
  return {
    load,
    problem: () => problem,
    mails: () => mails,
    /** Messages of the calls in the list, newest first. */
    voicemails: () =>
      calls.all().flatMap((model) =>
        model.rows
          .filter(({ hook }) => hook?.fields.recording_uuid && /purpose=voicemail/.test(hook.query))
          .map((row) => ({
            id: row.hook.fields.recording_uuid,
            at: row.at,
            from: model.summary().from,
            to: model.summary().to,
            flow: model.summary().flow,
            call: model.key,
            isNew: !heard.includes(row.hook.fields.recording_uuid),
          })),
      ),
    /** @param {string} id @param {boolean} isNew */
    mark(id, isNew) {
      heard = isNew
        ? heard.filter((one) => one !== id)
        : [...heard.filter((one) => one !== id), id].slice(-500);
      preferences.set("heard", heard);
      changed();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const nameOf = (from) => (from === "withheld" ? "Number withheld" : from);

/** @param {{messages: ReturnType<typeof createMessages>, calls: any, api: any, path: string[], isSmall: boolean, callBack: (number: string) => void}} props */
export function MessagesView({ messages, calls, api, path, isSmall, callBack }) {
  useUpdates(messages.subscribe, calls.subscribe);
  useEffect(() => {
    void messages.load();
    const timer = setInterval(() => !document.hidden && messages.load(), POLL);
    return () => clearInterval(timer);
  }, []);
  const isOutbox = path[0] === "outbox";
  const voicemails = messages.voicemails();
  const mails = messages
    .mails()
    .map((mail, index) => ({ ...mail, id: String(index) }))
    .reverse();
  const all = isOutbox ? mails : voicemails;
  const current = all.find(({ id }) => id === path[1]) ?? (isSmall ? null : all[0]);
  const fresh = voicemails.filter(({ isNew }) => isNew).length;
  const tab = (name, label, count, isOn) =>
    html`<a class="tab" href=${link("messages", name)} aria-current=${isOn ? "page" : undefined}
      >${label}<span class="count">${count}</span></a
    >`;
  const empty = isOutbox
    ? "No e-mails yet. Set NotifyEmail, leave a message, and the e-mail about it is here."
    : "No messages yet. Call the flow voicemail or reception, and say something after the tone.";
  return html`<div class="messages-view ${path[1] ? "is-reading" : ""}">
    <section class="message-list" aria-label=${isOutbox ? "E-mails" : "Messages"}>
      <div class="list-head">
        <div class="list-title"><h1>Messages</h1></div>
        <nav class="tablist" aria-label="Kind of messages">
          ${tab("voicemail", "Voicemail", voicemails.length, !isOutbox)}${tab("outbox", "Outbox", mails.length, isOutbox)}
        </nav>
      </div>
      ${isOutbox && messages.problem() && html`<div class="note bad" role="alert"><${Icon} name="error" /><span class="grow">${messages.problem()}</span><${Button} label="Try again" look="small" click=${messages.load} /></div>`}
      ${
        isOutbox
          ? html`<p class="note">
              <${Icon} name="info" /><span
                >Nothing is sent from this machine. A deployed stack sends these e-mails.</span
              >
            </p>`
          : html`<p class="muted small list-note">${fresh ? `${fresh} new` : "Nothing new"}</p>`
      }
      <ul class="message-rows">
        ${all.map((one) => html`<${Row} key=${one.id} one=${one} isOutbox=${isOutbox} isCurrent=${one === current} />`)}
        ${all.length === 0 && html`<li class="nothing"><p>${empty}</p></li>`}
      </ul>
    </section>
    ${current && (isOutbox ? html`<${Mail} key=${current.id} mail=${current} isSmall=${isSmall} />` : html`<${Message} key=${current.id} one=${current} isChosen=${current.id === path[1]} ...${{ messages, api, isSmall, callBack }} />`)}
  </div>`;
}

function Row({ one, isOutbox, isCurrent }) {
  const href = link("messages", isOutbox ? "outbox" : "voicemail", one.id);
  return html`<li>
    <a
      class="message-row ${one.isNew ? "new" : ""}"
      href=${href}
      aria-current=${isCurrent ? "true" : undefined}
    >
      <span class="message-who numbers"
        >${one.isNew && html`<span class="new-dot" role="img" aria-label="New" />`}${isOutbox ? html`<${Icon} name="mail" />${one.subject}` : nameOf(one.from)}</span
      >
      <span class="numbers muted small"
        >${timeOfDay(isOutbox ? Date.parse(one.at) / 1000 : one.at)}</span
      >
      <span class="message-words"
        >${isOutbox ? (one.text ?? "").split("\n")[0] : `for ${one.to}`}</span
      ></a
    >
  </li>`;
}

function Message({ one, isChosen, messages, api, isSmall, callBack }) {
  // The newest message is shown at once; it is new until somebody chooses it.
  useEffect(() => void (isChosen && messages.mark(one.id, false)), [one.id, isChosen]);
  return html`<article class="reading" aria-labelledby="reading-title">
    <div class="reading-head">
      <a class="button small quiet back only-small" href="#/messages/voicemail"
        ><${Icon} name="left" /><span>Voicemail</span></a
      >
      ${isSmall && html`<h1 class="unseen">Messages</h1>`}
      <h2 id="reading-title" class="numbers">${nameOf(one.from)}</h2>
      <p class="muted small reading-about">
        ${timeOfDay(one.at)}. Left for ${one.to}${one.flow ? `, flow ${one.flow}` : ""}.
      </p>
    </div>
    <${Recording} uuid=${one.id} api=${api} />
    <div class="tools">
      ${one.from !== "withheld" && html`<${Button} label="Call back" icon="phone" look="main" click=${() => callBack(one.from)} />`}
      <a class="button" href=${link("calls", one.call)}
        ><${Icon} name="list" /><span>Open the call</span></a
      >
      <${Button} label="Mark as new" icon="check" click=${() => messages.mark(one.id, true)} />
    </div>
  </article>`;
}

const Mail = ({ mail, isSmall }) => html`
  <article class="reading" aria-labelledby="reading-title">
    <div class="reading-head">
      <a class="button small quiet back only-small" href="#/messages/outbox"
        ><${Icon} name="left" /><span>Outbox</span></a
      >
      ${isSmall && html`<h1 class="unseen">Messages</h1>`}
      <h2 id="reading-title">${mail.subject}</h2>
      <${Chip} text="Not sent" tone="warn" icon="mail" />
    </div>
    <${Facts}
      pairs=${[
        ["When", mail.at],
        ["Line", mail.line],
      ]}
    />
    <div class="letter">
      ${(mail.text ?? "").split("\n").map((text, index) => html`<p key=${index}>${linked(text)}</p>`)}
    </div>
    <h3 class="part-title">As text</h3>
    <${CodeBlock} text=${`Subject: ${mail.subject}\n\n${mail.text}`} label="E-mail" />
  </article>
`;

/** A line of the e-mail, with its listen link as a link. @param {string} text */
function linked(text) {
  const found = /^(.*?)(https?:\/\/\S+)(.*)$/.exec(text);
  return found
    ? html`${found[1]}<a href=${found[2]} target="_blank" rel="noreferrer">${found[2]}</a
        >${found[3]}`
    : text;
}
