// Every path through a call flow: walked when it is asked for, drawn, and what is wrong in words.
// @ts-check

import { h } from "./dom.js";
import { button, folding, loadInto, loading, verbatim } from "./widgets.js";

let walks = 0; // so that no older drawing is shown from a cache

/**
 * A part that folds; opened, it has every path of the flow walked.
 *
 * @param {string} name
 * @param {typeof import("./api.js")} api
 */
export function paths(name, api) {
  const place = `/api/flows/${encodeURIComponent(name)}`;
  const content = h("div", { role: "status" });

  async function walk() {
    const { text, findings } = await api.post(`${place}/walk`);
    walks += 1;
    return [
      findings.length
        ? h("ul", { class: "note bad" }, findings.map((found) => h("li", {}, found)))
        : h("p", {}, "Nothing is wrong: no dead end, endless loop, silent ending or unheard prompt."),
      // It is wider than the card; the frame is scrolled, by the keyboard too.
      h(
        "div",
        { class: "tree", tabindex: 0, role: "region", "aria-label": `Drawing of ${name}` },
        h("img", {
          src: `${place}/tree.svg?walk=${walks}`,
          alt: `Every path through ${name}; below, it stands as text`,
        }),
      ),
      folding("As text", false, verbatim(text)),
      button("Walk again", () => loadInto(content, walk), { class: "little" }),
    ];
  }

  return loading("Every path", async () => {
    content.replaceChildren(h("p", { class: "muted" }, "Walking…"));
    loadInto(content, walk);
    return content;
  });
}
