// The call flows: their descriptions, and the first NCCO of each as a chain of actions.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { nccoChain } from "./ncco-view.js";
import { button, facts, foldable, loadInto, errorNote, verbatim } from "./widgets.js";
import { createFlowExplorer } from "./flow-explorer.js";
import { joined, milliseconds, plural, pretty, timeOfDay } from "./format.js";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function mount(root, { store, api }) {
  const status = h("p", { class: "small muted", role: "status" });
  const list = h("ul", { class: "flows" });
  root.append(
    h("h2", {}, "Flows"),
    h(
      "p",
      { class: "muted" },
      "Each flow is a module in functions/flows. Edit a file, and the next call uses it.",
    ),
    status,
    list,
  );
  /** @type {Map<string, any>} */
  const cards = new Map();
  const fetchNcco = createNccoQueue(api);
  let isVisible = false;
  let previous = new Map();

  async function refresh() {
    try {
      const { flows } = await api.get("/api/flows");
      show(flows);
      store.setFlows(flows);
      return flows;
    } catch (error) {
      fill(list, h("li", {}, errorNote(error)));
      cards.clear();
      store.setFlows([]);
      return [];
    }
  }

  function show(flows) {
    for (const flow of flows) {
      if (!cards.has(flow.name)) cards.set(flow.name, createCard(flow.name, fetchNcco, api));
      cards.get(flow.name).update(flow, numbersOf(store.stack, flow.name));
    }
    const names = new Set(flows.map(({ name }) => name));
    for (const name of cards.keys()) if (!names.has(name)) cards.delete(name);
    fill(
      list,
      [...cards.values()].map(({ element }) => element),
    );
    if (isVisible) for (const card of cards.values()) card.draw();
  }

  async function fileChanged() {
    const flows = await refresh();
    const current = new Map(flows.map((flow) => [flow.name, JSON.stringify(flow)]));
    const broken = flows.filter(({ error }) => error).map(({ name }) => name);
    const effect = broken.length
      ? `${joined(broken)} cannot be loaded.`
      : "The next call uses the new version.";
    write(
      status,
      `A file changed at ${timeOfDay(Date.now() / 1000)}. ${changesOf(previous, current)}${effect}`,
    );
    previous = current;
  }

  async function load() {
    const flows = await refresh();
    previous = new Map(flows.map((flow) => [flow.name, JSON.stringify(flow)]));
  }

  // Fetching an NCCO invokes a function, so wait until the section is visible.
  new IntersectionObserver(([section]) => {
    if (!section.isIntersecting || isVisible) return;
    isVisible = true;
    for (const card of cards.values()) card.draw();
  }).observe(root);
  store.subscribe("flows", fileChanged);
  store.subscribe("stack", load);
}

/** Returns the numbers that are routed to a flow. */
function numbersOf(stack, name) {
  return (stack?.numbers ?? []).filter(({ flow }) => flow === name).map(({ number }) => number);
}

function changesOf(previous, current) {
  const changed = [...current.keys()].filter(
    (name) => previous.has(name) && previous.get(name) !== current.get(name),
  );
  const added = [...current.keys()].filter((name) => !previous.has(name));
  const removed = [...previous.keys()].filter((name) => !current.has(name));
  const parts = [
    added.length && `New: ${joined(added)}. `,
    removed.length && `Removed: ${joined(removed)}. `,
    changed.length && `Changed: ${joined(changed)}. `,
  ];
  return parts.filter(Boolean).join("");
}

/** Fetches one NCCO at a time, so that calls do not wait for the functions. */
function createNccoQueue(api) {
  let last = Promise.resolve();
  return (name) => {
    const ncco = last.then(() => api.get(`/api/flows/${encodeURIComponent(name)}/ncco`));
    last = ncco.catch(() => undefined);
    return ncco;
  };
}

function createCard(name, fetchNcco, api) {
  const first = h("p", { class: "first" });
  const broken = h("div", { class: "note bad", role: "alert", hidden: true });
  const drawn = h("div", { class: "drawn" });
  const more = h("div", {});
  const numbersLine = h("p", { class: "small muted" });
  const element = h(
    "li",
    { class: "flow card" },
    h("h3", {}, name),
    numbersLine,
    first,
    broken,
    drawn,
    createFlowExplorer(name, api),
    foldable("More", false, more),
  );

  function update({ doc, handlers, error }, numbers) {
    const { head, rest } = firstSentence(doc ?? "");
    write(first, head);
    write(numbersLine, numbers.length ? `Answers ${joined(numbers)}` : "");
    set(numbersLine, "hidden", !numbers.length);
    set(broken, "hidden", !error);
    fill(broken, error ? errorOf(name, error) : null);
    fill(
      more,
      rest ? h("p", { class: "doc" }, rest) : null,
      facts([
        ["File", `functions/flows/${name}.py`],
        ["Handlers", joined(handlers ?? [])],
      ]),
      button("Reload the NCCO", draw, { class: "little" }),
    );
  }

  function draw() {
    return loadInto(drawn, async () => previewOf(await fetchNcco(name)));
  }

  return { element, update, draw };
}

function errorOf(name, { line, text }) {
  return [
    h(
      "strong",
      {},
      line ? `functions/flows/${name}.py, line ${line}` : `functions/flows/${name}.py`,
    ),
    verbatim(text),
  ];
}

function previewOf({ status, ms, ncco, apology, log }) {
  return [
    apology
      ? h("p", { class: "note warn" }, "The flow failed: the caller hears an apology.")
      : null,
    ncco ? nccoChain(ncco) : h("p", { class: "note bad" }, `Response ${status} without an NCCO.`),
    h(
      "p",
      { class: "small muted" },
      `${ncco ? plural(ncco.length, "action") : "Response"} in ${milliseconds(ms)}`,
    ),
    log?.length && (apology || !ncco)
      ? foldable(
          "Function log",
          true,
          log.map((line) => verbatim(pretty(line))),
        )
      : null,
  ].filter(Boolean);
}

function firstSentence(doc) {
  const text = doc.trim();
  const end = text.search(/\.(\s|$)/);
  return end < 0
    ? { head: text, rest: "" }
    : { head: text.slice(0, end + 1), rest: text.slice(end + 1).trim() };
}
