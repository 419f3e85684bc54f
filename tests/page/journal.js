// Journal entries as the simulator writes them.

const LEG = "0779a56d002f1c7f47f82ef5fe84ab79";
export const CONVERSATION = "CON-cf67693b-8141-44b7-a735-cbe7d2d0e363";

/** Makes entries with growing ids; each call takes the kind, the time and the fields. */
export function journal() {
  let id = 0;
  return (kind, at, fields = {}) => ({
    ...{ id: ++id, kind, at, uuid: LEG, conversation_uuid: CONVERSATION },
    ...fields,
  });
}

/** The `webhook` of an entry. */
export function webhook(kind, at, { body = {}, reply = null, ...fields } = {}) {
  return {
    webhook: {
      ...{ kind, at, url: `http://127.0.0.1:1/webhooks/${kind}`, method: "POST", attempt: 1 },
      ...{ status: null, ms: null, error: null, faults: [] },
      request: { headers: { Authorization: `Bearer ${kind}` }, body: JSON.stringify(body) },
      reply: reply && { content_type: "application/json", headers: {}, body: "", ...reply },
      ...fields,
    },
  };
}

/** A leg of the store. */
export const leg = (fields = {}) => ({
  ...{ uuid: LEG, direction: "inbound", from: "447700900123", to: "447700900000" },
  ...{ status: "completed", over: true, created_at: 100, answered_at: 101, ended_at: 110 },
  ...fields,
});
