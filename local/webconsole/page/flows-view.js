// Flows: who answers which number and when, a card for each flow, and one flow with every path.

import {
  Button,
  Chip,
  FileLink,
  html,
  Icon,
  Tabs,
  Verdict,
  copy,
  useUpdates,
} from "./parts.js";
import { useEffect, useState } from "./preact.js";
import { Ncco } from "./details.js";
import { PathTree } from "./flow-paths.js";
import { brief, nameOf, toneOf } from "./ncco-text.js";
import { go, link } from "./router.js";
import { hoursByDay } from "./hours.js";
import { plural, timeOfDay } from "./format.js";

const MOST = 3; // actions on a card
const fileOf = (name, line = null) => `functions/flows/${name}.py${line ? `:${line}` : ""}`;

/**
 * What the page knows of each flow: its first answer, and what the explorer found. A finding is taken
 * back when a file changes.
 *
 * @param {{store: any, api: any}} parts
 */
export function createFlowHealth({ store, api }) {
  /** @type {Map<string, any>} first answers, by flow */
  let answers = new Map();
  /** @type {Map<string, any>} reports of the explorer, by flow */
  let reports = new Map();
  /** @type {Set<() => void>} */
  const listeners = new Set();
  let changedAt = 0;
  let version = 0;
  let isLoading = false;

  const changed = () => {
    for (const listener of listeners) listener();
  };

  async function refresh() {
    version += 1;
    answers = new Map();
    reports = new Map();
    const found = await api.get("/api/flows").catch(() => null);
    store.setFlows(found?.flows ?? []);
    changed();
  }

  /** Fetches the first answers one after the other, so that calls do not wait for the functions. */
  async function loadAnswers() {
    if (isLoading) return;
    isLoading = true;
    for (let next = missing(); next; next = missing()) {
      const started = version;
      const answer = await api
        .get(`/api/flows/${encodeURIComponent(next.name)}/ncco`)
        .catch((error) => ({ error }));
      if (started === version) answers.set(next.name, answer);
      changed();
    }
    isLoading = false;
  }

  const missing = () => store.flows.find((flow) => !flow.error && !answers.has(flow.name));

  store.subscribe("stack", refresh);
  store.subscribe("flows", () => {
    changedAt = Date.now() / 1000;
    void refresh();
  });
  return {
    ...{ loadAnswers },
    changedAt: () => changedAt,
    answer: (name) => answers.get(name),
    report: (name) => reports.get(name),
    /** @param {string} name */
    async explore(name) {
      const started = version;
      const report = await api.post(`/api/flows/${encodeURIComponent(name)}/walk`);
      if (started === version) reports.set(name, report);
      changed();
    },
    /** Flows that do not do what they should. */
    broken: () =>
      store.flows.filter(
        ({ name, error }) =>
          error || answers.get(name)?.apology || reports.get(name)?.findings.length > 0,
      ),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** @param {{store: any, health: ReturnType<typeof createFlowHealth>, path: string[], placeCall: (flow: string) => void}} props */
export function FlowsView({ store, health, switchboard, path, placeCall }) {
  useUpdates(health.subscribe, switchboard.subscribe, (listener) =>
    store.subscribe("flowList", listener),
  );
  useEffect(() => void health.loadAnswers(), [store.flows]);
  const flow = store.flows.find(({ name }) => name === path[0]);
  if (flow)
    return html`<${Flow}
      key=${flow.name}
      flow=${flow}
      part=${path[1]}
      store=${store}
      health=${health}
      placeCall=${placeCall}
    />`;
  const broken = health.broken().length;
  const sorted = [...store.flows].sort(
    (one, other) => Number(health.broken().includes(other)) - Number(health.broken().includes(one)),
  );
  return html`<div class="page">
    <div class="page-head">
      <h1>Flows</h1>
      <p class="muted">
        Each flow is a Python file in functions/flows. Save it and the next call uses it.
      </p>
    </div>
    ${path[0] && html`<p class="note warn" role="status"><${Icon} name="warn" /><span>The flow ${path[0]} does not exist.</span></p>`}
    <${Numbers} store=${store} switchboard=${switchboard} />
    <section aria-labelledby="flows-title">
      <div class="section-head">
        <h2 id="flows-title">${plural(store.flows.length, "flow")}</h2>
        ${broken > 0 && html`<${Chip} text="${plural(broken, "flow")} ${broken === 1 ? "needs" : "need"} attention" tone="bad" icon="error" />`}
        ${health.changedAt() > 0 && html`<span class="muted small" role="status">A file changed at ${timeOfDay(health.changedAt())}.</span>`}
      </div>
      <ul class="cards">
        ${sorted.map((one) => html`<${Card} key=${one.name} flow=${one} store=${store} health=${health} placeCall=${placeCall} />`)}
      </ul>
    </section>
  </div>`;
}

function Numbers({ store, switchboard }) {
  const { stack } = store;
  if (!stack) return null;
  const { numbers = {}, lines = {}, opening, closed } = switchboard.document();
  const flowOf = (number, flow) => numbers[number] ?? (lines[number] ? "reception" : flow);
  const whyOf = (number) =>
    numbers[number] || lines[number] ? "set in the switchboard" : "set by the parameters";
  const known = new Set(stack.numbers.map(({ number }) => number));
  const others = [...new Set([...Object.keys(lines), ...Object.keys(numbers)])]
    .filter((number) => !known.has(number))
    .map((number) => ({ number }));
  const command = "voicectl --local switchboard edit";
  const hours = switchboard.state();
  return html`<section class="panel switchboard" aria-labelledby="switchboard-title">
    <div class="panel-head">
      <h2 id="switchboard-title">Numbers and hours</h2>
      <${Button}
        label="Copy the command to change this"
        icon="terminal"
        look="small"
        click=${() => copy(command, "Command")}
      />
    </div>
    ${switchboard
      .problems()
      .map(
        ({ field, reason }) =>
          html`<p class="finding" key=${field}>
            <${Icon} name="warn" /><span>${field}: ${reason}</span>
          </p>`,
      )}
    <div class="board">
      <div class="board-part">
        <h3 class="part-title">Who answers</h3>
        ${[...stack.numbers, ...others].map(
          ({ number, flow }) =>
            html`<div class="number-row" key=${number}>
              <span class="numbers strong">${number}</span><${Icon} name="arrow" /><a
                href=${link("flows", flowOf(number, flow))}
                ><code>${flowOf(number, flow)}</code></a
              ><span class="muted small">${whyOf(number)}</span>
            </div>`,
        )}
      </div>
      <div class="board-part">
        <h3 class="part-title">Opening hours</h3>
        ${
          hours
            ? html`<p>
                  <${Chip}
                    text="${hours.isOpen ? "Open" : "Closed"}${hours.until && ` until ${hours.until}`}"
                    tone=${hours.isOpen ? "good" : "warn"}
                    icon="clock"
                  />
                  <span class="muted small"> ${opening?.time_zone}</span>
                </p>
                <${Hours} opening=${opening} />
                <p class="muted small">
                  ${
                    closed?.announcement
                      ? `Closed: callers hear “${closed.announcement}”`
                      : `Closed: the flow ${closed?.flow} answers.`
                  }
                </p>`
            : html`<p class="muted small">Always open.</p>`
        }
        ${Object.entries(lines)
          .filter(([, line]) => line.opening)
          .map(
            ([number, line]) =>
              html`<p class="small numbers" key=${number}>${number}</p>
                <${Hours} opening=${line.opening} />`,
          )}
      </div>
      <div class="board-part">
        <h3 class="part-title">Calling out</h3>
        <p>
          ${
            switchboard.dials()
              ? html`<${Chip} text="Dialing on" tone="good" icon="check" />`
              : html`<${Chip} text="Dialing off" tone="warn" icon="hangup" />`
          }
        </p>
        <p class="muted small">
          ${
            switchboard.dials()
              ? html`Allowed: <span class="numbers">${stack.second_number}</span>, and what
                  AllowedPrefixes allows.`
              : "No phone is called. Where a flow connects a caller, a sentence is spoken instead."
          }
        </p>
      </div>
    </div>
  </section>`;
}

/** The hours of each day. */
const Hours = ({ opening }) =>
  opening
    ? html`<dl class="hours">
        ${hoursByDay(opening).map(
          ([day, text]) =>
            html`<div key=${day}>
              <dt>${day}</dt>
              <dd class="numbers">${text}</dd>
            </div>`,
        )}
      </dl>`
    : null;

function Health({ flow, health }) {
  const answer = health.answer(flow.name);
  const report = health.report(flow.name);
  if (flow.error) return html`<${Chip} text="File has an error" tone="bad" icon="error" />`;
  if (answer?.apology) return html`<${Chip} text="Answer fails" tone="bad" icon="error" />`;
  if (report?.findings.length)
    return html`<${Chip}
      text=${plural(report.findings.length, "problem")}
      tone="bad"
      icon="warn"
    />`;
  if (report) return html`<${Chip} text="Paths checked" tone="good" icon="check" />`;
  return html`<${Chip} text="Paths not checked" />`;
}

function Card({ flow, store, health, placeCall }) {
  const { name, doc, error, handlers } = flow;
  const answer = health.answer(name);
  const isBroken = Boolean(error || answer?.apology);
  const numbers = (store.stack?.numbers ?? []).filter((one) => one.flow === name);
  const ncco = answer?.ncco ?? [];
  return html`<li class="flow-card ${isBroken ? "bad" : ""}">
    <div class="card-head">
      <h3><a href=${link("flows", name)}>${name}</a></h3>
      <${Health} flow=${flow} health=${health} />
    </div>
    <p class="doc">${doc.split("\n")[0]}</p>
    <div class="card-body">
      ${error && html`<${FileError} flow=${flow} />`}
      ${answer?.apology && html`<${AnswerError} flow=${flow} answer=${answer} />`}
      ${answer?.error && html`<p class="finding"><${Icon} name="warn" /><span>${answer.error.message}</span></p>`}
      ${
        !isBroken &&
        ncco.length > 0 &&
        html`<ol class="chain">
          ${ncco.slice(0, MOST).map(
            (action, index) =>
              html`<li key=${index} class="tone-${toneOf(action)}">
                <span class="act"><${Icon} name=${nameOf(action)} />${nameOf(action)}</span
                ><span class="note">${brief(action)}</span>
              </li>`,
          )}
          ${ncco.length > MOST && html`<li class="muted">and ${ncco.length - MOST} more</li>`}
        </ol>`
      }
      ${health
        .report(name)
        ?.findings.slice(0, 1)
        .map(
          (one) =>
            html`<p class="finding" key=${one}><${Icon} name="warn" /><span>${one}</span></p>`,
        )}
    </div>
    <p class="muted small card-about">
      ${numbers.length > 0 ? html`<span>Answers <span class="numbers">${numbers.map((one) => one.number).join(", ")}</span></span>` : html`<span>No number uses this flow</span>`}
      ${handlers.length > 1 && html`<span>Handles ${handlers.filter((one) => one !== "answer").join(", ")}</span>`}
    </p>
    <div class="card-foot">
      <${Button}
        label="Call this flow"
        icon="phone"
        look="small ${isBroken ? "" : "accent"}"
        aria-label="Call this flow: ${name}"
        click=${() => placeCall(name)}
      />
      ${!error && html`<a class="button small" href=${link("flows", name, "paths")} aria-label="Every path: ${name}"><${Icon} name="tree" /><span>Every path</span></a>`}
    </div>
  </li>`;
}

const FileError = ({ flow }) => html`
  <div class="error-box">
    <p class="strong">${flow.error.text}</p>
    <p><${FileLink} place=${fileOf(flow.name, flow.error.line)} /></p>
    <p class="small muted">Callers hear the apology until the file is fixed.</p>
  </div>
`;

function AnswerError({ flow, answer }) {
  const fields = answer.result ?? {};
  const text = [fields.error, fields.detail].filter(Boolean).join(": ");
  const place = fields.location ? `functions/${fields.location}` : fileOf(flow.name);
  return html`<div class="error-box">
    <p class="strong">Callers hear the apology</p>
    ${text && html`<p class="error-text">${text}</p>`}
    <p><${FileLink} place=${place} /></p>
  </div>`;
}

function Flow({ flow, part, store, health, placeCall }) {
  const { name, doc, error } = flow;
  const answer = health.answer(name);
  const tabs = [
    error && { id: "error", label: "Error", view: () => html`<${FileError} flow=${flow} />` },
    !error && {
      id: "answer",
      label: "First answer",
      count: answer?.ncco?.length,
      view: () => html`<${FirstAnswer} flow=${flow} answer=${answer} />`,
    },
    !error && {
      id: "paths",
      label: "Every path",
      count: health.report(name)?.tree.nodes.length,
      view: () => html`<${Paths} name=${name} health=${health} />`,
    },
  ].filter(Boolean);
  return html`<div class="page wide-page">
    <div class="page-head row-head">
      <div>
        <a class="button small quiet back" href="#/flows"
          ><${Icon} name="left" /><span>Flows</span></a
        >
        <h1>${name}</h1>
        <p class="muted">${doc.split("\n")[0]}</p>
      </div>
      <div class="tools">
        <${FileLink} place=${fileOf(name)} /><${Button}
          label="Call this flow"
          icon="phone"
          look="main"
          click=${() => placeCall(name)}
        />
      </div>
    </div>
    <${Tabs}
      label="About the flow"
      tabs=${tabs}
      chosen=${part === "paths" ? "paths" : tabs[0]?.id}
      choose=${(id) => go("flows", name, id === "paths" ? id : null)}
    />
  </div>`;
}

function FirstAnswer({ flow, answer }) {
  if (!answer) return html`<p class="muted" role="status">Running the flow…</p>`;
  if (answer.error) return html`<${Verdict} tone="bad">${answer.error.message}<//>`;
  if (answer.apology) return html`<${AnswerError} flow=${flow} answer=${answer} />`;
  return answer.ncco?.length
    ? html`<${Ncco} ncco=${answer.ncco} level=${2} />`
    : html`<p class="muted">The flow returned no actions.</p>`;
}

/** Every path: the explorer's findings and its tree. */
function Paths({ name, health }) {
  const report = health.report(name);
  const [isChecking, setChecking] = useState(false);
  const [problem, setProblem] = useState("");
  const check = async () => {
    setChecking(true);
    setProblem("");
    await health.explore(name).catch((error) => setProblem(error.message));
    setChecking(false);
  };
  useEffect(() => {
    if (!report) void check();
  }, [Boolean(report)]);
  if (problem)
    return html`<${Verdict} tone="bad"
      >${problem} <${Button} label="Try again" look="small" click=${check}
    /><//>`;
  if (!report)
    return html`<p class="verdict" role="status">
      <span class="live-dot" /><span
        >Checking every path: each key, silence, speech and unanswered call. Nobody is called.</span
      >
    </p>`;
  const { findings, tree } = report;
  const again = html`<${Button}
    label="Check again"
    look="small"
    icon="retry"
    disabled=${isChecking}
    click=${check}
  />`;
  const checked = `Checked ${plural(tree.nodes.length, "step")}`;
  return html` ${
      findings.length === 0
        ? html`<${Verdict} tone="good"
            >${checked}: no dead ends, no endless loops, no silent endings, no unheard prompts.
            ${again}<//
          >`
        : html`<${Verdict} tone="bad">${checked}: ${plural(findings.length, "problem")}. ${again}<//>
            ${findings.map((one) => html`<p class="finding" key=${one}><${Icon} name="warn" /><span>${one}</span></p>`)}`
    }
    <${PathTree} tree=${tree} />`;
}
