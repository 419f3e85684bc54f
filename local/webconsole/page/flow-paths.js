// Every path of a flow: a card for each node of the explorer's tree, with lines where there is room.
// The way to a card lights up while the pointer or the focus is on it.

import { html, Icon } from "./parts.js";
import { useLayoutEffect, useRef, useState } from "./preact.js";
import { choicesOf, columnsOf, endingOf, wayTo } from "./paths-model.js";
import { toneOf } from "./ncco-text.js";
import { joined } from "./format.js";

const LINE_TOP = 20; // pixels from the top of a card to the end of its line
const idOf = (number) => `node-${number}`;

/** @param {{tree: {flow: string, nodes: import("./paths-model.js").PathNode[]}}} props */
export function PathTree({ tree }) {
  const { flow, nodes } = tree;
  const [lit, light] = useState(/** @type {number|null} */ (null));
  const columns = columnsOf(nodes);
  const way = wayTo(nodes, lit);
  const [place, lines] = useLines(nodes);
  const lightAt = ({ target }) => {
    const node = target.closest(".node");
    light(node ? Number(node.dataset.node) : null);
  };
  return html`<div
    class="tree"
    tabindex="0"
    role="group"
    aria-label="Every path through ${flow}"
    style=${{ "--columns": String(columns.length) }}
    onPointerOver=${lightAt}
    onPointerLeave=${() => light(null)}
    onFocusCapture=${lightAt}
    onBlurCapture=${() => light(null)}
  >
    <svg class="edges" aria-hidden="true">
      ${lines.map(([to, path]) => html`<path key=${to} d=${path} class=${way.has(to) ? "on-way" : ""} />`)}
    </svg>
    <div class="tree-columns" ref=${place}>
      ${columns.map(
        (column, index) =>
          html`<ol class="tree-column" key=${index} aria-label="Step ${index + 1}">
            ${column.map((node) => html`<${PathCard} key=${node.number} node=${node} isOnWay=${way.has(node.number)} />`)}
          </ol>`,
      )}
    </div>
  </div>`;
}

/** The lines between the cards, again whenever these change their size. @returns {[any, [number, string][]]} */
function useLines(nodes) {
  const place = useRef(/** @type {any} */ (null));
  const [lines, setLines] = useState(/** @type {[number, string][]} */ ([]));
  useLayoutEffect(() => {
    const draw = () => setLines(linesIn(place.current, nodes));
    const observer = new ResizeObserver(draw);
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [nodes]);
  return [place, lines];
}

/** @param {HTMLElement} box @param {any[]} nodes @returns {[number, string][]} */
function linesIn(box, nodes) {
  const origin = box.getBoundingClientRect();
  const find = (selector) => box.querySelector(selector).getBoundingClientRect();
  return nodes.flatMap(({ number, from }) => {
    if (from === null) return [];
    const [card, end] = [find(`#${idOf(from)}`), find(`#${idOf(number)}`)];
    const start = find(`#${idOf(from)} [data-to="${number}"]`);
    const [x1, y1] = [card.right - origin.left, start.top + start.height / 2 - origin.top];
    const [x2, y2] = [end.left - origin.left, end.top + LINE_TOP - origin.top];
    const middle = (x1 + x2) / 2;
    return [[number, `M${x1} ${y1} C${middle} ${y1}, ${middle} ${y2}, ${x2} ${y2}`]];
  });
}

function PathCard({ node, isOnWay }) {
  const { number, steps, branches } = node;
  const ending = endingOf(node);
  return html`<li
    class="node ${ending ? `ends ${ending.tone}` : ""} ${isOnWay ? "on-way" : ""}"
    id=${idOf(number)}
    data-node=${number}
    tabindex="-1"
  >
    <div class="node-steps">
      <span class="node-number">${number}</span>
      ${steps.map(({ action, text }, index) =>
        action === "talk"
          ? html`<p class="node-say" key=${index}>${text}</p>`
          : html`<p class="node-action tone-${toneOf({ action })}" key=${index}>
              <${Icon} name=${action} /><span>${action}</span><span class="muted">${text}</span>
            </p>`,
      )}
    </div>
    ${
      branches.length > 0 &&
      html`<ul class="choices">
        ${branches.map((branch, index) => html`<${Choice} key=${index} ...${branch} />`)}
      </ul>`
    }
    ${ending && html`<p class="node-end"><${Icon} name=${ending.icon} /><span>${ending.text}</span></p>`}
  </li>`;
}

/** What leads to another card, which a click shows. @param {{labels: string[], to: number}} props */
function Choice({ labels, to }) {
  const { keys, words } = choicesOf(labels);
  const show = () => {
    const card = document.getElementById(idOf(to));
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  return html`<li>
    <button type="button" class="choice" data-to=${to} onClick=${show}>
      <span class="choice-text"
        >${keys.map((key) => html`<kbd key=${key}>${key}</kbd> `)}${keys.length > 0 && words.length > 0 && "or "}${joined(words, "or")}</span
      >
      <span class="to"><${Icon} name="arrow" /><span class="unseen">to </span>${to}</span>
    </button>
  </li>`;
}
