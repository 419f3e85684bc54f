// The list of calls, newest first, with search by number, flow and state. An update of a call
// changes only its row.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { plural, seconds, timeOfDay } from "./format.js";

// Rows to show at first, and to add when the user scrolls to the end. A thousand rows would make
// layout the slowest part of each frame.
const PAGE = 200;
const NONE = "No calls yet. Call a number with the softphone.";

/**
 * @param {{store: import("./store.js").Store, choose: (key: string) => void}} options
 *   `choose` is called when the user selects a call, not when the page does.
 */
export function createCallList({ store, choose }) {
  const search = h("input", {
    type: "search",
    id: "search-calls",
    autocomplete: "off",
    placeholder: "Number, flow or state",
    on: { input: updateSearch },
  });
  const count = h("p", { class: "small muted", role: "status" });
  const list = h("div", { class: "calls", role: "listbox", "aria-label": "Calls", tabindex: "0" });
  const empty = h("p", { class: "empty muted" });
  const element = h(
    "div",
    { class: "call-list" },
    h("div", { class: "field" }, h("label", { for: "search-calls" }, "Search calls"), search),
    count,
    list,
    empty,
  );
  /** @type {Map<string, any>} the rows by call, oldest first */
  const rows = new Map();
  /** @type {Set<string>} */
  const changed = new Set();
  /** @type {any[]} the rows that match the search, newest first */
  let matches = [];
  let limit = PAGE;
  let selected = "";
  let ids = 0;
  let words = [];

  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) selectByHand(option.dataset.key);
  });
  list.addEventListener("keydown", moveByKey);
  list.addEventListener("scroll", showMore, { passive: true });
  arrange();

  /** Marks a call as changed; `flush` updates its row. */
  function mark(key) {
    if (key) changed.add(key);
  }

  function flush() {
    if (!changed.size) return;
    for (const key of changed) refresh(key);
    changed.clear();
    if (rows.size > store.calls.size) dropOld();
    arrange();
  }

  function refresh(key) {
    const call = store.calls.get(key);
    if (!call) return;
    const row = rows.get(key) ?? insert(key);
    const about = aboutCall(store, call);
    write(row.time, timeOfDay(call.started_at));
    write(row.who, about.who);
    write(row.state, about.state);
    row.state.className = `tag ${about.tone}`;
    write(row.more, about.more);
    row.text = about.text;
  }

  function insert(key) {
    const [time, who, state, more] = ["time", "who", "tag", "more"].map((name) =>
      h("span", { class: name }),
    );
    const option = h(
      "div",
      { role: "option", id: `call-${++ids}`, "aria-selected": "false", dataset: { key } },
      time,
      who,
      state,
      more,
    );
    const row = { key, option, time, who, state, more, text: "" };
    rows.set(key, row);
    list.prepend(option);
    return row;
  }

  function dropOld() {
    for (const [key, row] of rows) {
      if (store.calls.has(key)) continue;
      row.option.remove();
      rows.delete(key);
    }
  }

  function updateSearch() {
    words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    limit = PAGE;
    arrange();
  }

  /** Shows the newest matching rows, and the number of matches. */
  function arrange() {
    const shown = new Set((matches = matching()).slice(0, limit));
    for (const row of rows.values()) {
      const hidden = !shown.has(row);
      if (row.option.hidden !== hidden) row.option.hidden = hidden;
    }
    const all = plural(rows.size, "call");
    write(count, words.length ? `${matches.length} of ${all}` : all);
    write(empty, rows.size ? "No matching calls. Change the search." : NONE);
    set(empty, "hidden", matches.length > 0);
    set(list, "hidden", matches.length === 0);
  }

  function matching() {
    const all = [...rows.values()].reverse();
    return words.length
      ? all.filter(({ text }) => words.every((word) => text.includes(word)))
      : all;
  }

  function showMore() {
    const isNearEnd = list.scrollTop + 2 * list.clientHeight > list.scrollHeight;
    if (isNearEnd && limit < matches.length) showUpTo(limit + PAGE);
  }

  function showUpTo(number) {
    limit = Math.max(limit, number);
    arrange();
  }

  /** Marks the row of the selected call. */
  function setSelected(key) {
    rows.get(selected)?.option.setAttribute("aria-selected", "false");
    selected = key;
    const option = rows.get(key)?.option;
    if (!option) return list.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", option.id);
  }

  function selectByHand(key) {
    setSelected(key);
    rows.get(key)?.option.scrollIntoView({ block: "nearest" });
    choose(key);
  }

  function moveByKey(event) {
    const here = matches.findIndex(({ key }) => key === selected);
    const last = matches.length - 1;
    const goals = {
      ArrowDown: Math.min(last, here + 1),
      ArrowUp: Math.max(0, here - 1),
      Home: 0,
      End: last,
      PageDown: Math.min(last, here + 10),
      PageUp: Math.max(0, here - 10),
    };
    if (!Object.hasOwn(goals, event.key) || last < 0) return;
    event.preventDefault();
    const goal = goals[event.key];
    if (goal >= limit) showUpTo(goal + 1);
    selectByHand(matches[goal].key);
  }

  function clear() {
    rows.clear();
    changed.clear();
    selected = "";
    limit = PAGE;
    fill(list);
    arrange();
  }

  return { element, mark, flush, setSelected, clear };
}

/**
 * Returns what the list shows for a call, and the text to search.
 *
 * @param {import("./store.js").Store} store
 * @param {import("./store.js").Call} call
 */
export function aboutCall(store, call) {
  const legs = call.legs.map((uuid) => store.legs.get(uuid)).filter(Boolean);
  const [first] = legs;
  const open = legs.find((leg) => !leg.over);
  const flow = legs.map((leg) => store.flowOf(leg.uuid)).find(Boolean) ?? "";
  const state = open ? open.status : (first?.status ?? "");
  const who = `${first?.from || "unknown"} → ${first?.to ?? ""}`;
  const long =
    first?.answered_at && first.ended_at
      ? seconds(Math.max(0, first.ended_at - first.answered_at))
      : "";
  const more = [flow, legs.length > 1 ? plural(legs.length, "leg") : "", long]
    .filter(Boolean)
    .join(" · ");
  const every = legs.flatMap((leg) => [
    leg.from,
    leg.to,
    leg.status,
    leg.direction,
    leg.uuid,
    leg.conversation_uuid,
  ]);
  const text = [...every, flow, open ? "live" : "over"].join(" ").toLowerCase();
  return { who, state, flow, more, long, text, tone: toneOf(state, Boolean(open)) };
}

function toneOf(state, isOpen) {
  if (isOpen) return "info";
  return state === "completed" ? "good" : "warn";
}
