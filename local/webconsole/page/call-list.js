// The list of calls: newest first, searched by number, flow and state. What happens on one call
// touches the row of that call alone.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { plural, seconds, timeOfDay } from "./format.js";

// Options that are laid out at first, and how many more when somebody comes to their end: a
// thousand would cost every frame of a live call more than all else in it.
const PAGE = 200;
const NONE = "No call yet. Ring the number with the phone, and it shows here.";

/**
 * @param {{store: import("./store.js").Store, choose: (key: string) => void}} options
 *   `choose` is told when somebody chooses a call, not when the page does.
 */
export function createCallList({ store, choose }) {
  const search = h("input", {
    type: "search",
    id: "search-calls",
    autocomplete: "off",
    placeholder: "number, flow or state",
    on: { input: searchAnew },
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
  /** @type {any[]} the rows that fit the search, newest first */
  let found = [];
  let limit = PAGE;
  let chosen = "";
  let ids = 0;
  let words = [];

  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) chooseByHand(option.dataset.key);
  });
  list.addEventListener("keydown", moveByKey);
  list.addEventListener("scroll", showMore, { passive: true });
  arrange();

  /** Notes that a call changed; its row follows at the end of the frame. */
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

  function searchAnew() {
    words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    limit = PAGE;
    arrange();
  }

  /** Shows the newest of those that fit the search, and says how many there are. */
  function arrange() {
    const shown = new Set((found = fitting()).slice(0, limit));
    for (const row of rows.values()) {
      const hidden = !shown.has(row);
      if (row.option.hidden !== hidden) row.option.hidden = hidden;
    }
    const all = plural(rows.size, "call");
    write(count, words.length ? `${found.length} of ${all}` : all);
    write(empty, rows.size ? "No call fits." : NONE);
    set(empty, "hidden", found.length > 0);
    set(list, "hidden", found.length === 0);
  }

  function fitting() {
    const all = [...rows.values()].reverse();
    return words.length
      ? all.filter(({ text }) => words.every((word) => text.includes(word)))
      : all;
  }

  function showMore() {
    const isNearEnd = list.scrollTop + 2 * list.clientHeight > list.scrollHeight;
    if (isNearEnd && limit < found.length) showUpTo(limit + PAGE);
  }

  function showUpTo(number) {
    limit = Math.max(limit, number);
    arrange();
  }

  /** Shows which call is chosen. */
  function setChosen(key) {
    rows.get(chosen)?.option.setAttribute("aria-selected", "false");
    chosen = key;
    const option = rows.get(key)?.option;
    if (!option) return list.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", option.id);
  }

  function chooseByHand(key) {
    setChosen(key);
    rows.get(key)?.option.scrollIntoView({ block: "nearest" });
    choose(key);
  }

  function moveByKey(event) {
    const here = found.findIndex(({ key }) => key === chosen);
    const last = found.length - 1;
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
    chooseByHand(found[goal].key);
  }

  function clear() {
    rows.clear();
    changed.clear();
    chosen = "";
    limit = PAGE;
    fill(list);
    arrange();
  }

  return { element, mark, flush, setChosen, clear };
}

/**
 * What a list says of a call.
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
