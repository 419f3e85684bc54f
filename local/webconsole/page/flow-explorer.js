// The flow explorer: follows every path of a flow on request, and shows the tree and its problems.
// @ts-check

import { h } from "./dom.js";
import { button, foldable, loadInto, lazyFoldable, verbatim } from "./widgets.js";

let runs = 0; // makes each image URL unique, so that the browser does not show a cached one

/**
 * A collapsible section that explores the flow when it is opened.
 *
 * @param {string} name
 * @param {typeof import("./api.js")} api
 */
export function createFlowExplorer(name, api) {
  const path = `/api/flows/${encodeURIComponent(name)}`;
  const content = h("div", { role: "status" });

  async function explore() {
    const { text, findings } = await api.post(`${path}/walk`);
    runs += 1;
    return [
      findings.length
        ? h(
            "ul",
            { class: "note bad" },
            findings.map((finding) => h("li", {}, finding)),
          )
        : h("p", {}, "No problems found."),
      // The tree is wider than the card; tabindex lets the keyboard scroll it.
      h(
        "div",
        { class: "tree", tabindex: 0, role: "region", "aria-label": `Tree of ${name}` },
        h("img", {
          src: `${path}/tree.svg?walk=${runs}`,
          alt: `Every path through ${name}; the same tree follows as text`,
        }),
      ),
      foldable("As text", false, verbatim(text)),
      button("Explore again", () => loadInto(content, explore), { class: "little" }),
    ];
  }

  return lazyFoldable("Every path", async () => {
    content.replaceChildren(h("p", { class: "muted" }, "Exploring every path…"));
    loadInto(content, explore);
    return content;
  });
}
