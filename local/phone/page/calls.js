// The list of calls: newest first, searched by number, flow and state. What happens on one call
// touches the row of that call alone.
// @ts-check

import { fill, h, write } from "./dom.js";
import { plural, seconds, timeOfDay } from "./phrases.js";

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
    on: { input: filterAll },
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
  /** @type {Map<string, any>} */
  const rows = new Map();
  /** @type {Set<string>} */
  const changed = new Set();
  let chosen = "";
  let ids = 0;
  let words = [];

  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) chooseByHand(option.dataset.key);
  });
  list.addEventListener("keydown", moveByKey);
  countAll();

  /** Notes that a call changed; its row follows at the end of the frame. */
  function mark(key) {
    if (key) changed.add(key);
  }

  function flush() {
    if (!changed.size) return;
    for (const key of changed) refresh(key);
    changed.clear();
    if (rows.size > store.calls.size) dropOld();
    countAll();
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
    filter(row);
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
    const row = { option, time, who, state, more, text: "" };
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

  function filterAll() {
    words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows.values()) filter(row);
    countAll();
  }

  function filter(row) {
    const hidden = !words.every((word) => row.text.includes(word));
    if (row.option.hidden !== hidden) row.option.hidden = hidden;
  }

  function countAll() {
    const found = words.length
      ? [...rows.values()].filter((row) => !row.option.hidden).length
      : rows.size;
    write(
      count,
      words.length ? `${found} of ${plural(rows.size, "call")}` : plural(rows.size, "call"),
    );
    write(
      empty,
      rows.size === 0
        ? "No call yet. Ring the number with the phone, and it shows here."
        : found
          ? ""
          : "No call fits.",
    );
    empty.hidden = found > 0;
    list.hidden = found === 0;
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
    const options = [...list.children].filter((option) => !option.hidden);
    const here = options.findIndex((option) => option.dataset.key === chosen);
    const goals = {
      ArrowDown: here + 1,
      ArrowUp: Math.max(0, here - 1),
      Home: 0,
      End: options.length - 1,
      PageDown: Math.min(options.length - 1, here + 10),
      PageUp: Math.max(0, here - 10),
    };
    const goal = Object.hasOwn(goals, event.key) ? options[goals[event.key]] : undefined;
    if (!goal) return;
    event.preventDefault();
    chooseByHand(goal.dataset.key);
  }

  function clear() {
    rows.clear();
    changed.clear();
    chosen = "";
    fill(list);
    countAll();
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
