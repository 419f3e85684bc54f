// Renders the sequence diagram of a call: a grid with a lane for the application and for each leg,
// a button for each row, and bars for durations.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { createDiagramRows, isRunning } from "./diagram-rows.js";
import { elapsed, milliseconds, seconds } from "./format.js";

// Shorter pauses, in seconds, get no line.
const GAP = 1;
// Shorter durations, in seconds, are not shown.
const INSTANT = 0.05;
const TRACKS = 3;
// Rows to draw when a call is selected; older rows are omitted.
const MAX_ROWS = 400;
const TICK = 250;
const NO_ENTRIES = "The simulator's journal has no entries for this call.";

/**
 * Creates an empty diagram.
 *
 * @param {{now: () => number, choose: (row: import("./diagram-rows.js").Row) => void}} options
 */
export function createSequenceDiagram({ now, choose }) {
  const heads = h("div", { class: "heads", "aria-hidden": "true" });
  const list = h("ol", { class: "sequence", "aria-label": "Sequence diagram" });
  const element = h("div", { class: "diagram" }, heads, list);
  /** @type {any} */
  let state = emptyState();

  element.addEventListener("keydown", (event) => moveFocus(list, event));

  /** Shows a call from its start; the selected row stays selected if it is in this call. */
  function show(legs, entries) {
    const selected = state.selected?.id;
    const hadFocus = list.contains(document.activeElement);
    state = emptyState();
    list.replaceChildren();
    heads.replaceChildren(headOf("Application", ""));
    for (const leg of legs) addLane(leg);
    for (const entry of entries) state.timeline.add(entry);
    const hidden = Math.max(0, state.timeline.rows.length - MAX_ROWS);
    if (hidden) appendLine(`${hidden} earlier rows are not shown`, 0);
    for (const row of state.timeline.rows.slice(hidden)) append(row);
    if (!state.rows.length) appendLine(NO_ENTRIES, 0);
    for (const row of state.rows) update(row);
    state.newest = entries.at(-1)?.id ?? 0;
    settle();
    if (state.views.has(selected)) mark(state.views.get(selected));
    if (state.selected && hadFocus) state.selected.button.focus({ preventScroll: true });
  }

  /** Adds a new entry; entries that are already shown are ignored. */
  function add(entry) {
    if (entry.id <= state.newest) return;
    state.newest = entry.id;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    for (const row of state.timeline.add(entry)) {
      if (state.views.has(row.id)) update(row);
      else if (row.id === entry.id) append(row);
    }
    settle();
    if (isAtEnd) element.scrollTop = element.scrollHeight;
  }

  function addLane(leg) {
    if (state.lanes.has(leg.uuid)) return;
    state.lanes.set(leg.uuid, state.lanes.size);
    element.style.setProperty("--lanes", String(state.lanes.size));
    const [name, side] = leg.direction === "inbound" ? [leg.from, "caller"] : [leg.to, "callee"];
    heads.append(headOf(name || "unknown", side, state.lanes.size - 1));
    list.append(lifeline(state.lanes.size - 1));
  }

  function append(row) {
    const lane = state.lanes.get(row.lane);
    if (lane === undefined) return;
    const pause = row.at - (state.rows.at(-1)?.at ?? row.at);
    const hasPause = pause >= GAP;
    if (hasPause) appendLine(`${seconds(pause)} later`, pause);
    const line = ++state.lines;
    const origin = state.rows[0]?.at ?? row.at;
    const view = buildRow(row, { lane, line, origin, click: () => pick(row) });
    view.hasPause = hasPause;
    if (row.end !== undefined) Object.assign(view, barOf(row, lane, line));
    state.views.set(row.id, view);
    state.rows.push(row);
    list.append(...[view.bar, view.item].filter(Boolean));
    update(row);
  }

  /** Appends a line across all lanes, whose height grows with the time it represents. */
  function appendLine(text, length) {
    const line = h("li", { class: "gap" }, h("span", {}, text));
    line.style.setProperty("--line", String(++state.lines));
    line.style.setProperty("--gap", Math.min(6, Math.log2(1 + length)).toFixed(2));
    list.append(line);
  }

  function barOf(row, lane, line) {
    const beside = state.rows.filter(
      (other) => other.lane === row.lane && lastsUntil(other, row.at),
    );
    const taken = new Set(beside.map((other) => state.views.get(other.id).track));
    const track = [...Array(TRACKS).keys()].find((free) => !taken.has(free)) ?? TRACKS - 1;
    const bar = h("li", { class: `bar ${toneOf(row)}`, "aria-hidden": "true" }, h("span", {}));
    bar.style.setProperty("--lane", String(lane));
    bar.style.setProperty("--track", String(track));
    bar.style.setProperty("--line", String(line));
    return { bar, track, line };
  }

  function update(row) {
    const view = state.views.get(row.id);
    if (!view) return;
    set(view.item, "class", classOf(row));
    if (view.title.textContent !== row.title) fill(view.title, breakable(row.title));
    write(view.note, noteOf(row));
    if (view.outcome) write(view.outcome, outcomeOf(row));
    if (!view.bar) return;
    if (isRunning(row)) {
      state.running.add(row);
    } else {
      state.running.delete(row);
      view.bar.style.setProperty("--until", String(lineAfter(row)));
    }
    progress(row);
  }

  /** Returns the line at which the bar of an ended row stops: that of the next row. */
  function lineAfter({ id, end }) {
    const next = state.rows.find((row) => row.id > id && row.at >= end);
    if (!next) return state.lines + 1;
    const { line, hasPause } = state.views.get(next.id);
    // The pause line is part of the bar only if the row lasted through the pause.
    return hasPause && next.at - end >= GAP ? line - 1 : line;
  }

  /** Extends the running bars to the end of the diagram. */
  function settle() {
    for (const row of state.running) {
      state.views.get(row.id).bar.style.setProperty("--until", String(state.lines + 1));
    }
    if (!list.querySelector('[tabindex="0"]')) giveFocusTo(list, list.querySelector("button"));
  }

  function progress(row) {
    const view = state.views.get(row.id);
    const spent = Math.max(0, (row.end ?? now()) - row.at);
    const done = row.seconds ? Math.min(1, spent / row.seconds) : isRunning(row) ? 0 : 1;
    const isKnown = Boolean(row.seconds) || !isRunning(row);
    view.bar.classList.toggle("is-endless", !isKnown);
    view.bar.classList.toggle("is-running", isRunning(row));
    view.bar.style.setProperty("--done", String(done));
    write(view.time, spentOf(row, spent));
  }

  function mark(view) {
    state.selected?.button.removeAttribute("aria-current");
    state.selected = view;
    view.button.setAttribute("aria-current", "true");
    giveFocusTo(list, view.button);
  }

  function pick(row) {
    mark(state.views.get(row.id));
    choose(row);
  }

  setInterval(() => {
    if (!document.hidden) for (const row of state.running) progress(row);
  }, TICK);

  return {
    element,
    show,
    add,
    addLane,
    hasLane: (uuid) => state.lanes.has(uuid),
    newest: () => state.newest,
    selectedButton: () => state.selected?.button ?? null,
  };
}

function lastsUntil(row, at) {
  return row.end === null || row.end > at;
}

function spentOf(row, spent) {
  if (isRunning(row) && row.seconds) {
    return `${seconds(Math.min(spent, row.seconds))} of ${seconds(row.seconds)}`;
  }
  return isRunning(row) || spent >= INSTANT ? seconds(spent) : "";
}

function emptyState() {
  return {
    timeline: createDiagramRows(),
    lanes: new Map(),
    /** The drawn rows, oldest first, and their elements. */
    rows: [],
    views: new Map(),
    running: new Set(),
    lines: 0,
    newest: 0,
    selected: null,
  };
}

function headOf(name, side, lane) {
  const head = h(
    "div",
    { class: lane === undefined ? "head is-application" : "head" },
    h("span", {}, name),
    side ? h("small", {}, side) : null,
  );
  if (lane !== undefined) head.style.setProperty("--lane", String(lane));
  return head;
}

function lifeline(lane) {
  const line = h("li", { class: "lifeline", "aria-hidden": "true" });
  line.style.setProperty("--lane", String(lane));
  return line;
}

function buildRow(row, { lane, line, origin, click }) {
  const title = h("span", { class: "title" });
  const note = h("span", { class: "note-text" });
  const time = row.end === undefined ? null : h("span", { class: "spent" });
  const outcome = row.kind === "webhook" ? h("span", { class: "reply" }) : null;
  const arrow = outcome && h("span", { class: "arrow", "aria-hidden": "true" });
  const words = h("span", { class: "words" }, title, " ", note, time && " ", time);
  const button = h(
    "button",
    { type: "button", tabindex: "-1", on: { click } },
    words,
    outcome && " ",
    outcome,
    arrow,
  );
  const item = h("li", {}, h("time", {}, elapsed(row.at - origin)), button);
  item.style.setProperty("--line", String(line));
  item.style.setProperty("--lane", String(lane));
  return { id: row.id, line, item, button, title, note, time, outcome };
}

/** Returns the text with break opportunities after its inner slashes. */
function breakable(text) {
  return text.split(/(?<=\w\/)/).flatMap((piece) => [piece, h("wbr")]);
}

function classOf(row) {
  return `event ${toneOf(row)}${row.failed ? " is-failed" : ""}`;
}

/** Returns the classes for the kind of a row and, for an action, its color. */
function toneOf(row) {
  return row.kind === "action" ? `action is-${row.title}` : row.kind;
}

function noteOf(row) {
  return [row.note, row.interrupted && "interrupted"].filter(Boolean).join(" · ");
}

function outcomeOf({ failed, entry }) {
  const { status, error, ms } = entry.webhook;
  const outcome = error ?? status ?? "waiting…";
  return [failed ? `failed: ${outcome}` : outcome, ms === null ? "" : milliseconds(ms)]
    .filter(Boolean)
    .join(" · ");
}

/** Moves the focus between rows with the arrow keys. */
function moveFocus(list, event) {
  const buttons = [...list.querySelectorAll("button")];
  const here = buttons.indexOf(document.activeElement);
  const goals = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 };
  const goal = buttons[goals[event.key]];
  if (here < 0 || !goal) return;
  event.preventDefault();
  giveFocusTo(list, goal);
  goal.focus();
}

function giveFocusTo(list, button) {
  list.querySelector('button[tabindex="0"]')?.setAttribute("tabindex", "-1");
  button?.setAttribute("tabindex", "0");
}
