// What the local platform adds to the simulator's page: flows, messages, opening hours, and of each
// event the log, the stored items and the recording.

import { createFlowHealth, FlowsView } from "./flows-view.js";
import { createMessages, MessagesView } from "./messages-view.js";
import { html } from "./parts.js";
import { createSwitchboard } from "./switchboard-model.js";

export { applicationTabs as detailTabs, WebhookTools } from "./details-application.js";

/** @param {{store: any, api: any, calls: any}} parts */
export function createExtension({ store, api, calls }) {
  const health = createFlowHealth({ store, api });
  const messages = createMessages({ store, api, calls });
  const switchboard = createSwitchboard({ store, api });

  const flows = {
    ...{ name: "flows", label: "Flows", icon: "flow" },
    badge: () => [health.broken().length, "bad", "need attention"],
    render: ({ path, placeCall }) =>
      html`<${FlowsView} ...${{ store, health, switchboard, path, placeCall }} />`,
  };
  const voicemail = {
    ...{ name: "messages", label: "Messages", icon: "voicemail" },
    badge: () => [messages.voicemails().filter(({ isNew }) => isNew).length, "info", "new"],
    render: ({ path, isSmall, callBack }) =>
      html`<${MessagesView} ...${{ messages, calls, api, path, isSmall, callBack }} />`,
  };
  return {
    views: [flows, voicemail],
    states() {
      const hours = switchboard.state();
      const until = hours?.until ? ` until ${hours.until}` : "";
      return [
        hours && {
          ...{ icon: "clock", href: "#/flows", tone: hours.isOpen ? "calm" : "warn" },
          text: `${hours.isOpen ? "Open" : "Closed"}${until}`,
        },
        !switchboard.dials() && {
          icon: "hangup",
          tone: "warn",
          text: "Dialing off",
          href: "#/flows",
        },
      ].filter(Boolean);
    },
    notes() {
      const hours = switchboard.state();
      if (!hours || hours.isOpen) return [];
      const until = hours.until ? ` until ${hours.until}` : "";
      const text = `Closed${until}. Callers hear the announcement, unless you choose a flow.`;
      return [{ icon: "clock", text }];
    },
    hint: html`<a href="#/flows">Write your own flow</a>${" "}<span class="muted"
        >in three lines. Save a file in functions/flows and it appears there.</span
      >`,
    subscribe(listener) {
      const ends = [health, messages, switchboard].map((one) => one.subscribe(listener));
      return () => ends.forEach((end) => end());
    },
  };
}
