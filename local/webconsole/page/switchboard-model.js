// The switchboard, as the admin API returns it: who answers, the opening hours, outbound dialing.

import { openState } from "./hours.js";

const INTERVAL = 15_000; // milliseconds between two reads; functions read it every 30 seconds

/** @param {{store: any, api: any}} parts */
export function createSwitchboard({ store, api }) {
  let current = null;
  let problem = "";
  const listeners = new Set();

  async function load() {
    if (document.hidden || store.link === "lost") return;
    try {
      current = await api.get("/api/switchboard");
      problem = "";
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem = error.message;
    }
    for (const listener of listeners) listener();
  }

  store.subscribe("stack", load);
  setInterval(load, INTERVAL);

  const documentOf = () => (typeof current?.document === "object" ? current.document : {});
  return {
    load,
    problem: () => problem,
    problems: () => current?.problems ?? [],
    document: documentOf,
    /** Whether outbound dialing is on. */
    dials: () => (documentOf().dialing ?? documentOf().dialling ?? "on") === "on",
    /** Whether it is open and until when; null without opening hours. */
    state() {
      const { opening, closed } = documentOf();
      if (!opening) return closed ? { isOpen: false, until: "" } : null;
      try {
        return openState(opening, store.now());
      } catch {
        return null; // a time zone that this browser does not know
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
