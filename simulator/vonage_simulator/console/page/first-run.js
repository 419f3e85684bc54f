// What the page shows before the first call.

import { html, Icon } from "./parts.js";

const TRIES = [
  ["voicemail", "Leave a message", "voicemail"],
  ["dtmf_menu", "Press keys", "input"],
  ["record_call", "Talk on two phones", "connect"],
  ["speech", "Say something", "say"],
];
const GHOSTS = [
  [
    ["mark", 2, 3],
    ["mark", 24, 3],
    ["mark", 61, 3],
    ["mark", 93, 3],
  ],
  [
    ["talk", 2, 34],
    ["input", 38, 22],
    ["talk", 62, 30],
  ],
  [["joins", 42, 50]],
];

/** @param {{store: any, placeCall: (flow?: string|null) => void}} props */
export function FirstRun({ store, placeCall, hint }) {
  const [number] = store.stack?.numbers ?? [];
  const names = new Set(store.flows.map(({ name }) => name));
  const tries = TRIES.filter(([name]) => names.has(name));
  return html`<div class="first-run">
    <div class="first-box">
      <div class="ghost" aria-hidden="true">
        ${GHOSTS.map(
          (lane, index) =>
            html`<div class="ghost-lane" key=${index}>
              ${lane.map(
                ([look, left, width]) =>
                  html`<span
                    key=${left}
                    class="ghost-bar ${look}"
                    style=${{ left: `${left}%`, width: `${width}%` }}
                  />`,
              )}
            </div>`,
        )}
      </div>
      <h1>Make your first call</h1>
      <p class="lead">
        Your application runs on this machine. Call it, and see every webhook, action and word when
        it happens.
      </p>
      <button
        type="button"
        class="button main large"
        onClick=${() => placeCall()}
        disabled=${!number}
      >
        <${Icon} name="phone" /><span>Call ${number?.number ?? ""}</span>
      </button>
      ${number?.flow && html`<p class="muted small">The flow <code>${number.flow}</code> answers. No real phone rings, and it costs nothing.</p>`}
      ${
        tries.length > 0 &&
        html`<div class="tries">
          <h2 class="part-title">Or call another flow</h2>
          <ul class="try-list">
            ${tries.map(
              ([name, text, icon]) =>
                html`<li key=${name}>
                  <button type="button" class="try" onClick=${() => placeCall(name)}>
                    <${Icon} name=${icon} />
                    <span class="try-text"
                      ><span>${text}</span><code class="muted">${name}</code></span
                    >
                  </button>
                </li>`,
            )}
          </ul>
        </div>`
      }
      ${hint && html`<p class="small">${hint}</p>`}
    </div>
  </div>`;
}
