// The DTMF keypad: by mouse, touch, or the keyboard's digits outside text fields.
// @ts-check

import { h } from "./dom.js";

const DIGITS = [
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
  const buttons = new Map();
  for (const [digit, letters] of DIGITS) {
    const small = h("small", { "aria-hidden": "true" }, letters);
    const on = { click: () => press(digit) };
    buttons.set(
      digit,
      h("button", { type: "button", class: "digit-key", on }, h("span", {}, digit), small),
    );
  }
  const element = h(
    "div",
    { class: "keypad", role: "group", "aria-label": "Keypad" },
    ...buttons.values(),
  );

  document.addEventListener("keydown", (event) => {
    const button = buttons.get(event.key);
    if (!button || element.closest("[hidden]") || !isForKeypad(event)) return;
    press(event.key);
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), 150);
  });
  return element;
}

/** @param {KeyboardEvent} event */
function isForKeypad(event) {
  const { target, ctrlKey, altKey, metaKey, repeat, isComposing } = event;
  if (ctrlKey || altKey || metaKey || repeat || isComposing) return false;
  return !(target instanceof Element && target.closest(TEXT_FIELDS));
}
