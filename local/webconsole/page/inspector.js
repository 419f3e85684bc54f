// The call inspector: the list of calls, the sequence diagram of the selected call, and the details
// of the selected row.
// @ts-check

import { aboutCall, createCallList } from "./call-list.js";
import { createDetailsPanel } from "./details-panel.js";
import { createSequenceDiagram } from "./sequence-diagram.js";
import { h, set, write } from "./dom.js";
import { plural } from "./format.js";

// At this width, the details panel is next to the diagram (as in inspector.css).
const WIDE = "(min-width: 90rem)";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function mount(root, { store, api }) {
  const list = createCallList({ store, choose: selectByHand });
  const head = createHead();
  const follow = h("input", { type: "checkbox", checked: true });
  const details = createDetailsPanel({ store, api, close: closeDetails });
  const diagram = createSequenceDiagram({ now: store.now, choose: showDetails });
  /** @type {Map<string, string>} the leg of each API request, by the request's id */
  const legOfRequest = new Map();
  let selected = "";

  const hint = h(
    "p",
    { class: "hint small muted" },
    "Select a row to see its details. Use the arrow keys to move between rows.",
  );
  const timeline = h(
    "section",
    { class: "conversation card", "aria-label": "Call timeline" },
    head.element,
    hint,
    diagram.element,
  );
  const newest = h("label", { class: "check" }, follow, "Follow new calls");
  const calls = h("div", { class: "calls-side card" }, h("h2", {}, "Calls"), newest, list.element);
  root.append(h("div", { class: "inspector" }, calls, timeline, details.element));
  set(diagram.element, "hidden", true);
  set(hint, "hidden", true);

  const keyOf = (uuid) => store.callOf(uuid)?.key ?? "";

  store.subscribe("leg", (leg) => {
    const key = keyOf(leg.uuid);
    list.mark(key);
    if (key === selected) addLanes();
  });
  store.subscribe("entry", (entry) => {
    if (!entry.uuid) return;
    const key = keyOf(entry.uuid);
    const exchange = entry.webhook?.reply?.headers?.["apigw-requestid"];
    if (exchange) legOfRequest.set(exchange, entry.uuid);
    list.mark(key);
    if (key && key === selected) addEntry(entry);
  });
  store.subscribe("exchange", ({ id }) => list.mark(keyOf(legOfRequest.get(id) ?? "")));
  store.subscribe("frame", () => {
    list.flush();
    selectNewest();
    head.update(store, selected);
  });
  store.subscribe("reset", clear);

  function selectByHand(key) {
    follow.checked = false;
    select(key);
  }

  function selectNewest() {
    const current = store.calls.get(selected);
    if (selected && !current) return select(store.callOf(selected)?.key ?? "");
    if (current && (!follow.checked || isLive(current))) return;
    const key = [...store.calls.keys()].at(-1);
    if (key && key !== selected) select(key);
  }

  function isLive(call) {
    return call.legs.some((uuid) => !store.legs.get(uuid)?.over);
  }

  function select(key) {
    selected = key;
    list.setSelected(key);
    details.clear();
    const call = store.calls.get(key);
    set(diagram.element, "hidden", !call);
    set(hint, "hidden", !call);
    if (call) diagram.show(legsOf(call), entriesOf(call));
    head.update(store, key);
  }

  function legsOf(call) {
    return call.legs.map((uuid) => store.legs.get(uuid)).filter(Boolean);
  }

  function entriesOf(call) {
    return call.legs.flatMap((uuid) => store.entries(uuid)).sort((one, other) => one.id - other.id);
  }

  /** Adds lanes for new legs; a leg with earlier entries redraws the diagram. */
  function addLanes() {
    const call = store.calls.get(selected);
    if (!call) return;
    const added = legsOf(call).filter(({ uuid }) => !diagram.hasLane(uuid));
    const hasPast = added.some(
      ({ uuid }) => (store.entries(uuid)[0]?.id ?? Infinity) < diagram.newest(),
    );
    if (hasPast) diagram.show(legsOf(call), entriesOf(call));
    else added.forEach(diagram.addLane);
  }

  function addEntry(entry) {
    addLanes();
    diagram.add(entry);
  }

  function showDetails(row) {
    details.show(row, conversationsOf());
    if (!matchMedia(WIDE).matches) details.enter();
  }

  /** Returns every conversation that the legs of the call were in. */
  function conversationsOf() {
    const call = store.calls.get(selected);
    const all = call ? entriesOf(call).map((entry) => entry.conversation_uuid) : [];
    return [...new Set(all.filter(Boolean))];
  }

  function closeDetails() {
    details.clear();
    diagram.selectedButton()?.focus();
  }

  function clear() {
    legOfRequest.clear();
    list.clear();
    select("");
  }
}

/** The heading of the timeline, with a summary of the call. */
function createHead() {
  const title = h("h3", {});
  const state = h("span", { class: "tag" });
  const more = h("p", { class: "small muted" });
  const empty = "Select a call, or place one with the softphone.";
  const element = h("div", { class: "conversation-head" }, title, state, more);

  function update(store, key) {
    const call = store.calls.get(key);
    const about = call ? aboutCall(store, call) : null;
    write(title, about ? about.who : "Call");
    write(state, about?.state ?? "");
    state.className = `tag ${about?.tone ?? ""}`;
    state.hidden = !about;
    write(
      more,
      about
        ? [about.flow && `flow ${about.flow}`, plural(call.legs.length, "leg"), about.long, key]
            .filter(Boolean)
            .join(" · ")
        : empty,
    );
  }

  update({ calls: new Map() }, "");
  return { element, update };
}
