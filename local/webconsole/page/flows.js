// The call flows: what each one does, and the NCCO that it answers a call with, drawn as a chain.
// @ts-check

import { fill, h, set, write } from "./dom.js";
import { chain } from "./ncco-view.js";
import { button, facts, folding, loadInto, problem, verbatim } from "./widgets.js";
import { paths } from "./flow-explorer.js";
import { joined, milliseconds, plural, pretty, timeOfDay } from "./format.js";

/**
 * @param {HTMLElement} root
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 */
export function mount(root, { store, api }) {
  const told = h("p", { class: "small muted", role: "status" });
  const list = h("ul", { class: "flows" });
  root.append(
    h("h2", {}, "Flows"),
    h(
      "p",
      { class: "muted" },
      "Each is a module below functions/flows. Change its file, and the next call uses it.",
    ),
    told,
    list,
  );
  /** @type {Map<string, any>} */
  const cards = new Map();
  const ask = askInTurn(api);
  let seen = false;
  let before = new Map();

  async function refresh() {
    try {
      const { flows } = await api.get("/api/flows");
      show(flows);
      store.listFlows(flows);
      return flows;
    } catch (error) {
      fill(list, h("li", {}, problem(error)));
      cards.clear();
      store.listFlows([]);
      return [];
    }
  }

  function show(flows) {
    for (const flow of flows) {
      if (!cards.has(flow.name)) cards.set(flow.name, createCard(flow.name, ask, api));
      cards.get(flow.name).update(flow, numbersOf(store.stack, flow.name));
    }
    const names = new Set(flows.map(({ name }) => name));
    for (const name of cards.keys()) if (!names.has(name)) cards.delete(name);
    fill(
      list,
      [...cards.values()].map(({ element }) => element),
    );
    if (seen) for (const card of cards.values()) card.draw();
  }

  async function fileChanged() {
    const flows = await refresh();
    const now = new Map(flows.map((flow) => [flow.name, JSON.stringify(flow)]));
    const broken = flows.filter(({ error }) => error).map(({ name }) => name);
    const news = broken.length
      ? `${joined(broken)} cannot be read.`
      : "The next call uses what the files say now.";
    write(
      told,
      `A file changed at ${timeOfDay(Date.now() / 1000)}. ${changesOf(before, now)}${news}`,
    );
    before = now;
  }

  async function begin() {
    const flows = await refresh();
    before = new Map(flows.map((flow) => [flow.name, JSON.stringify(flow)]));
  }

  // Asking for an NCCO runs a function: not before somebody looks.
  new IntersectionObserver(([place]) => {
    if (!place.isIntersecting || seen) return;
    seen = true;
    for (const card of cards.values()) card.draw();
  }).observe(root);
  store.subscribe("flows", fileChanged);
  store.subscribe("stack", begin);
}

/** The numbers that lead to a flow. */
function numbersOf(stack, name) {
  return (stack?.numbers ?? []).filter(({ flow }) => flow === name).map(({ number }) => number);
}

function changesOf(before, now) {
  const changed = [...now.keys()].filter(
    (name) => before.has(name) && before.get(name) !== now.get(name),
  );
  const added = [...now.keys()].filter((name) => !before.has(name));
  const gone = [...before.keys()].filter((name) => !now.has(name));
  const parts = [
    added.length && `New: ${joined(added)}. `,
    gone.length && `Gone: ${joined(gone)}. `,
    changed.length && `Changed: ${joined(changed)}. `,
  ];
  return parts.filter(Boolean).join("");
}

/** Asks for one NCCO after the other, so that the functions stay free for calls. */
function askInTurn(api) {
  let last = Promise.resolve();
  return (name) => {
    const answer = last.then(() => api.get(`/api/flows/${encodeURIComponent(name)}/ncco`));
    last = answer.catch(() => undefined);
    return answer;
  };
}

function createCard(name, ask, api) {
  const first = h("p", { class: "first" });
  const broken = h("div", { class: "note bad", role: "alert", hidden: true });
  const drawn = h("div", { class: "drawn" });
  const more = h("div", {});
  const reached = h("p", { class: "small muted" });
  const element = h(
    "li",
    { class: "flow card" },
    h("h3", {}, name),
    reached,
    first,
    broken,
    drawn,
    paths(name, api),
    folding("More", false, more),
  );

  function update({ doc, handlers, error }, numbers) {
    const { head, rest } = firstSentence(doc ?? "");
    write(first, head);
    write(reached, numbers.length ? `Answers ${joined(numbers)}` : "");
    set(reached, "hidden", !numbers.length);
    set(broken, "hidden", !error);
    fill(broken, error ? errorOf(name, error) : null);
    fill(
      more,
      rest ? h("p", { class: "doc" }, rest) : null,
      facts([
        ["File", `functions/flows/${name}.py`],
        ["Handlers", joined(handlers ?? [])],
      ]),
      button("Ask for the NCCO again", draw, { class: "little" }),
    );
  }

  function draw() {
    return loadInto(drawn, async () => answerOf(await ask(name)));
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

function answerOf({ status, ms, ncco, apology, log }) {
  return [
    apology
      ? h("p", { class: "note warn" }, "The flow failed: the caller hears an apology.")
      : null,
    ncco ? chain(ncco) : h("p", { class: "note bad" }, `Answered ${status}, without an NCCO.`),
    h(
      "p",
      { class: "small muted" },
      `${ncco ? plural(ncco.length, "action") : "Answered"} in ${milliseconds(ms)}`,
    ),
    log?.length && (apology || !ncco)
      ? folding(
          "Log of the function",
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
