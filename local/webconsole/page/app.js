// Starts the page: the store, the WebSocket that fills it, and the four sections that show it.
// @ts-check

import * as api from "./api.js";
import { write } from "./dom.js";
import * as faults from "./faults.js";
import * as flows from "./flows.js";
import * as inspector from "./inspector.js";
import { openLiveSocket } from "./live-socket.js";
import * as phone from "./phone.js";
import { createStore } from "./store.js";

const LINK_STATES = { connected: "Connected", lost: "Connection lost. Reconnecting…" };

const store = createStore();
const sections = { phone, inspector, flows, faults };

/** @param {string} id @returns {HTMLElement} */
const elementOf = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Loads what the socket does not send: the stack, the clock, and calls older than the journal. */
async function load() {
  try {
    const paths = ["/api/stack", "/sim/calls", "/sim/clock"];
    const [stack, { calls }, clock] = await Promise.all(paths.map(api.get));
    store.setClock(clock);
    store.load(stack, calls);
  } catch (error) {
    // The connection was lost again; the next hello loads again.
    if (!(error instanceof api.ApiError)) throw error;
  }
}

/** Follows clock changes by other clients. @param {import("./store.js").Entry} entry */
async function followClock({ kind }) {
  if (kind !== "clock" || store.link === "lost") return;
  const clock = await api.get("/sim/clock").catch(() => null);
  if (clock) store.setClock(clock);
}

/** @param {any} message */
function receive(message) {
  if (message.type !== "hello") return store.receive(message);
  if (message.reset) store.reset(message.platform);
  void load();
}

store.subscribe("link", (state) => {
  const element = elementOf("link");
  element.dataset.state = state;
  write(element, LINK_STATES[/** @type {"connected"|"lost"} */ (state)]);
});

const socket = openLiveSocket({ after: store.newest, receive, changed: store.setLink });
for (const [id, section] of Object.entries(sections)) {
  section.mount(elementOf(id), { store, api, send: socket.send });
}
store.subscribe("entry", followClock);
