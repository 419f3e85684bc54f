// The phone: a form that places a call, calls that ring here, and the card of each line.

import { Button, Chip, html, Icon, Toggle, useTicks, useUpdates } from "./parts.js";
import { useEffect, useRef, useState } from "./preact.js";
import { preferences } from "./preferences.js";
import { speedNote } from "./call-messages.js";

const NUMBER = /^[0-9]{7,15}$/;
const PHASES = { calling: ["Ringing", "warn"], talking: ["In call", "good"], ended: ["Ended", ""] };
const NEAR = 40; // pixels from the end that count as the end
export const KEYS = [
  ["1", ""],
  ["2", "ABC"],
  ["3", "DEF"],
  ["4", "GHI"],
  ["5", "JKL"],
  ["6", "MNO"],
  ["7", "PQRS"],
  ["8", "TUV"],
  ["9", "WXYZ"],
  ["*", ""],
  ["0", "+"],
  ["#", ""],
];

/** The caller and the callee of the form, which outlive it. */
const form = { from: preferences.get("from", "447700900999"), to: "", flow: "" };

/**
 * @param {{phone: import("./phone-model.js").Phone, store: any, calls: any, level: number, isFirst: boolean,
 *   placeCall: (from: string, to: string, flow: string) => Promise<any>}} props
 */
export function PhoneView({ phone, store, calls, extension, level, isFirst, placeCall }) {
  useUpdates(phone.subscribe, (listener) => store.subscribe("flowList", listener));
  const [isDialing, setDialing] = useState(false);
  const { lines, incoming, microphone } = phone;
  const line = isDialing ? undefined : lines.selected();
  const isLost = store.link === "lost";
  const H = `h${level}`;
  const notes = [
    [lines.problem(), "bad", "error"],
    [store.clock.speed === 1 ? "" : speedNote(store.clock.speed), "warn", "clock"],
    [phone.isBlocked() ? "Click the page or press a key to hear this call." : "", "", "sound"],
    [microphone.note(), "", "mic"],
    [phone.hasVoice() ? "" : "This browser has no voice. You see the words instead.", "", "info"],
  ].filter(([text]) => text);
  const dial = async (from, to, flow) => {
    setDialing(false);
    await placeCall(from, to, flow);
  };
  return html` <div class="phone-head">
      <${H}>Phone<//>
      ${line && html`<${Button} label="New call" icon="plus" look="quiet small" click=${() => setDialing(true)} />`}
      ${isDialing && lines.selected() && html`<${Button} label="Back to the call" look="quiet small" click=${() => setDialing(false)} />`}
    </div>
    <div class="phone-body">
      ${isLost && html`<p class="note bad" role="alert"><${Icon} name="error" /><span>The local platform does not respond. Start it again with make up.</span></p>`}
      ${notes.map(([text, tone, icon]) => html`<p class="note ${tone}" role="status" key=${text}><${Icon} name=${icon} /><span>${text}</span></p>`)}
      ${incoming.note() && html`<p class="note" role="status"><span class="grow">${incoming.note()}</span><${Button} label="Dismiss" look="quiet small" click=${incoming.dismiss} /></p>`}
      ${incoming.legs().map((leg) => html`<${Incoming} key=${leg.uuid} leg=${leg} incoming=${incoming} />`)}
      ${
        line
          ? html`<${LineCard}
              key=${line.uuid}
              line=${line}
              phone=${phone}
              store=${store}
              calls=${calls}
              level=${level + 1}
            />`
          : html`<${DialForm}
              store=${store}
              calls=${calls}
              extension=${extension}
              isFirst=${isFirst}
              isLost=${isLost}
              dial=${dial}
              level=${level + 1}
            />`
      }
    </div>
    <div class="phone-options" role="group" aria-label="Phone options">
      <${Toggle}
        label="Sound"
        icon="sound"
        on=${!phone.isQuiet()}
        change=${(on) => phone.setQuiet(!on)}
        title="Hear what callers hear"
      />
      <${Toggle}
        label="Ring here"
        icon="bell"
        on=${incoming.isOn()}
        change=${incoming.setOn}
        title="Calls that your application places ring in this page"
      />
      <${Toggle}
        label="Microphone"
        icon="mic"
        on=${microphone.isOn()}
        change=${microphone.setOn}
        disabled=${!microphone.isPossible()}
        title="Speak into the call and its recording"
      />
    </div>`;
}

function Incoming({ leg, incoming }) {
  return html`<section class="incoming" aria-label="Incoming call">
    <div role="alert">
      <p class="strong">${leg.from} is calling</p>
      <p class="muted small">to ${leg.to}</p>
    </div>
    <div class="pair">
      <${Button} label="Answer" icon="phone" look="main" click=${() => incoming.answer(leg)} />
      <${Button} label="Decline" icon="hangup" look="danger" click=${() => incoming.decline(leg)} />
    </div>
    <${Button}
      label="Silence the ringing"
      look="quiet small wide"
      disabled=${incoming.isSilenced(leg.uuid)}
      click=${() => incoming.silence(leg)}
    />
  </section>`;
}

function DialForm({ store, calls, extension, isFirst, isLost, dial, level }) {
  const [problem, setProblem] = useState(null);
  const [, render] = useState(0);
  const numbers = store.stack?.numbers ?? [];
  form.to ||= numbers[0]?.number ?? "";
  const own = numbers.find((one) => one.number === numberIn(form.to))?.flow;
  const flows = store.flows.filter((one) => !one.error);
  const set = (fields) => {
    Object.assign(form, fields);
    render((one) => one + 1);
  };
  const submit = (event) => {
    event.preventDefault();
    const [from, to] = [addressIn(form.from), numberIn(form.to)];
    const invalid = from ? (to ? null : "dial-to") : "dial-from";
    setProblem(invalid);
    if (invalid) return document.getElementById(invalid)?.focus();
    preferences.set("from", from);
    return dial(from, to, form.flow);
  };
  const field = (name, label, more = {}) =>
    html`<div class="field">
      <label for="dial-${name}">${label}</label>
      <input
        id="dial-${name}"
        type="tel"
        autocomplete="off"
        spellcheck="false"
        value=${form[name]}
        ...${more}
        aria-invalid=${String(problem === `dial-${name}`)}
        onInput=${(event) => set({ [name]: event.target.value })}
      />
    </div>`;
  return html`<form class="dial" novalidate onSubmit=${submit}>
      ${extension
        .notes()
        .map(
          ({ icon, text }) =>
            html`<p class="note warn" key=${text}><${Icon} name=${icon} /><span>${text}</span></p>`,
        )}
      ${field("from", "Your number")} ${field("to", "Number to call", { list: "dial-numbers" })}
      <datalist id="dial-numbers">
        ${numbers.map((one) => html`<option value=${one.number} key=${one.number}>${one.flow}</option>`)}
      </datalist>
      ${
        flows.length > 0 &&
        html`<div class="field">
          <label for="dial-flow">Flow</label>
          <select
            id="dial-flow"
            value=${form.flow}
            onChange=${(event) => set({ flow: event.target.value })}
          >
            <option value="">The number’s own${own ? ` (${own})` : ""}</option>
            ${flows.map(({ name }) => html`<option value=${name} key=${name}>${name}</option>`)}
          </select>
        </div>`
      }
      <${Button}
        type="submit"
        label="Call"
        icon="phone"
        look="wide ${isFirst ? "" : "main"}"
        disabled=${isLost}
      />
      ${problem && html`<p class="small problem-text" role="alert">Enter a number of 7 to 15 digits, with the country code.</p>`}
    </form>
    ${!isFirst && html`<${CallAgain} calls=${calls} dial=${dial} level=${level} />`}`;
}

/** The latest callers and flows, to call once more with one click. */
function CallAgain({ calls, dial, level }) {
  const H = `h${level}`;
  const seen = new Set();
  const latest = calls
    .all()
    .slice(0, 50)
    .map((model) => model.summary())
    .filter((one) => {
      const key = `${one.from} ${one.to} ${one.flow}`;
      if (one.isLive || !NUMBER.test(one.from) || !one.flow || seen.has(key)) return false;
      return seen.add(key);
    })
    .slice(0, 4);
  if (latest.length === 0) return null;
  return html`<section class="again-part" aria-labelledby="again-title">
    <${H} class="part-title" id="again-title">Call again<//>
    <ul>
      ${latest.map(
        ({ from, to, flow }) =>
          html`<li key=${`${from} ${to} ${flow}`}>
            <button type="button" class="again-row" onClick=${() => dial(from, to, flow)}>
              <${Icon} name="phone" /><span class="unseen">Call </span><code>${flow}</code>
              <span class="muted small numbers"><span class="unseen"> from </span>${from}</span>
            </button>
          </li>`,
      )}
    </ul>
  </section>`;
}

function LineCard({ line, phone, store, calls, level }) {
  const { lines } = phone;
  const H = `h${level}`;
  const phase = lines.phase(line);
  const [state, tone] = PHASES[phase];
  const isTalking = phase === "talking";
  const leg = store.legs.get(line.uuid);
  const flow = calls.get(line.uuid)?.summary().flow;
  const all = lines.all().filter((one) => one === line || lines.phase(one) !== "ended");
  const title = useRef(null);
  useEffect(() => title.current?.focus(), [line.uuid]);
  return html`<section class="line-card" aria-label="Active call" data-phase=${phase}>
    ${
      all.length > 1 &&
      html`<div class="lines" role="group" aria-label="Your lines">
        ${all.map(
          (one) =>
            html`<button
              type="button"
              class="line-choice"
              key=${one.uuid}
              aria-pressed=${String(one === line)}
              onClick=${() => lines.select(one.uuid)}
            >
              <span class="numbers">${one.own}</span>
            </button>`,
        )}
      </div>`
    }
    <div class="line-head">
      <div>
        <${H} class="numbers" tabindex="-1" ref=${title}>${line.other}<//>
        <p class="muted small">
          ${line.side === "caller" ? "from" : "at"} ${line.own}${flow ? `, flow ${flow}` : ""}
        </p>
      </div>
      <${Duration} leg=${leg} now=${store.now} />
    </div>
    <div class="chips">
      <span class="chip ${tone}" role="status">${state}</span
      >${line.muted && html`<${Chip} text="Muted" tone="warn" icon="mic-off" />`}
    </div>
    <${Log} line=${line} phone=${phone} />
    ${
      isTalking &&
      html`<${SayForm} line=${line} lines=${lines} />
        <div class="keypad" role="group" aria-label="Keypad">
          ${KEYS.map(
            ([digit, letters]) =>
              html`<button
                type="button"
                class="digit"
                key=${digit}
                aria-label=${digit}
                onClick=${() => phone.press(digit)}
              >
                <span class="digit-key">${digit}</span
                >${letters && html`<span class="letters" aria-hidden="true">${letters}</span>`}
              </button>`,
          )}
        </div>`
    }
    <div class=${isTalking ? "pair" : ""}>
      ${isTalking && html`<${Button} label="Mute" icon="mic-off" look="mute" aria-pressed=${String(line.muted)} click=${() => lines.mute(line, !line.muted)} />`}
      ${
        phase === "ended"
          ? html`<${Button} label="Close" look="wide" click=${() => lines.close(line)} />`
          : html`<${Button}
              label="Hang up"
              icon="hangup"
              look="danger wide"
              click=${() => lines.hangUp(line)}
            />`
      }
    </div>
  </section>`;
}

export function Duration({ leg, now }) {
  useTicks(Boolean(leg && !leg.over), 1000);
  if (!leg?.answered_at) return null;
  const whole = Math.max(0, Math.floor((leg.ended_at ?? now()) - leg.answered_at));
  return html`<span class="timer numbers" role="timer"
    >${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}</span
  >`;
}

function SayForm({ line, lines }) {
  const [text, setText] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) void lines.say(line, text.trim());
    setText("");
  };
  return html`<form class="say" onSubmit=${submit}>
    <label class="unseen" for="say">Say something</label>
    <input
      id="say"
      type="text"
      autocomplete="off"
      maxlength="1000"
      value=${text}
      disabled=${line.muted}
      placeholder=${line.muted ? "Unmute to speak" : "Say something"}
      onInput=${(event) => setText(event.target.value)}
    />
    <${Button} type="submit" label="Say" disabled=${line.muted} />
  </form>`;
}

/** What the line hears and says. */
function Log({ line, phone }) {
  const log = useRef(null);
  const isAtEnd = useRef(true);
  const rows = phone.transcript.rows().filter((one) => phone.lines.isHeard(one.line));
  useEffect(() => {
    if (isAtEnd.current) log.current.scrollTop = log.current.scrollHeight;
  });
  const scrolled = ({ target: { scrollTop, clientHeight, scrollHeight } }) => {
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
  };
  return html`<div
    class="log"
    role="log"
    tabindex="0"
    aria-label="What you hear"
    ref=${log}
    onScroll=${scrolled}
  >
    ${rows.map((row) => html`<p class="said ${row.kind}" dir="auto" key=${row.id}>${row.who && html`<span class="who">${row.who} </span>`}<${Words} row=${row} /></p>`)}
  </div>`;
}

/** The words that were spoken so far. */
function Words({ row }) {
  const spent = row.words ? performance.now() / 1000 - row.begin : 0;
  const isComplete = !row.words || row.cutAt !== null || spent > (row.words.at(-1)?.at ?? 0);
  useTicks(!isComplete, 80);
  if (!row.words) return row.text;
  const until = row.cutAt ?? spent;
  const shown = row.words.filter(({ at }) => at <= until);
  const isCut = row.cutAt !== null && shown.length < row.words.length;
  return `${shown.map(({ text }) => text).join(" ")}${isCut ? "…" : ""}`;
}

/** @param {string} text @returns {string} The number in the text, or "". */
function numberIn(text) {
  const digits = text.replace(/[\s()./+-]/g, "");
  return NUMBER.test(digits) ? digits : "";
}

/** @param {string} text A number, or a caller's SIP URI. */
function addressIn(text) {
  return /^sips?:\S+$/.test(text.trim()) ? text.trim() : numberIn(text);
}
