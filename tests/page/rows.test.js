import assert from "node:assert/strict";
import test from "node:test";

import { createRows } from "../../simulator/vonage_simulator/console/page/rows.js";
import { journal, webhook } from "./journal.js";

/** The rows of some entries, each made by a function of the entry maker. */
function rowsOf(...makers) {
  const entry = journal();
  const rows = createRows();
  for (const make of makers) rows.add(make(entry));
  return rows.rows;
}

const kindsOf = (rows) => rows.map(({ kind }) => kind);

test("a status and the event webhook that reports it are one row", () => {
  const sent = webhook("event", 1, { body: { status: "started" } });
  const rows = rowsOf(
    (entry) => entry("leg", 1, { status: "started" }),
    (entry) => entry("webhook_sent", 1, sent),
    (entry) => entry("webhook", 1, { webhook: { ...sent.webhook, status: 204, ms: 5 } }),
  );
  assert.deepEqual(kindsOf(rows), ["hook"]);
  assert.deepEqual([rows[0].id, rows[0].status, rows[0].hook.status], [1, "started", 204]);
});

test("a second attempt is a row of its own", () => {
  const body = { status: "ringing" };
  const rows = rowsOf(
    (entry) => entry("leg", 1, { status: "ringing" }),
    (entry) => entry("webhook_sent", 1, webhook("event", 1, { body })),
    (entry) => entry("webhook_sent", 2, webhook("event", 2, { body, attempt: 2 })),
  );
  assert.deepEqual(
    rows.map(({ hook }) => hook.attempt),
    [1, 2],
  );
});

test("a status without a webhook is a row of its own", () => {
  const rows = rowsOf((entry) => entry("leg", 1, { status: "answered" }));
  assert.deepEqual(kindsOf(rows), ["status"]);
});

test("an action ends with its sound, also if the next action began", () => {
  const rows = rowsOf(
    (entry) =>
      entry("action", 1, {
        state: "started",
        action: "talk",
        details: { action: "talk", text: "Hello" },
      }),
    (entry) =>
      entry("sound", 1, { sound: "talk", sound_id: 7, seconds: 3, details: { text: "Hello" } }),
    (entry) => entry("action", 1, { state: "ended", action: "talk" }),
    (entry) =>
      entry("action", 1, { state: "started", action: "input", details: { action: "input" } }),
    (entry) => entry("sound_ended", 2.5, { sound_id: 7, interrupted: true }),
  );
  assert.deepEqual([rows[0].end, rows[0].interrupted], [2.5, true]);
  assert.equal(rows[1].end, null);
});

test("a recording shares the row of its action, and runs beside the next one", () => {
  const rows = rowsOf(
    (entry) =>
      entry("action", 1, { state: "started", action: "record", details: { action: "record" } }),
    (entry) => entry("recording", 1, { state: "started", recording_uuid: "r" }),
    (entry) => entry("action", 1, { state: "ended", action: "record" }),
    (entry) =>
      entry("action", 1, { state: "started", action: "connect", details: { action: "connect" } }),
    (entry) => entry("recording", 9, { state: "ended", recording_uuid: "r", file_id: "f" }),
  );
  assert.deepEqual(kindsOf(rows), ["action", "action"]);
  assert.deepEqual([rows[0].recording, rows[0].beside, rows[0].end], ["r", true, 9]);
});

test("a recording that ends with its action does not run beside it", () => {
  const details = { action: "record", endOnKey: "#" };
  const begin = [
    (entry) => entry("action", 1, { state: "started", action: "record", details }),
    (entry) => entry("recording", 1, { state: "started", recording_uuid: "r" }),
  ];
  const action = (entry) => entry("action", 5, { state: "ended", action: "record" });
  const recording = (entry) =>
    entry("recording", 5, { state: "ended", recording_uuid: "r", file_id: "f" });
  for (const ends of [
    [action, recording],
    [recording, action],
  ]) {
    const [row] = rowsOf(...begin, ...ends);
    assert.deepEqual([row.beside, row.end], [false, 5]);
  }
});

test("everything that lasts on a leg ends with it", () => {
  const rows = rowsOf(
    (entry) =>
      entry("action", 1, { state: "started", action: "wait", details: { action: "wait" } }),
    (entry) => entry("leg", 4, { status: "completed" }),
  );
  assert.equal(rows[0].end, 4);
});

test("an NCCO that another one replaced ends at its time", () => {
  const rows = rowsOf(
    (entry) =>
      entry("action", 1, {
        state: "started",
        action: "talk",
        details: { action: "talk", text: "a" },
      }),
    (entry) =>
      entry("action", 3, {
        state: "started",
        action: "talk",
        details: { action: "talk", text: "b" },
      }),
  );
  assert.deepEqual([rows[0].end, rows[1].end], [3, null]);
});

test("a response with an NCCO has it, one with an empty array has none", () => {
  const reply = (body) => webhook("answer", 1, { status: 200, reply: { body } });
  const [full, empty] = rowsOf(
    (entry) => entry("webhook", 1, reply('[{"action":"talk","text":"Hello"}]')),
    (entry) => entry("webhook", 2, { ...reply("[]"), at: 2 }),
  );
  assert.equal(full.hook.ncco.length, 1);
  assert.equal(empty.hook.ncco, null);
});

test("a GET webhook has its fields in the query", () => {
  const [row] = rowsOf((entry) =>
    entry("webhook", 1, {
      webhook: {
        ...webhook("answer", 1).webhook,
        ...{ method: "GET", url: "http://127.0.0.1:1/webhooks/answer?from=1&to=2" },
        request: { headers: {}, body: null },
      },
    }),
  );
  assert.deepEqual([row.hook.fields, row.hook.isSigned], [{ from: "1", to: "2" }, false]);
});

test("an entry of an unknown kind changes nothing", () => {
  const entry = journal();
  const rows = createRows();
  assert.equal(rows.add(entry("call", 1)), false);
  assert.deepEqual(rows.rows, []);
});

test("a change of a row grows its revision and no other", () => {
  const entry = journal();
  const rows = createRows();
  rows.add(entry("leg", 1, { status: "started" }));
  rows.add(entry("digit", 2, { digit: "1" }));
  const before = rows.rows.map(({ revision }) => revision);
  rows.add(entry("webhook_sent", 1, webhook("event", 1, { body: { status: "started" } })));
  const after = rows.rows.map(({ revision }) => revision);
  assert.deepEqual(
    after.map((one, index) => one > before[index]),
    [true, false],
  );
});

test("whatever a fault changed has a row with the fault's name", () => {
  const { webhook: sent } = webhook("record", 2, { status: 200, faults: ["record_late"] });
  const request = { method: "GET", path: "/v1/files/f", status: 200, ms: 3, reason: null };
  const rows = rowsOf(
    (entry) => entry("call", 1, { direction: "inbound", faults: ["dashed_inbound_uuid"] }),
    (entry) => entry("webhook", 2, { webhook: sent }),
    (entry) => entry("api", 3, { ...request, faults: ["record_truncated"] }),
    (entry) => entry("websocket", 4, { state: "connected", faults: ["ws_loss"] }),
    (entry) => entry("error", 5, { reason: "no WebSocket connection", faults: ["ws_refuse"] }),
  );
  assert.deepEqual(
    rows.map(({ kind, faults }) => [kind, ...faults]),
    [
      ["status", "dashed_inbound_uuid"],
      ["hook", "record_late"],
      ["api", "record_truncated"],
      ["websocket", "ws_loss"],
      ["error", "ws_refuse"],
    ],
  );
});

test("a WebSocket has rows that say how it ended and what was not right", () => {
  const rows = rowsOf(
    (entry) => entry("websocket", 1, { state: "connected", faults: [] }),
    (entry) => entry("warning", 2, { reason: "the audio buffer is full", detail: "frames" }),
    (entry) =>
      entry("websocket", 3, {
        ...{ state: "closed", by: "application", code: 1006, faults: [] },
        ...{ received: 5, dropped: 1, sent: 9 },
      }),
  );
  assert.deepEqual(
    rows.map(({ kind, text }) => [kind, text]),
    [
      ["websocket", "connected"],
      ["warning", "the audio buffer is full frames"],
      [
        "websocket",
        "closed by the application, code 1006; frames: 5 received, 1 dropped, 9 sent",
      ],
    ],
  );
});

test("a new leg and an API request without a fault have no row", () => {
  const rows = rowsOf(
    (entry) => entry("call", 1, { direction: "inbound", faults: [] }),
    (entry) => entry("api", 3, { method: "GET", path: "/v1/calls", status: 200, faults: [] }),
  );
  assert.deepEqual(rows, []);
});

test("a fault that the response reveals is added to the webhook's row", () => {
  const { webhook: sent } = webhook("answer", 1);
  const rows = rowsOf(
    (entry) => entry("webhook_sent", 1, { webhook: sent }),
    (entry) => entry("webhook", 1, { webhook: { ...sent, faults: ["webhook_drop_after_body"] } }),
  );
  assert.deepEqual(rows[0].faults, ["webhook_drop_after_body"]);
});
