// What the page knows of the platform: calls, their legs, what happened on each, and the exchanges
// of the API. Changes are gathered and told once in an animation frame.
// @ts-check

const OVER = new Set("completed rejected busy timeout unanswered failed cancelled".split(" "));
const CALLS_KEPT = 1000;
const EXCHANGES_KEPT = 2000;
const GATHERED = ["entry", "leg", "exchange", "log", "flows"];

/**
 * @typedef {{id: number, at: number, kind: string, uuid?: string, [key: string]: any}} Entry
 * @typedef {{uuid: string, from: string, to: string, direction: string, status: string,
 *   conversation_uuid: string, created_at: number, answered_at: number|null,
 *   ended_at: number|null, over: boolean}} Leg
 * @typedef {{key: string, legs: string[], started_at: number}} Call
 */

/** Makes an empty store. */
export function createStore() {
  /** @type {Map<string, Call>} calls, by the conversation that each began in, oldest first */
  const calls = new Map();
  /** @type {Map<string, Leg>} */
  const legs = new Map();
  /** @type {Map<string, Entry[]>} */
  const journal = new Map();
  /** @type {Map<string, any>} */
  const exchanges = new Map();
  /** @type {Map<string, string>} the call of a leg, and that of a conversation which was merged */
  const keys = new Map();
  const { subscribe, later, tell, forget } = createNews();
  let newest = 0;

  /** @param {any} summary A leg as GET /sim/calls gives it. */
  function learn(summary) {
    const { uuid, direction, status, over, created_at, answered_at, ended_at } = summary;
    const [from, to] = [addressOf(summary.from), addressOf(summary.to)];
    const { conversation_uuid } = summary;
    change(uuid, {
      ...{ direction, status, over, created_at, answered_at, ended_at },
      ...{ from, to, conversation_uuid },
    });
  }

  /** @param {Entry} entry */
  function add(entry) {
    newest = Math.max(newest, entry.id);
    if (entry.uuid) {
      const kept = journal.get(entry.uuid) ?? [];
      kept.push(entry);
      journal.set(entry.uuid, kept);
      if (entry.kind === "leg") change(entry.uuid, statusOf(entry, legs.get(entry.uuid)));
      if (entry.kind === "transfer") move(entry.uuid, entry.conversation_uuid);
    }
    later("entry", entry);
  }

  /** @param {string} uuid @param {Partial<Leg>} known */
  function change(uuid, known) {
    const leg = Object.assign(legs.get(uuid) ?? { uuid }, known);
    legs.set(uuid, /** @type {Leg} */ (leg));
    if (!keys.has(uuid)) enter(/** @type {Leg} */ (leg));
    later("leg", leg);
  }

  /** @param {Leg} leg */
  function enter(leg) {
    const open = openCallIn(leg.conversation_uuid, leg.uuid);
    const call = open ?? { key: leg.conversation_uuid, legs: [], started_at: leg.created_at };
    call.legs.push(leg.uuid);
    keys.set(leg.uuid, call.key);
    if (!open) calls.set(call.key, call);
    if (calls.size > CALLS_KEPT) drop(/** @type {string} */ (calls.keys().next().value));
  }

  /** Puts a leg into another conversation; two calls become one where somebody is there already. */
  function move(/** @type {string} */ uuid, /** @type {string} */ conversation) {
    const leg = legs.get(uuid);
    if (!leg) return;
    const here = callOf(uuid);
    const there = openCallIn(conversation, uuid);
    leg.conversation_uuid = conversation;
    if (here && there && here !== there) merge(there, here);
    later("leg", leg);
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
      for (const known of [legs, journal, keys]) known.delete(uuid);
    }
    calls.delete(key);
  }

  /** @param {string} name A leg, or the key of a call, also of one that became part of another. */
  function callOf(name) {
    let key = name;
    for (let next = keys.get(key); next !== undefined; next = keys.get(key)) key = next;
    return calls.get(key);
  }

  /** @param {any} exchange */
  function exchanged(exchange) {
    exchanges.set(exchange.id, exchange);
    if (exchanges.size > EXCHANGES_KEPT) exchanges.delete(exchanges.keys().next().value ?? "");
    later("exchange", exchange);
  }

  /** @param {string} uuid @returns {string|null} The flow that answered a webhook of this leg. */
  function flowOf(uuid) {
    for (const entry of journal.get(uuid) ?? []) {
      const id = entry.webhook?.reply?.headers?.["apigw-requestid"];
      const flow = id && exchanges.get(id)?.flow;
      if (flow) return flow;
    }
    return null;
  }

  const store = {
    calls,
    legs,
    exchanges,
    /** @type {any} What GET /api/stack told, null before. */
    stack: null,
    /** @type {"connected"|"lost"} */
    link: /** @type {"connected"|"lost"} */ ("lost"),
    subscribe,
    callOf,
    flowOf,
    entries: (/** @type {string} */ uuid) => journal.get(uuid) ?? [],
    newest: () => newest,
    /** Takes a message of the link. */
    take(/** @type {any} */ message) {
      if (message.type === "entry") add(message.entry);
      else if (message.type === "exchange") exchanged(message.exchange);
      else if (message.type === "log") later("log", message);
      else if (message.type === "flows") later("flows", message);
    },
    /** The platform's clock as it was last told: `now` in seconds since 1970, `at` of this page. */
    clock: { speed: 1, now: Date.now() / 1000, at: performance.now() },
    /** The time there, in seconds since 1970. */
    now: () => store.clock.now + ((performance.now() - store.clock.at) / 1000) * store.clock.speed,
    /** @param {{now: number, speed: number}} clock GET /sim/clock */
    setClock({ now, speed }) {
      const changed = speed !== store.clock.speed;
      store.clock = { speed, now, at: performance.now() };
      if (changed) tell("clock", store.clock);
    },
    /** @param {any} stack GET /api/stack @param {any[]} summaries GET /sim/calls */
    introduce(stack, summaries) {
      store.stack = stack;
      summaries.forEach(learn);
      tell("stack", stack);
    },
    /** @param {any[]} flows GET /api/flows, which one part of the page asks for all. */
    listFlows: (flows) => tell("listed", flows),
    /** @param {"connected"|"lost"} state */
    linked(state) {
      store.link = state;
      tell("link", state);
    },
    /** Forgets everything. @param {string} platform The one that tells from now on. */
    reset(platform) {
      for (const known of [calls, legs, journal, exchanges, keys]) known.clear();
      newest = 0;
      forget();
      tell("reset", platform);
    },
  };
  return store;
}

/** @typedef {ReturnType<typeof createStore>} Store */

/** Those who want news, and the news that wait for the next frame. */
function createNews() {
  /** @type {Map<string, Set<(news: any) => void>>} */
  const listeners = new Map();
  /** @type {Map<string, Set<any>>} */
  const waiting = new Map(GATHERED.map((kind) => [kind, new Set()]));
  let due = false;

  /** @param {string} kind @param {any} news */
  function tell(kind, news) {
    for (const listener of [...(listeners.get(kind) ?? [])]) listener(news);
  }

  function flush() {
    if (!due) return;
    due = false;
    for (const kind of GATHERED) {
      const news = [.../** @type {Set<any>} */ (waiting.get(kind))];
      waiting.get(kind)?.clear();
      for (const one of news) tell(kind, one);
    }
    tell("frame", undefined);
  }

  // A hidden page gets no frames, and yet its phone is to ring.
  document.addEventListener("visibilitychange", flush);

  return {
    tell,
    /** @param {string} kind @param {any} news */
    later(kind, news) {
      waiting.get(kind)?.add(news);
      if (due) return;
      due = true;
      if (document.hidden) queueMicrotask(flush);
      else requestAnimationFrame(flush);
    },
    forget() {
      for (const news of waiting.values()) news.clear();
    },
    /**
     * Calls `listener` with each piece of news of a kind: "entry", "leg", "exchange", "log",
     * "flows" (gathered), "frame" (after those of a frame), "link", "stack", "listed" (flows),
     * "clock" (its speed), "reset" (at once).
     *
     * @param {string} kind
     * @param {(news: any) => void} listener
     * @returns {() => void} Ends it.
     */
    subscribe(kind, listener) {
      const those = listeners.get(kind) ?? new Set();
      listeners.set(kind, those.add(listener));
      return () => those.delete(listener);
    },
  };
}

/** @param {Entry} entry @param {Leg|undefined} known @returns {Partial<Leg>} */
function statusOf(entry, known) {
  const { status, direction, from, to, conversation_uuid, at } = entry;
  const over = OVER.has(status) || Boolean(known?.over);
  return {
    ...{ direction, from, to, conversation_uuid, over },
    // Two statuses of one moment may come in either order.
    status: status === "started" && known ? known.status : status,
    created_at: known?.created_at ?? at,
    answered_at: known?.answered_at ?? (status === "answered" ? at : null),
    ended_at: known?.ended_at ?? (over ? at : null),
  };
}

/** @param {any} endpoint An address, or an endpoint as the REST API shows it. */
function addressOf(endpoint) {
  if (typeof endpoint === "string") return endpoint;
  const { number, uri, user, extension } = endpoint ?? {};
  return number ?? uri ?? user ?? extension ?? "";
}
