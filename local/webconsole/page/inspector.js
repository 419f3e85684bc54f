// The inspector: the list of calls, the conversation that is chosen as a sequence diagram, and the
// details of what is chosen in it.
// @ts-check

import { aboutCall, createCallList } from "./call-list.js";
import { createDetails } from "./details-panel.js";
import { createDiagram } from "./sequence-diagram.js";
import { h, set, write } from "./dom.js";
import { plural } from "./format.js";

// Wider than this, the details stand beside the diagram (as in inspector.css).
const BESIDE = "(min-width: 90rem)";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function mount(root, { store, api }) {
  const list = createCallList({ store, choose: chooseByHand });
  const head = createHead();
  const follow = h("input", { type: "checkbox", checked: true });
  const details = createDetails({ store, api, close: closeDetails });
  const diagram = createDiagram({ now: store.now, choose: showDetails });
  /** @type {Map<string, string>} the leg whose webhook the API answered under an id */
  const answered = new Map();
  let chosen = "";

  const hint = h(
    "p",
    { class: "hint small muted" },
    "Choose a row for its details. Arrow keys move between rows.",
  );
  const conversation = h(
    "section",
    { class: "conversation card", "aria-label": "Conversation" },
    head.element,
    hint,
    diagram.element,
  );
  const newest = h("label", { class: "check" }, follow, "Show each new call");
  const calls = h("div", { class: "calls-side card" }, h("h2", {}, "Calls"), newest, list.element);
  root.append(h("div", { class: "inspector" }, calls, conversation, details.element));
  set(diagram.element, "hidden", true);
  set(hint, "hidden", true);

  const callKey = (uuid) => store.callOf(uuid)?.key ?? "";

  store.subscribe("leg", (leg) => {
    const key = callKey(leg.uuid);
    list.mark(key);
    if (key === chosen) addLanes();
  });
  store.subscribe("entry", (entry) => {
    if (!entry.uuid) return;
    const key = callKey(entry.uuid);
    const exchange = entry.webhook?.reply?.headers?.["apigw-requestid"];
    if (exchange) answered.set(exchange, entry.uuid);
    list.mark(key);
    if (key && key === chosen) addEntry(entry);
  });
  store.subscribe("exchange", ({ id }) => list.mark(callKey(answered.get(id) ?? "")));
  store.subscribe("frame", () => {
    list.flush();
    chooseNewest();
    head.update(store, chosen);
  });
  store.subscribe("reset", clear);

  function chooseByHand(key) {
    follow.checked = false;
    choose(key);
  }

  function chooseNewest() {
    const current = store.calls.get(chosen);
    if (chosen && !current) return choose(store.callOf(chosen)?.key ?? "");
    if (current && (!follow.checked || isLive(current))) return;
    const key = [...store.calls.keys()].at(-1);
    if (key && key !== chosen) choose(key);
  }

  function isLive(call) {
    return call.legs.some((uuid) => !store.legs.get(uuid)?.over);
  }

  function choose(key) {
    chosen = key;
    list.setChosen(key);
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

  /** Takes in legs that came to the call; one that has been elsewhere brings its past along. */
  function addLanes() {
    const call = store.calls.get(chosen);
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
    if (!matchMedia(BESIDE).matches) details.enter();
  }

  /** Every conversation that the legs of the call were in. */
  function conversationsOf() {
    const call = store.calls.get(chosen);
    const told = call ? entriesOf(call).map((entry) => entry.conversation_uuid) : [];
    return [...new Set(told.filter(Boolean))];
  }

  function closeDetails() {
    details.clear();
    diagram.chosenButton()?.focus();
  }

  function clear() {
    answered.clear();
    list.clear();
    choose("");
  }
}

/** The heading of the conversation, with what the list says of it as well. */
function createHead() {
  const title = h("h3", {});
  const state = h("span", { class: "tag" });
  const more = h("p", { class: "small muted" });
  const empty = "Choose a call, or ring the number with the phone.";
  const element = h("div", { class: "conversation-head" }, title, state, more);

  function update(store, key) {
    const call = store.calls.get(key);
    const about = call ? aboutCall(store, call) : null;
    write(title, about ? about.who : "Conversation");
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
