// The lines in the page: which there are, and what can be done with the selected one.
// @ts-check

import { fill, h, write } from "./dom.js";
import { createKeypad } from "./keypad.js";

const PHASES = { calling: "Ringing", talking: "In a call", ended: "Ended" };

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").Lines} parts.lines
 * @param {import("./web-audio.js").Sound} parts.sound
 * @param {HTMLElement} parts.transcript
 */
export function createConversation({ store, lines, sound, transcript }) {
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
  const close = h("button", { type: "button", on: { click: put } }, "Close");
  const keypad = createKeypad(press);
  const element = h(
    "section",
    { class: "card phone-line", "aria-label": "Line", hidden: true },
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
      sound.dtmf(line.uuid, digit);
      lines.press(line, digit);
    });
  }

  function toggleMute() {
    withLine((line) => lines.mute(line, !line.muted));
  }

  function end() {
    withLine((line) => void lines.hangUp(line));
  }

  function put() {
    withLine(lines.close);
  }

  /** Shows how long the selected line has been talking. */
  function clock() {
    const line = lines.selected();
    const leg = line && store.legs.get(line.uuid);
    const until = leg?.ended_at ?? store.now();
    write(time, leg?.answered_at ? duration(until - leg.answered_at) : "");
  }
  setInterval(clock, 1000);

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
    say.placeholder = line.muted ? "You are muted" : "";
    // What had the focus may just have been hidden.
    if (focused && document.activeElement?.closest("[hidden]")) title.focus();
    clock();
  }

  return { element, show, focus: () => title.focus() };
}

/** The lines to choose from, where there are several. @param {import("./phone-lines.js").Lines} lines */
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
  const known = new Map();

  /** @param {import("./phone-lines.js").Line} line */
  function buttonOf(line) {
    const choose = () => lines.select(line.uuid);
    const button = known.get(line.uuid) ?? h("button", { type: "button", on: { click: choose } });
    known.set(line.uuid, button);
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
      for (const uuid of known.keys()) if (!lines.holds(uuid)) known.delete(uuid);
      const wanted = shown.map(buttonOf);
      const same =
        wanted.length === buttons.children.length &&
        wanted.every((button, index) => buttons.children[index] === button);
      if (!same) fill(buttons, wanted);
    },
  };
}

/** @param {number} seconds */
function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
