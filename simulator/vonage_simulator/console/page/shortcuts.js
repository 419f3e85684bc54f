// The keyboard: which key does what, and the help that lists them. Single keys can be switched off
// (WCAG 2.2, 2.1.4).

import { html, IconButton } from "./parts.js";
import { useRef, useState } from "./preact.js";
import { preferences } from "./preferences.js";

const GROUPS = [
  [
    "Everywhere",
    [
      ["?", "This help"],
      ["g c", "Calls"],
      ["g f", "Flows"],
      ["g m", "Messages"],
      ["g s", "Simulator"],
      ["/", "Search"],
      ["n", "New call"],
    ],
  ],
  [
    "Calls",
    [
      ["j k", "Older, newer call"],
      ["↓ ↑", "Next, previous event"],
      ["Enter", "Details of the event"],
      ["[ ]", "Previous, next tab"],
      ["p", "Next problem"],
      ["f", "Follow the live call"],
      ["d", "Dock at the right or the bottom"],
      ["b", "List beside the call"],
      ["Esc", "Close details"],
    ],
  ],
  [
    "Phone",
    [
      ["0–9 * #", "Press a key in the call"],
      ["a", "Answer"],
      ["m", "Mute"],
      ["Shift h", "Hang up"],
      ["t", "Type something to say"],
    ],
  ],
];
const TEXT_FIELDS = "input:not([type=range], [type=checkbox]), select, textarea, [contenteditable]";
const PENDING = 900; // milliseconds for the second key of "g c"

/**
 * Follows the keyboard.
 *
 * @param {{actions: Record<string, () => void>, digit: (key: string) => boolean, escape: () => boolean}} parts
 *   `actions` by key, with "g c" for two keys; `digit` and `escape` return whether the key was used.
 */
export function followKeyboard({ actions, digit, escape }) {
  let pending = "";
  let timer = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && escape()) return event.preventDefault();
    if (target.closest(TEXT_FIELDS)) return event.key === "Escape" ? target.blur() : undefined;
    if (/^[0-9*#]$/.test(event.key) && digit(event.key)) return event.preventDefault();
    if (!preferences.get("singleKeys", true)) return undefined;
    const name = pending ? `${pending} ${event.key}` : event.key;
    pending = "";
    clearTimeout(timer);
    if (name === "g") {
      pending = "g";
      timer = window.setTimeout(() => {
        pending = "";
      }, PENDING);
      return undefined;
    }
    const act = name === "?" ? openShortcuts : actions[name];
    if (!act) return undefined;
    event.preventDefault();
    return act();
  });
}

/** Open the list of shortcuts. */
export const openShortcuts = () => document.querySelector("#keys").showModal();

/** The list of shortcuts, as a dialog. */
export function ShortcutHelp() {
  const dialog = useRef(null);
  const [isOn, setOn] = useState(preferences.get("singleKeys", true));
  const change = ({ target }) => {
    preferences.set("singleKeys", target.checked);
    setOn(target.checked);
  };
  return html`<dialog id="keys" aria-labelledby="keys-title" ref=${dialog}>
    <div class="dialog-head">
      <h2 id="keys-title">Keyboard shortcuts</h2>
      <${IconButton} name="close" label="Close" click=${() => dialog.current.close()} />
    </div>
    <div class="key-groups">
      ${GROUPS.map(
        ([name, keys]) =>
          html`<section key=${name}>
            <h3 class="part-title">${name}</h3>
            <dl>
              ${keys.map(
                ([key, what]) =>
                  html`<div key=${key}>
                    <dt>${key.split(" ").map((one) => html`<kbd key=${one}>${one}</kbd>`)}</dt>
                    <dd>${what}</dd>
                  </div>`,
              )}
            </dl>
          </section>`,
      )}
    </div>
    <label class="check" for="single-keys"
      ><input type="checkbox" id="single-keys" checked=${isOn} onChange=${change} /><span
        >Single-key shortcuts</span
      >
      <span class="muted small"
        >When off, only Esc, the arrow keys and the phone’s keys work.</span
      ></label
    >
  </dialog>`;
}
