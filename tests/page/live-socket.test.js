import assert from "node:assert/strict";
import { setImmediate as settle } from "node:timers/promises";
import test from "node:test";

import { openLiveSocket } from "../../simulator/vonage_simulator/console/page/live-socket.js";

/** A browser's WebSocket, without a network. */
class Socket extends EventTarget {
  static OPEN = 1;
  static opened = [];
  readyState = Socket.OPEN;
  constructor() {
    super();
    Socket.opened.push(this);
  }
  deliver(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }
  lose() {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
}

function open(context) {
  const [states, loads] = [[], []];
  context.mock.timers.enable({ apis: ["setTimeout"] });
  Object.assign(globalThis, { WebSocket: Socket, location: { href: "http://localhost/" } });
  Socket.opened = [];
  openLiveSocket({
    after: () => 0,
    receive: ({ type }) =>
      type === "hello" && new Promise((resolve) => loads.push(() => resolve(undefined))),
    changed: (state) => states.push(state),
  });
  return { states, loads };
}

test("a page is connected once it has loaded what came before", async (context) => {
  const { states, loads } = open(context);
  Socket.opened[0].deliver({ type: "hello", platform: "one" });
  await settle();
  assert.deepEqual(states, []);
  loads[0]();
  await settle();
  assert.deepEqual(states, ["connected"]);
});

test("a connection that is lost while the page loads does not count", async (context) => {
  const { states, loads } = open(context);
  Socket.opened[0].deliver({ type: "hello", platform: "one" });
  Socket.opened[0].lose();
  context.mock.timers.tick(500);
  Socket.opened[1].deliver({ type: "hello", platform: "one" });
  loads[0]();
  await settle();
  assert.deepEqual(states, ["lost"]);
  loads[1]();
  await settle();
  assert.deepEqual(states, ["lost", "connected"]);
});
