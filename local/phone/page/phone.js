// The phone: lines to the platform's numbers, and calls that ring here.
// @ts-check

import { fill, h } from "./dom.js";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js"),
 *   send: (message: any) => void}} parts
 */
export function mount(root, { store }) {
  const numbers = h("ul");
  fill(root, h("h2", {}, "Phone"), numbers);
  store.subscribe("stack", (stack) => {
    const shown = stack.numbers.map((/** @type {any} */ { number }) => h("li", {}, number));
    fill(numbers, shown);
  });
}
