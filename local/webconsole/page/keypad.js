// The twelve keys: by mouse, by touch, and by the keyboard's digits typed anywhere but in a text
// field.
// @ts-check

import { h } from "./dom.js";

const KEYS = [
  ...[
    ["1", ""],
    ["2", "ABC"],
    ["3", "DEF"],
    ["4", "GHI"],
    ["5", "JKL"],
    ["6", "MNO"],
  ],
  ...[
    ["7", "PQRS"],
    ["8", "TUV"],
    ["9", "WXYZ"],
    ["*", ""],
    ["0", "+"],
    ["#", ""],
  ],
];
const TEXT_FIELDS = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])";

/**
 * @param {(digit: string) => void} press
 * @returns {HTMLElement}
 */
export function createKeypad(press) {
  /** @type {Map<string, HTMLElement>} */
  const keys = new Map();
  for (const [digit, letters] of KEYS) {
    const small = h("small", { "aria-hidden": "true" }, letters);
    const on = { click: () => press(digit) };
    keys.set(
      digit,
      h("button", { type: "button", class: "digit-key", on }, h("span", {}, digit), small),
    );
  }
  const element = h(
    "div",
    { class: "keypad", role: "group", "aria-label": "Keypad" },
    ...keys.values(),
  );

  document.addEventListener("keydown", (event) => {
    const key = keys.get(event.key);
    if (!key || element.closest("[hidden]") || !isForKeypad(event)) return;
    press(event.key);
    key.classList.add("pressed");
    setTimeout(() => key.classList.remove("pressed"), 150);
  });
  return element;
}

/** @param {KeyboardEvent} event */
function isForKeypad(event) {
  const { target, ctrlKey, altKey, metaKey, repeat, isComposing } = event;
  if (ctrlKey || altKey || metaKey || repeat || isComposing) return false;
  return !(target instanceof Element && target.closest(TEXT_FIELDS));
}
