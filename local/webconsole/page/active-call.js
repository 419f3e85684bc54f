// The panel of the selected line, with a chooser if the softphone has several.
// @ts-check

import { fill, h, write } from "./dom.js";
import { createKeypad } from "./keypad.js";

const PHASES = { calling: "Ringing", talking: "In call", ended: "Ended" };

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").PhoneLines} parts.lines
 * @param {import("./web-audio.js").WebAudio} parts.audio
 * @param {HTMLElement} parts.transcript
 */
export function createActiveCall({ store, lines, audio, transcript }) {
  const chooser = createChooser(lines);
  const title = h("h3", { tabindex: -1 });
  const own = h("span", { class: "small muted numbers" });
  const flow = h("span", { class: "tag info" });
  const state = h("span", { class: "tag", role: "status" });
  const time = h("span", { class: "numbers muted", role: "timer" });
  const say = h("input", { id: "say", type: "text", autocomplete: "off", maxlength: 1000 });
  const sayForm = h(
    "form",
    { class: "say", on: { submit } },
    h("div", { class: "field" }, h("label", { for: "say" }, "Say something"), say),
    h("button", { type: "submit" }, "Say"),
  );
  const mute = h("button", { type: "button", on: { click: toggleMute } }, "Mute");
  const hangUp = h("button", { type: "button", class: "danger", on: { click: end } }, "Hang up");
  const close = h("button", { type: "button", on: { click: closeLine } }, "Close");
  const keypad = createKeypad(press);
  const element = h(
    "section",
    { class: "card phone-line", "aria-label": "Active call", hidden: true },
    chooser.element,
    h("div", { class: "line-head" }, title, time),
    h("div", { class: "row" }, state, flow, own),
    h("div", { class: "row line-actions" }, mute, hangUp, close),
    transcript,
    sayForm,
    keypad,
  );

  /** @param {(line: import("./phone-lines.js").Line) => void} act */
  const withLine = (act) => {
    const line = lines.selected();
    if (line) act(line);
  };

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const text = say.value.trim();
    if (!text) return;
    withLine((line) => void lines.say(line, text));
    say.value = "";
  }

  /** @param {string} digit */
  function press(digit) {
    withLine((line) => {
      if (lines.phase(line) !== "talking") return;
      audio.dtmf(line.uuid, digit);
      lines.press(line, digit);
    });
  }

  function toggleMute() {
    withLine((line) => lines.mute(line, !line.muted));
  }

  function end() {
    withLine((line) => void lines.hangUp(line));
  }

  function closeLine() {
    withLine(lines.close);
  }

  /** Shows the duration of the selected call. */
  function showDuration() {
    const line = lines.selected();
    const leg = line && store.legs.get(line.uuid);
    const until = leg?.ended_at ?? store.now();
    write(time, leg?.answered_at ? duration(until - leg.answered_at) : "");
  }
  setInterval(showDuration, 1000);

  function show() {
    chooser.show();
    const line = lines.selected();
    element.hidden = !line;
    if (!line) return;
    const phase = lines.phase(line);
    const talking = phase === "talking";
    const focused = element.contains(document.activeElement);
    element.dataset.phase = phase;
    write(title, line.other);
    write(own, `${line.side === "caller" ? "from" : "at"} ${line.own}`);
    write(flow, store.flowOf(line.uuid) ?? "");
    flow.hidden = !flow.textContent;
    write(state, PHASES[phase]);
    state.className = `tag ${talking ? "good" : phase === "ended" ? "" : "warn"}`;
    keypad.hidden = sayForm.hidden = mute.hidden = !talking;
    hangUp.hidden = phase === "ended";
    close.hidden = phase !== "ended";
    mute.setAttribute("aria-pressed", String(line.muted));
    say.disabled = line.muted;
    say.placeholder = line.muted ? "Unmute to speak" : "";
    // The focused element might have been hidden.
    if (focused && document.activeElement?.closest("[hidden]")) title.focus();
    showDuration();
  }

  return { element, show, focus: () => title.focus() };
}

/** Selects one of several lines. @param {import("./phone-lines.js").PhoneLines} lines */
function createChooser(lines) {
  const buttons = h("div", { class: "row" });
  const all = h("input", { type: "checkbox", on: { change: () => lines.setHearAll(all.checked) } });
  const element = h(
    "div",
    { class: "chooser", role: "group", "aria-label": "Lines", hidden: true },
    buttons,
    h("label", { class: "check" }, all, "Hear all lines"),
  );
  /** @type {Map<string, any>} */
  const buttonByLine = new Map();

  /** @param {import("./phone-lines.js").Line} line */
  function buttonOf(line) {
    const choose = () => lines.select(line.uuid);
    const button =
      buttonByLine.get(line.uuid) ?? h("button", { type: "button", on: { click: choose } });
    buttonByLine.set(line.uuid, button);
    const pressed = String(lines.selected() === line);
    if (button.getAttribute("aria-pressed") !== pressed)
      button.setAttribute("aria-pressed", pressed);
    const [from, to] = line.side === "caller" ? [line.own, line.other] : [line.other, line.own];
    const phase = lines.phase(line);
    const more = phase === "talking" ? "" : `, ${PHASES[phase].toLowerCase()}`;
    write(button, `${from} → ${to}${more}`);
    return button;
  }

  return {
    element,
    show() {
      const shown = lines.all();
      element.hidden = shown.length < 2;
      all.checked = lines.hearAll();
      for (const uuid of buttonByLine.keys()) if (!lines.has(uuid)) buttonByLine.delete(uuid);
      const current = shown.map(buttonOf);
      const same =
        current.length === buttons.children.length &&
        current.every((button, index) => buttons.children[index] === button);
      if (!same) fill(buttons, current);
    },
  };
}

/** @param {number} seconds */
function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
