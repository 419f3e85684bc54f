// Delivers journal entries to each line, in order and once, including those from before the page
// was loaded.
// @ts-check

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").PhoneLines} parts.lines
 * @param {(line: import("./phone-lines.js").Line, entry: import("./store.js").Entry) => void} parts.receive
 * @returns {() => void} Delivers the new entries; call it after updates.
 */
export function createLineEvents({ store, lines, receive }) {
  /** @type {Map<string, number>} the newest delivered entry of each line */
  const delivered = new Map();

  /** @param {string} uuid */
  function undelivered(uuid) {
    const after = delivered.get(uuid) ?? 0;
    const legs = store.callOf(uuid)?.legs ?? [uuid];
    return legs
      .flatMap((leg) => store.entries(leg))
      .filter(({ id }) => id > after)
      .filter((entry) => entry.uuid === uuid || entry.heard_by?.includes(uuid));
  }

  return () => {
    for (const uuid of delivered.keys()) if (!lines.has(uuid)) delivered.delete(uuid);
    const all = lines
      .all()
      .flatMap((line) => undelivered(line.uuid).map((entry) => ({ line, entry })));
    for (const { line, entry } of all.sort((one, other) => one.entry.id - other.entry.id)) {
      delivered.set(line.uuid, entry.id);
      receive(line, entry);
    }
  };
}
