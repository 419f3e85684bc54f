import assert from "node:assert/strict";
import test from "node:test";

import { resultOf, summaryOf } from "../../simulator/vonage_simulator/console/page/results.js";
import { createRows } from "../../simulator/vonage_simulator/console/page/rows.js";
import { journal, leg, webhook } from "./journal.js";

/** The row of a webhook with a response. */
function hook(kind, fields = {}) {
  const rows = createRows();
  rows.add(journal()("webhook", 1, webhook(kind, 1, { status: 200, ms: 4, ...fields })));
  return rows.rows[0];
}

/** The summary of a call with these rows, and an exchange for each row with one. */
const summary = (rows, exchanges = new Map(), legs = [leg()]) =>
  summaryOf({ legs, rows, exchangeOf: (row) => exchanges.get(row) });

test("the outcome decides the tone, not the HTTP status", () => {
  const cases = [
    [{ outcome: "answered" }, ""],
    [{ outcome: "apology", error: "KeyError", detail: "no luck" }, "bad"],
    [{ outcome: "answered", closed: true }, "warn"],
    [{ outcome: "answered", dialing_off: true }, "warn"],
    [{ outcome: "not_stored" }, "bad"],
  ];
  for (const [exchange, tone] of cases) {
    assert.equal(resultOf(hook("answer"), exchange).tone, tone, JSON.stringify(exchange));
  }
});

test("an apology has its error and the place in the flow", () => {
  const exchange = {
    outcome: "apology",
    error: "KeyError",
    detail: "no luck",
    location: "flows/greet.py:8",
  };
  const result = resultOf(hook("answer"), exchange);
  assert.deepEqual(
    [result.text, result.why, result.location],
    ["Apology", "KeyError: no luck", "functions/flows/greet.py:8"],
  );
});

test("an unsigned webhook is a refusal that Vonage repeats", () => {
  const result = resultOf(hook("event", { status: 503 }), { outcome: "unsigned" });
  assert.deepEqual([result.tone, result.text], ["warn", "Not signed"]);
  assert.match(result.why, /sends it again after 1 s/);
});

test("a second unsigned attempt is not repeated", () => {
  const result = resultOf(hook("event", { status: 503, attempt: 2 }), { outcome: "unsigned" });
  assert.doesNotMatch(result.why, /again/);
});

test("an answer webhook without a response leads to the fallback", () => {
  const result = resultOf(hook("answer", { status: null, error: "Read timeout.", attempt: 2 }));
  assert.deepEqual([result.tone, result.text], ["bad", "Timed out"]);
  assert.match(result.why, /requests the fallback URL/);
});

test("a webhook of another application is judged by its status", () => {
  assert.equal(resultOf(hook("event", { status: 204 })).tone, "");
  assert.equal(resultOf(hook("event", { status: 404 })).tone, "warn");
  assert.equal(resultOf(hook("event", { status: 500 })).tone, "bad");
  assert.equal(resultOf(hook("answer", { status: 404 })).tone, "bad");
});

test("what an action plays is from the response before it", () => {
  const rows = createRows();
  const entry = journal();
  rows.add(
    entry("action", 1, {
      state: "started",
      action: "talk",
      details: { action: "talk", text: "Sorry" },
    }),
  );
  const source = (fields, exchange) => ({ hook: hook("answer", fields).hook, exchange });
  const textOf = (from) => resultOf(rows.rows[0], undefined, from).text;
  assert.equal(textOf(source({}, { outcome: "apology" })), "Apology played");
  assert.equal(textOf({ hook: hook("fallback").hook }), "Fallback played");
  assert.equal(textOf(source({}, { outcome: "answered", closed: true })), "Closed announcement");
  assert.equal(textOf(source({}, { outcome: "answered" })), "Running");
});

test("the flow of a call is the answer webhook's and no event's", () => {
  const [event, answer] = [hook("event"), hook("answer")];
  const exchanges = new Map([
    [event, { flow: "greet", outcome: "kept" }],
    [answer, { flow: "record_call", outcome: "answered" }],
  ]);
  assert.equal(summary([event, answer], exchanges).flow, "record_call");
  assert.equal(summary([event], exchanges).flow, null);
});

test("closed hours are no flow", () => {
  const answer = hook("answer");
  const { flow, label, outcome } = summary(
    [answer],
    new Map([[answer, { outcome: "answered", closed: true }]]),
  );
  assert.deepEqual([flow, label, outcome], [null, "closed announcement", "closed"]);
});

test("the worst that happened is the outcome", () => {
  const [apology, off] = [hook("answer"), hook("input")];
  const exchanges = new Map([
    [apology, { outcome: "apology", flow: "greet" }],
    [off, { outcome: "answered", dialing_off: true }],
  ]);
  assert.equal(summary([off], exchanges).outcome, "notconnected");
  assert.equal(summary([off, apology], exchanges).outcome, "apology");
  assert.equal(summary([apology, hook("fallback")], exchanges).outcome, "apology");
});

test("a call is live while a leg is, whatever happened", () => {
  const apology = hook("answer");
  const legs = [leg({ over: false, ended_at: null, status: "answered" })];
  assert.equal(
    summary([apology], new Map([[apology, { outcome: "apology" }]]), legs).outcome,
    "live",
  );
});

test("a callee who does not answer counts, unless the next one does", () => {
  const callee = (fields) =>
    leg({ uuid: "b", direction: "outbound", answered_at: null, ...fields });
  const silent = callee({ status: "timeout" });
  assert.equal(summary([], new Map(), [leg(), silent]).outcome, "noanswer");
  const answered = callee({ uuid: "c", status: "completed", answered_at: 105 });
  assert.equal(summary([], new Map(), [leg(), silent, answered]).outcome, "completed");
});

test("a caller who gives up before the answer counts as unanswered", () => {
  assert.equal(
    summary([], new Map(), [leg({ answered_at: null, status: "cancelled" })]).outcome,
    "noanswer",
  );
});

test("a recording that a key or silence ends is a message", () => {
  const rows = createRows();
  const entry = journal();
  rows.add(
    entry("action", 1, {
      state: "started",
      action: "record",
      details: { action: "record", endOnKey: "#" },
    }),
  );
  rows.add(entry("recording", 1, { state: "started", recording_uuid: "r" }));
  rows.add(entry("recording", 5, { state: "ended", recording_uuid: "r" }));
  assert.equal(summary(rows.rows).outcome, "message");
});

test("a warning does not count as a failure", () => {
  const rows = createRows();
  rows.add(journal()("warning", 1, { reason: "the audio buffer is full" }));
  const result = resultOf(rows.rows[0]);
  assert.deepEqual([result.tone, result.text], ["warn", "Warning"]);
});

test("retries, refused signatures and faults are named", () => {
  const again = hook("event", { attempt: 2 });
  const faulty = hook("event", { faults: ["unsigned"] });
  const rows = createRows();
  rows.add(journal()("api", 1, { status: 429, faults: ["api_429"] }));
  const exchanges = new Map([[faulty, { outcome: "rejected" }]]);
  const { badges } = summary([again, faulty, ...rows.rows], exchanges);
  assert.deepEqual(
    badges.map(({ text }) => text),
    ["1 retry", "1 refused signature", "2 faults"],
  );
});

test("a withheld caller has a name", () => {
  assert.equal(summary([], new Map(), [leg({ from: "" })]).from, "withheld");
});

test("a fallback that answered names the call, one that did not is a failure", () => {
  const answer = hook("answer", { status: null, error: "Read timeout." });
  const outcome = (fallback) => summary([answer, hook("fallback", fallback)]).outcome;
  assert.equal(outcome({ status: 200 }), "fallback");
  assert.equal(outcome({ status: null, error: "Connection closed." }), "failed");
});

test("an API request that was refused has its status and the reason", () => {
  const rows = createRows();
  const entry = journal();
  rows.add(entry("api", 1, { status: 429, reason: "fault api_429", faults: ["api_429"] }));
  rows.add(entry("api", 2, { status: 200, reason: null, faults: ["api_slow"] }));
  assert.deepEqual(
    rows.rows.map((row) => resultOf(row)).map(({ tone, text }) => [tone, text]),
    [
      ["warn", "Refused"],
      ["", ""],
    ],
  );
});
