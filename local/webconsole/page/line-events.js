// Hands each line what happened on it, in order and once: also what happened before a page was
// loaded.
// @ts-check

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").Lines} parts.lines
 * @param {(line: import("./phone-lines.js").Line, entry: import("./store.js").Entry) => void} parts.take
 * @returns {() => void} To be called when there is news.
 */
export function createFeed({ store, lines, take }) {
  /** @type {Map<string, number>} the newest entry that a line was given */
  const given = new Map();

  /** @param {string} uuid */
  function unseen(uuid) {
    const after = given.get(uuid) ?? 0;
    const legs = store.callOf(uuid)?.legs ?? [uuid];
    return legs
      .flatMap((leg) => store.entries(leg))
      .filter(({ id }) => id > after)
      .filter((entry) => entry.uuid === uuid || entry.heard_by?.includes(uuid));
  }

  return () => {
    for (const uuid of given.keys()) if (!lines.holds(uuid)) given.delete(uuid);
    const all = lines.all().flatMap((line) => unseen(line.uuid).map((entry) => ({ line, entry })));
    for (const { line, entry } of all.sort((one, other) => one.entry.id - other.entry.id)) {
      given.set(line.uuid, entry.id);
      take(line, entry);
    }
  };
}
