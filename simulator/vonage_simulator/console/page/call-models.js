// What the page shows of each call: its rows, and a summary. An entry changes the model of one call.

import { createRows } from "./rows.js";
import { resultOf, summaryOf } from "./results.js";

/** @typedef {ReturnType<typeof createModel>} CallModel */
/** @typedef {import("./rows.js").Row} Row */

/** @param {import("./store.js").Store} store */
export function createCallModels(store) {
  /** @type {Map<string, CallModel>} by the key of the call, oldest first */
  const models = new Map();
  /** @type {Map<string, {key: string, row: Row}>} the row of each API request */
  const requests = new Map();
  /** @type {Set<() => void>} */
  const listeners = new Set();
  let isChanged = false;
  let revision = 0;

  /** The model of a call, made from its entries so far. @param {string} key */
  function modelOf(key) {
    const call = store.calls.get(key);
    if (!call) return null;
    const known = models.get(key);
    // Two calls that were merged, or a leg that came later, change the order of the entries.
    if (known && known.legs.length === call.legs.length) return known;
    const model = createModel(store, call, (known?.revision ?? 0) + 1);
    models.set(key, model);
    for (const row of model.rows) remember(key, row);
    return model;
  }

  function remember(key, row) {
    if (row.hook?.exchange) requests.set(row.hook.exchange, { key, row });
  }

  /** @param {string|undefined} uuid */
  const keyOf = (uuid) => (uuid ? store.callOf(uuid)?.key : undefined);

  function changed() {
    isChanged = true;
    revision += 1;
  }

  store.subscribe("leg", ({ uuid }) => {
    const model = modelOf(keyOf(uuid) ?? "");
    if (model) model.revision += 1;
    changed();
  });
  store.subscribe("entry", (entry) => {
    const key = keyOf(entry.uuid);
    if (!key) return;
    const model = modelOf(key);
    if (!model?.add(entry)) return;
    for (const row of model.rows.slice(-8)) remember(key, row);
    changed();
  });
  store.subscribe("exchange", ({ id }) => {
    const found = requests.get(id);
    if (!found) return;
    found.row.revision += 1;
    const model = models.get(found.key);
    if (model) model.revision += 1;
    changed();
  });
  store.subscribe("frame", () => {
    for (const key of models.keys()) if (!store.calls.has(key)) models.delete(key);
    if (!isChanged) return;
    isChanged = false;
    for (const listener of listeners) listener();
  });
  store.subscribe("reset", () => {
    models.clear();
    requests.clear();
    revision += 1;
    for (const listener of listeners) listener();
  });

  return {
    /** Grows with each change of a call. */
    revision: () => revision,
    /** @param {string} key The key of a call, even of one that was merged. */
    get: (key) => modelOf(store.callOf(key)?.key ?? key),
    /** Every call, newest first. @returns {CallModel[]} */
    all: () => [...store.calls.keys()].reverse().flatMap((key) => [modelOf(key)].filter(Boolean)),
    /** @param {() => void} listener Called once per frame with changes. */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** @typedef {ReturnType<typeof createCallModels>} CallModels */

/** @param {import("./store.js").Store} store @param {import("./store.js").Call} call */
function createModel(store, call, revision) {
  const { rows, add } = createRows();
  const legs = [...call.legs];
  const exchangeOf = (row) =>
    row.hook?.exchange ? store.exchanges.get(row.hook.exchange) : undefined;
  /** The webhook whose response has the action of a row. @param {Row} row */
  const sourceOf = (row) => {
    if (row.kind !== "action") return undefined;
    const source = rows.findLast((one) => one.hook?.ncco && one.leg === row.leg && one.id < row.id);
    return source && { hook: source.hook, exchange: exchangeOf(source) };
  };
  let newest = 0;
  /** @type {{revision: number, summary: any}|null} */
  let cached = null;

  const model = {
    key: call.key,
    legs,
    rows,
    revision,
    exchangeOf,
    legObjects: () => legs.flatMap((uuid) => store.legs.get(uuid) ?? []),
    /** @param {any} entry @returns {boolean} Whether it is new and changed a row. */
    add(entry) {
      if (entry.id <= newest) return false;
      newest = entry.id;
      const isShown = add(entry);
      if (isShown) model.revision += 1;
      return isShown;
    },
    /** @param {Row} row */
    resultOf: (row) => resultOf(row, exchangeOf(row), sourceOf(row)),
    summary() {
      if (cached?.revision !== model.revision) {
        const summary = summaryOf({ legs: model.legObjects(), rows, exchangeOf });
        cached = { revision: model.revision, summary };
      }
      return cached.summary;
    },
    /** Every conversation that a leg was in. @returns {string[]} */
    conversations: () => [
      ...new Set(
        legs
          .flatMap((uuid) => store.entries(uuid))
          .flatMap(({ conversation_uuid: one }) => one ?? []),
      ),
    ],
  };
  const entries = legs.flatMap((uuid) => store.entries(uuid));
  for (const entry of entries.sort((one, other) => one.id - other.id)) model.add(entry);
  return model;
}
