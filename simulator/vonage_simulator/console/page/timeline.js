// The geometry of a call over time: ticks and marks of the overview, pauses and lanes of the events.
// Does not use the document.

/** @typedef {import("./rows.js").Row} Row */

const GAP = 1; // seconds without an event that are worth a line
const SOON = 20; // pixels within which webhooks share one mark in the overview
const TICK = 72; // pixels between two ticks, at least
const STEPS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

export const FILTERS = [
  ["all", "All", () => true],
  ["hooks", "Webhooks", ({ row }) => row.kind === "hook"],
  ["actions", "Actions", ({ row }) => row.kind === "action"],
  ["people", "Digits and speech", ({ row }) => row.kind === "key" || row.kind === "say"],
  ["problems", "Problems", ({ result }) => result.tone !== ""],
];

/**
 * Returns the events to show: those of a leg that fit a filter. The open event is always one of them,
 * because its address leads to it.
 *
 * @param {any[]} items In the order of time.
 * @param {{filter: string, leg: string|null, chosen: number|null}} choice `leg` is null for all.
 * @returns {{shown: any[], legs: Set<string>|null, filter: string, counts: number[], folded: number}}
 *   The events, the legs that have lanes (null: all), the filter that applies, the number of events
 *   of each filter, and that of the events of other legs.
 */
export function shownOf(items, { filter, leg, chosen }) {
  const isOfLeg = ({ row }) => leg === null || row.leg === leg;
  const own = items.filter(isOfLeg);
  const counts = FILTERS.map(([, , fits]) => own.filter(fits).length);
  const index = FILTERS.findIndex(([name], at) => name === filter && counts[at] > 0);
  const [name, , fits] = FILTERS[Math.max(0, index)];
  const open = items.find(({ row }) => row.id === chosen);
  return {
    ...{ filter: name, counts, folded: items.length - own.length },
    shown: items.filter((item) => item === open || (isOfLeg(item) && fits(item))),
    legs: leg === null ? null : new Set([leg, open?.row.leg ?? leg]),
  };
}

/** The end of a row, or now while it lasts. @param {Row} row @param {number} now */
export const endOf = (row, now) => (row.end === null ? now : (row.end ?? row.at));

/**
 * Returns the length of the overview and its ticks, in seconds since the call began.
 *
 * @param {{begin: number, ended: number|null}} call Unix seconds.
 * @param {number} now @param {number} width Pixels of the track.
 */
export function scaleOf({ begin, ended }, now, width) {
  const lasted = Math.max(0.1, (ended ?? now) - begin);
  const total = ended === null ? Math.max(20, Math.ceil((lasted * 1.12) / 5) * 5) : lasted * 1.02;
  const step = STEPS.find((one) => (one / total) * width >= TICK) ?? total;
  const ticks = [];
  for (let t = 0; t <= total; t += step) ticks.push(Math.round(t * 10) / 10);
  return { total, ticks };
}

/**
 * Webhooks that are close together share a mark with their number, in the tone of the worst.
 *
 * @param {{row: Row, result: {tone: string}}[]} hooks In the order of time.
 * @param {number} secondsPerPixel
 */
export function marksOf(hooks, secondsPerPixel) {
  const rank = { bad: 2, warn: 1 };
  /** @type {{at: number, count: number, worst: any}[]} */
  const marks = [];
  for (const item of hooks) {
    const last = marks.at(-1);
    if (!last || item.row.at - last.at >= SOON * secondsPerPixel) {
      marks.push({ at: item.row.at, count: 1, worst: item });
      continue;
    }
    last.count += 1;
    const isWorse = (rank[item.result.tone] ?? 0) > (rank[last.worst.result.tone] ?? 0);
    if (isWorse) last.worst = item;
  }
  return marks;
}

/**
 * Puts a pause where nothing happens for a second or more.
 *
 * @param {{row: Row}[]} items In the order of time.
 * @returns {any[]} The items, and `{gap, after}` between them: seconds, and the row before.
 */
export function withPauses(items) {
  const all = [];
  let busy = -Infinity; // until when something is heard, said, or awaited
  for (const item of items) {
    const { row } = item;
    if (all.length > 0 && row.at - busy >= GAP) {
      all.push({ gap: row.at - busy, after: all.at(-1).row.id, at: busy });
    }
    all.push(item);
    const took = row.kind === "hook" ? (row.hook.ms ?? 0) / 1000 : 0;
    const isHeard = row.kind !== "recording" && !row.beside;
    busy = Math.max(busy, row.at + took, isHeard && row.end ? row.end : row.at);
  }
  return all;
}

/**
 * Returns what each line of the list shows in the lane of each leg.
 *
 * @param {any[]} items Rows and pauses, from `withPauses`.
 * @param {{uuid: string, over: boolean, created_at: number, ended_at: number|null}[]} legs
 * @returns {{isAlive: boolean, starts: boolean, ends: boolean,
 *   bars: {item: any, starts: boolean, ends: boolean}[]}[][]} By line, then by leg.
 */
export function lanesOf(items, legs) {
  const times = items.map((item) => item.row?.at ?? item.at);
  const lines = items.map(() => legs.map(emptyLane));
  legs.forEach((leg, lane) => {
    const own = items.flatMap((item, line) => (item.row?.leg === leg.uuid ? [line] : []));
    const first = own[0] ?? -1;
    const last = leg.over ? (own.at(-1) ?? -1) : items.length - 1;
    for (let line = first; first >= 0 && line <= last; line += 1) {
      Object.assign(lines[line][lane], {
        ...{ isAlive: true, starts: line === first, ends: leg.over && line === last },
      });
    }
    for (const begin of own) {
      const { row } = items[begin];
      if (row.kind !== "action" && row.kind !== "recording") continue;
      const end = row.end ?? Infinity; // what lasts, lasts to the end of the list
      let until = begin;
      while (until + 1 < items.length && times[until + 1] < end) until += 1;
      for (let line = begin; line <= until; line += 1) {
        const ends = line === until && row.end !== null;
        lines[line][lane].bars.push({ item: items[begin], starts: line === begin, ends });
      }
    }
  });
  return lines;
}

const emptyLane = () => ({ isAlive: false, starts: false, ends: false, bars: [] });
