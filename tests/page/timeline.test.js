import assert from "node:assert/strict";
import test from "node:test";

import { hoursByDay, openState } from "../../local/webconsole/page/hours.js";
import { milliseconds, seconds } from "../../simulator/vonage_simulator/console/page/format.js";
import {
  endOf,
  lanesOf,
  marksOf,
  scaleOf,
  shownOf,
  withPauses,
} from "../../simulator/vonage_simulator/console/page/timeline.js";

const row = (id, at, fields = {}) => ({
  row: { id, at, leg: "a", kind: "key", end: undefined, ...fields },
  result: { tone: "" },
});

test("the scale of an ended call is its length, of a live one at least twenty seconds", () => {
  assert.equal(Math.round(scaleOf({ begin: 100, ended: 110 }, 0, 800).total * 10), 102);
  assert.equal(scaleOf({ begin: 100, ended: null }, 105, 800).total, 20);
  assert.equal(scaleOf({ begin: 100, ended: null }, 160, 800).total, 70);
});

test("ticks have room for their labels at every width", () => {
  for (const width of [100, 320, 800, 1600]) {
    for (const length of [0.5, 4, 60, 600, 7200]) {
      const { total, ticks } = scaleOf({ begin: 0, ended: length }, 0, width);
      const step = (ticks[1] ?? total) - ticks[0];
      assert.ok((step / total) * width >= 71 || ticks.length <= 2, `${width} ${length}`);
    }
  }
});

test("webhooks close together share a mark in the tone of the worst", () => {
  const hooks = [row(1, 0), { ...row(2, 0.1), result: { tone: "bad" } }, row(3, 5)];
  const marks = marksOf(hooks, 0.02);
  assert.deepEqual(
    marks.map(({ count, worst }) => [count, worst.row.id]),
    [
      [2, 2],
      [1, 3],
    ],
  );
});

test("a second without an event is a pause, but not while something is heard", () => {
  const items = [row(1, 0, { kind: "action", end: 4 }), row(2, 4.5), row(3, 6)];
  assert.deepEqual(
    withPauses(items).map((item) => item.gap ?? item.row.id),
    [1, 2, 1.5, 3],
  );
});

test("a bar lasts over the rows between its start and its end", () => {
  const items = [row(1, 0, { kind: "action", end: 2 }), row(2, 1), row(3, 3)];
  const legs = [{ uuid: "a", over: true, created_at: 0, ended_at: 3 }];
  const bars = lanesOf(items, legs).map(([lane]) => lane.bars.length);
  assert.deepEqual(bars, [1, 1, 0]);
});

test("what lasts, lasts to the end of the list", () => {
  const items = [row(1, 0, { kind: "action", end: null }), row(2, 1), row(3, 9)];
  const lanes = lanesOf(items, [{ uuid: "a", over: false, created_at: 0, ended_at: null }]);
  assert.deepEqual(
    lanes.map(([lane]) => [lane.bars.length, lane.isAlive]),
    [
      [1, true],
      [1, true],
      [1, true],
    ],
  );
  assert.equal(endOf(items[0].row, 12), 12);
});

test("a lane is alive from the first to the last row of its leg", () => {
  const items = [row(1, 0), row(2, 1, { leg: "b" }), row(3, 2, { leg: "b" }), row(4, 3)];
  const legs = ["a", "b"].map((uuid) => ({ uuid, over: true, created_at: 0, ended_at: 3 }));
  const alive = lanesOf(items, legs).map((line) => line.map(({ isAlive }) => isAlive));
  assert.deepEqual(alive, [
    [true, false],
    [true, true],
    [true, true],
    [true, false],
  ]);
});

const OPENING = {
  time_zone: "Europe/London",
  hours: { monday: ["13:30-17:00", "09:00-12:30"], saturday: ["10:00-24:00"] },
  closed_on: ["2026-12-26"],
};
const at = (text) => Date.parse(text) / 1000;

test("opening hours say whether it is open, and until when", () => {
  const cases = [
    ["2026-11-30T10:00:00Z", true, "12:30"],
    ["2026-11-30T12:30:00Z", false, "13:30"],
    ["2026-11-30T17:00:00Z", false, "Saturday 10:00"],
    ["2026-12-05T23:59:00Z", true, "24:00"],
    ["2026-12-26T11:00:00Z", false, "Monday 09:00"],
    ["2026-06-01T08:30:00Z", true, "12:30"], // summer time
  ];
  for (const [time, isOpen, until] of cases) {
    assert.deepEqual(openState(OPENING, at(time)), { isOpen, until }, time);
  }
});

test("hours that never come have no time", () => {
  const never = { ...OPENING, hours: {} };
  assert.deepEqual(openState(never, at("2026-11-30T10:00:00Z")), { isOpen: false, until: "" });
});

test("each day has its hours", () => {
  const days = Object.fromEntries(hoursByDay(OPENING));
  assert.deepEqual([days.Mon, days.Sun], ["09:00–12:30, 13:30–17:00", "closed"]);
});

test("durations have a suitable unit", () => {
  assert.deepEqual(
    [milliseconds(4.24), milliseconds(46.7), milliseconds(1365)],
    ["4.2 ms", "47 ms", "1.4 s"],
  );
  assert.deepEqual([seconds(0.24), seconds(3.24), seconds(125)], ["240 ms", "3.2 s", "2 min 5 s"]);
});

const ofLeg = (id, leg, kind = "key") => ({ row: { id, leg, kind }, result: { tone: "" } });

test("a leg and a filter choose the events, and the events of other legs are counted", () => {
  const items = [ofLeg(1, "a", "hook"), ofLeg(2, "a"), ofLeg(3, "b", "hook"), ofLeg(4, "c")];
  const ids = ({ shown }) => shown.map(({ row }) => row.id);
  const all = shownOf(items, { filter: "all", leg: null, chosen: null });
  assert.deepEqual([ids(all), all.folded], [[1, 2, 3, 4], 0]);
  const one = shownOf(items, { filter: "all", leg: "a", chosen: null });
  assert.deepEqual([ids(one), one.folded, one.counts[0], one.counts[1]], [[1, 2], 2, 2, 1]);
  assert.deepEqual(ids(shownOf(items, { filter: "hooks", leg: "a", chosen: null })), [1]);
});

test("the open event is shown, whatever the filter and the leg", () => {
  const items = [ofLeg(1, "a", "hook"), ofLeg(2, "a"), ofLeg(3, "b")];
  const { shown, legs } = shownOf(items, { filter: "hooks", leg: "a", chosen: 3 });
  assert.deepEqual(
    shown.map(({ row }) => row.id),
    [1, 3],
  );
  assert.deepEqual([...legs], ["a", "b"]);
});

test("a filter without events shows all", () => {
  const items = [ofLeg(1, "a"), ofLeg(2, "b", "hook")];
  const { shown, filter } = shownOf(items, { filter: "hooks", leg: "a", chosen: null });
  assert.deepEqual([shown.length, filter], [1, "all"]);
});
