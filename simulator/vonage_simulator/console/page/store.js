// The page's state: calls, their legs, the journal of each leg, and the API requests. Changes are
// batched and published once per animation frame.
// @ts-check

const OVER = new Set("completed rejected busy timeout unanswered failed cancelled".split(" "));
const MAX_CALLS = 1000;
const MAX_EXCHANGES = 2000;
const BATCHED = ["entry", "leg", "exchange", "log", "flows"];

/**
 * @typedef {{id: number, at: number, kind: string, uuid?: string, [key: string]: any}} Entry
 * @typedef {{uuid: string, from: string, to: string, direction: string, status: string,
 *   conversation_uuid: string, created_at: number, answered_at: number|null,
 *   ended_at: number|null, over: boolean}} Leg
 * @typedef {{key: string, legs: string[], started_at: number}} Call
 */

/** Creates an empty store. */
export function createStore() {
  /** @type {Map<string, Call>} calls by the conversation they started in, oldest first */
  const calls = new Map();
  /** @type {Map<string, Leg>} */
  const legs = new Map();
  /** @type {Map<string, Entry[]>} */
  const journal = new Map();
  /** @type {Map<string, any>} */
  const exchanges = new Map();
  /** @type {Map<string, string>} from a leg, or the key of a merged call, to the call's key */
  const keys = new Map();
  const { subscribe, enqueue, publish, discard } = createUpdates();
  let newest = 0;

  /** @param {any} summary A leg from GET /sim/calls. */
  function addLeg(summary) {
    const { uuid, direction, status, over, created_at, answered_at, ended_at } = summary;
    const [from, to] = [addressOf(summary.from), addressOf(summary.to)];
    const { conversation_uuid } = summary;
    change(uuid, {
      ...{ direction, status, over, created_at, answered_at, ended_at },
      ...{ from, to, conversation_uuid },
    });
  }

  /** @param {Entry} entry */
  function addEntry(entry) {
    newest = Math.max(newest, entry.id);
    if (entry.uuid) {
      const entries = journal.get(entry.uuid) ?? [];
      entries.push(entry);
      journal.set(entry.uuid, entries);
      if (entry.kind === "leg") change(entry.uuid, statusOf(entry, legs.get(entry.uuid)));
      if (entry.kind === "transfer") move(entry.uuid, entry.conversation_uuid);
    }
    enqueue("entry", entry);
  }

  /** @param {string} uuid @param {Partial<Leg>} changes */
  function change(uuid, changes) {
    const leg = Object.assign(legs.get(uuid) ?? { uuid }, changes);
    legs.set(uuid, /** @type {Leg} */ (leg));
    if (!keys.has(uuid)) addToCall(/** @type {Leg} */ (leg));
    enqueue("leg", leg);
  }

  /** @param {Leg} leg */
  function addToCall(leg) {
    const open = openCallIn(leg.conversation_uuid, leg.uuid);
    const call = open ?? { key: leg.conversation_uuid, legs: [], started_at: leg.created_at };
    call.legs.push(leg.uuid);
    keys.set(leg.uuid, call.key);
    if (!open) calls.set(call.key, call);
    if (calls.size > MAX_CALLS) drop(/** @type {string} */ (calls.keys().next().value));
  }

  /** Moves a leg to another conversation; merges two calls if that conversation has legs. */
  function move(/** @type {string} */ uuid, /** @type {string} */ conversation) {
    const leg = legs.get(uuid);
    if (!leg) return;
    const from = callOf(uuid);
    const to = openCallIn(conversation, uuid);
    leg.conversation_uuid = conversation;
    if (from && to && from !== to) merge(to, from);
    enqueue("leg", leg);
  }

  /** @param {string} conversation @param {string} newcomer @returns {Call|undefined} */
  function openCallIn(conversation, newcomer) {
    for (const leg of legs.values()) {
      const others = leg.uuid !== newcomer && leg.conversation_uuid === conversation;
      if (others && !leg.over && keys.has(leg.uuid)) return callOf(leg.uuid);
    }
    return callOf(conversation);
  }

  /** @param {Call} one @param {Call} other */
  function merge(one, other) {
    const [first, second] = one.started_at <= other.started_at ? [one, other] : [other, one];
    first.legs.push(...second.legs);
    for (const uuid of second.legs) keys.set(uuid, first.key);
    keys.set(second.key, first.key);
    calls.delete(second.key);
  }

  /** @param {string} key */
  function drop(key) {
    for (const uuid of calls.get(key)?.legs ?? []) {
      for (const map of [legs, journal, keys]) map.delete(uuid);
    }
    calls.delete(key);
  }

  /** @param {string} id The uuid of a leg, or the key of a call, even of a merged one. */
  function callOf(id) {
    let key = id;
    for (let next = keys.get(key); next !== undefined; next = keys.get(key)) key = next;
    return calls.get(key);
  }

  /** @param {any} exchange */
  function addExchange(exchange) {
    exchanges.set(exchange.id, exchange);
    if (exchanges.size > MAX_EXCHANGES) exchanges.delete(exchanges.keys().next().value ?? "");
    enqueue("exchange", exchange);
  }

  const store = {
    calls,
    legs,
    exchanges,
    /** @type {any} From GET /api/stack; null until then. */
    stack: null,
    /** @type {"connected"|"lost"} */
    link: /** @type {"connected"|"lost"} */ ("lost"),
    subscribe,
    callOf,
    entries: (/** @type {string} */ uuid) => journal.get(uuid) ?? [],
    newest: () => newest,
    /** Handles a message of the socket. */
    receive(/** @type {any} */ message) {
      if (message.type === "entry") addEntry(message.entry);
      else if (message.type === "exchange") addExchange(message.exchange);
      else if (message.type === "log") enqueue("log", message);
      else if (message.type === "flows") enqueue("flows", message);
    },
    /** The simulator's clock: `now` in Unix seconds when this page's clock was at `at`. */
    clock: { speed: 1, now: Date.now() / 1000, at: performance.now() },
    /** The simulator's current time in Unix seconds. */
    now: () => store.clock.now + ((performance.now() - store.clock.at) / 1000) * store.clock.speed,
    /** @param {{now: number, speed: number}} clock GET /sim/clock */
    setClock({ now, speed }) {
      const changed = speed !== store.clock.speed;
      store.clock = { speed, now, at: performance.now() };
      if (changed) publish("clock", store.clock);
    },
    /** @param {any} stack GET /api/stack @param {any[]} summaries GET /sim/calls */
    load(stack, summaries) {
      store.stack = stack;
      summaries.forEach(addLeg);
      publish("stack", stack);
    },
    /** @type {any[]} GET /api/flows */
    flows: [],
    /** @param {any[]} flows GET /api/flows */
    setFlows(flows) {
      store.flows = flows;
      publish("flowList", flows);
    },
    /** @param {"connected"|"lost"} state */
    setLink(state) {
      store.link = state;
      publish("link", state);
    },
    /** Clears the store. @param {string} platform The id of the platform's current start. */
    reset(platform) {
      for (const map of [calls, legs, journal, exchanges, keys]) map.clear();
      newest = 0;
      discard();
      publish("reset", platform);
    },
  };
  return store;
}

/** @typedef {ReturnType<typeof createStore>} Store */

/** The listeners, and the updates that wait for the next frame. */
function createUpdates() {
  /** @type {Map<string, Set<(update: any) => void>>} */
  const listeners = new Map();
  /** @type {Map<string, Set<any>>} */
  const waiting = new Map(BATCHED.map((kind) => [kind, new Set()]));
  let due = false;

  /** @param {string} kind @param {any} update */
  function publish(kind, update) {
    for (const listener of [...(listeners.get(kind) ?? [])]) listener(update);
  }

  function flush() {
    if (!due) return;
    due = false;
    for (const kind of BATCHED) {
      const updates = [.../** @type {Set<any>} */ (waiting.get(kind))];
      waiting.get(kind)?.clear();
      for (const update of updates) publish(kind, update);
    }
    publish("frame", undefined);
  }

  // A hidden page gets no animation frames, but its softphone must still ring.
  document.addEventListener("visibilitychange", flush);

  return {
    publish,
    /** @param {string} kind @param {any} update */
    enqueue(kind, update) {
      waiting.get(kind)?.add(update);
      if (due) return;
      due = true;
      if (document.hidden) queueMicrotask(flush);
      else requestAnimationFrame(flush);
    },
    discard() {
      for (const updates of waiting.values()) updates.clear();
    },
    /**
     * Calls `listener` with each update of a kind. Batched: "entry", "leg", "exchange", "log" and
     * "flows" (files changed), then "frame". At once: "link", "stack", "flowList", "clock" (a new
     * speed) and "reset".
     *
     * @param {string} kind
     * @param {(update: any) => void} listener
     * @returns {() => void} Unsubscribes.
     */
    subscribe(kind, listener) {
      const all = listeners.get(kind) ?? new Set();
      listeners.set(kind, all.add(listener));
      return () => all.delete(listener);
    },
  };
}

/** @param {Entry} entry @param {Leg|undefined} known @returns {Partial<Leg>} */
function statusOf(entry, known) {
  const { status, direction, from, to, conversation_uuid, at } = entry;
  const over = OVER.has(status) || Boolean(known?.over);
  return {
    ...{ direction, from, to, conversation_uuid, over },
    // Two statuses with the same time can arrive in either order. A leg that was not answered
    // keeps its status after `completed`, as in the Voice API.
    status: known && (status === "started" || known.over) ? known.status : status,
    created_at: known?.created_at ?? at,
    answered_at: known?.answered_at ?? (status === "answered" ? at : null),
    ended_at: known?.ended_at ?? (over ? at : null),
  };
}

/** @param {any} endpoint An address, or an endpoint of the REST API. */
function addressOf(endpoint) {
  if (typeof endpoint === "string") return endpoint;
  const { number, uri, user, extension } = endpoint ?? {};
  return number ?? uri ?? user ?? extension ?? "";
}
