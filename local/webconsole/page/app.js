// Starts the page: the store, the link that fills it, and the four parts that show it.
// @ts-check

import * as api from "./api.js";
import { write } from "./dom.js";
import * as faults from "./faults.js";
import * as flows from "./flows.js";
import * as inspector from "./inspector.js";
import { openLink } from "./live-socket.js";
import * as phone from "./phone.js";
import { createStore } from "./store.js";

const LINK_STATES = { connected: "Connected", lost: "Connection lost; trying again" };

const store = createStore();
const parts = { phone, inspector, flows, faults };

/** @param {string} id @returns {HTMLElement} */
const place = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Asks for what the link does not tell: the stack, and calls whose beginning is forgotten. */
async function introduce() {
  try {
    const paths = ["/api/stack", "/sim/calls", "/sim/clock"];
    const [stack, { calls }, clock] = await Promise.all(paths.map(api.get));
    store.setClock(clock);
    store.introduce(stack, calls);
  } catch (error) {
    // The link was lost again in this moment; its next hello asks again.
    if (!(error instanceof api.ApiError)) throw error;
  }
}

/** @param {import("./store.js").Entry} entry Somebody may have changed how the clock runs. */
async function followClock({ kind }) {
  if (kind !== "clock" || store.link === "lost") return;
  const clock = await api.get("/sim/clock").catch(() => null);
  if (clock) store.setClock(clock);
}

/** @param {any} message */
function receive(message) {
  if (message.type !== "hello") return store.take(message);
  if (message.reset) store.reset(message.platform);
  void introduce();
}

store.subscribe("link", (state) => {
  const shown = place("link");
  shown.dataset.state = state;
  write(shown, LINK_STATES[/** @type {"connected"|"lost"} */ (state)]);
});

const link = openLink({ after: store.newest, receive, changed: store.linked });
for (const [id, part] of Object.entries(parts)) {
  part.mount(place(id), { store, api, send: link.send });
}
store.subscribe("entry", followClock);
