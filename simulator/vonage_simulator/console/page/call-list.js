// The list of calls, newest first, with search, a choice of calls, and the flow.

import {
  Button,
  Chip,
  html,
  Icon,
  IconButton,
  Memo,
  Segments,
  Toggle,
  useTicks,
  useUpdates,
} from "./parts.js";
import { useRef, useState } from "./preact.js";
import { isProblem, OUTCOMES } from "./results.js";
import { link } from "./router.js";
import { plural, seconds, timeOfDay } from "./format.js";

const PAGE = 200; // rows at first, and each time the end comes near

/** The search and choice of the list, which outlive it. */
export const listState = { search: "", which: "all", flow: "" };

/** @param {any} summary */
export const flowName = (summary) => summary.flow ?? summary.label;

/** Chip of a call's outcome. @param {{summary: any}} props */
export function Outcome({ summary }) {
  const [text, tone, icon] = OUTCOMES[summary.outcome];
  if (icon === "live")
    return html`<span class="chip outcome ${tone}"
      ><span class="live-dot" aria-hidden="true" /><span>${text}</span></span
    >`;
  return html`<span class="chip outcome ${tone}"
    ><${Icon} name=${icon} /><span>${text}</span></span
  >`;
}

/** What happened, in words: the last thing somebody said, the keys, or the first prompt. */
function wordsOf(rows) {
  const said = rows.findLast(({ kind, text }) => kind === "say" && text);
  if (said) return `“${said.text}”`;
  const keys = rows.filter(({ kind }) => kind === "key").map(({ text }) => text);
  if (keys.length > 0) return `Keys ${keys.join(", ")}`;
  const talk = rows.find(({ action }) => action === "talk");
  return talk?.text ?? "";
}

/** @param {any} model @param {any} summary */
const textOf = (model, summary) =>
  [
    ...[
      summary.from,
      summary.to,
      flowName(summary),
      model.key,
      OUTCOMES[summary.outcome][0],
      ...model.legs,
    ],
    ...summary.badges.map((badge) => badge.text),
    ...model.rows.map((row) => row.text),
  ]
    .join(" ")
    .toLowerCase();

const WHICH = [
  ["all", "All", () => true],
  ["live", "Live", ({ isLive }) => isLive],
  ["problems", "Problems", isProblem],
];

/**
 * @param {{calls: import("./call-models.js").CallModels, store: any, current: string|null, follow: boolean,
 *   setFollow: (on: boolean) => void, hide?: () => void}} props
 */
export function CallList({ calls, store, current, follow, setFollow, hide }) {
  useUpdates(calls.subscribe);
  const [, setState] = useState(0);
  const [limit, setLimit] = useState(PAGE);
  const change = (fields) => {
    Object.assign(listState, fields);
    setLimit(PAGE);
    setState((one) => one + 1);
  };
  const list = useRef(null);
  const all = calls.all().map((model) => ({ model, summary: model.summary() }));
  const words = listState.search.toLowerCase().split(/\s+/).filter(Boolean);
  const isChosen = WHICH.find(([name]) => name === listState.which)[2];
  const found = all.filter(
    ({ model, summary }) =>
      isChosen(summary) &&
      (!listState.flow || flowName(summary) === listState.flow) &&
      (words.length === 0 || words.every((word) => textOf(model, summary).includes(word))),
  );
  const flows = [...new Set(all.map(({ summary }) => flowName(summary)).filter(Boolean))].sort();
  const more = () => {
    const { scrollTop, clientHeight, scrollHeight } = list.current;
    if (scrollTop + 2 * clientHeight > scrollHeight && limit < found.length) setLimit(limit + PAGE);
  };
  return html`<section class="call-list" aria-label="List of calls">
    <div class="list-head">
      <div class="list-title">
        ${current ? html`<h2>Calls</h2>` : html`<h1>Calls</h1>`}
        <${Toggle}
          label="Follow new calls"
          icon="follow"
          look="small"
          on=${follow}
          change=${setFollow}
          title="Open each new call when it begins"
        />
        ${hide && html`<${IconButton} name="left" look="pin" label="Hide the list" click=${hide} />`}
      </div>
      <div class="list-filters">
        <span class="search-box"
          ><${Icon} name="search" /><input
            type="search"
            class="small"
            id="search"
            placeholder="Number, flow, words, ID"
            aria-label="Search calls"
            value=${listState.search}
            onInput=${(event) => change({ search: event.target.value })}
        /></span>
        <${Segments}
          label="Which calls"
          value=${listState.which}
          choose=${(which) => change({ which })}
          options=${WHICH.map(([value, label, test]) => {
            const count = all.filter(({ summary }) => test(summary)).length;
            return { value, label, count, tone: value === "problems" && count > 0 ? "bad" : "" };
          })}
        />
        <select
          class="small"
          aria-label="Flow"
          value=${listState.flow}
          onChange=${(event) => change({ flow: event.target.value })}
        >
          <option value="">All flows</option>
          ${flows.map((flow) => html`<option value=${flow} key=${flow}>${flow}</option>`)}
        </select>
      </div>
    </div>
    <div class="call-heads" aria-hidden="true">
      <span>Time</span><span>From and to</span><span>Flow</span><span>What happened</span
      ><span>Length</span><span>Outcome</span>
    </div>
    <ul class="call-rows" aria-label="Calls" ref=${list} onScroll=${more}>
      ${found
        .slice(0, limit)
        .map(
          ({ model, summary }) =>
            html`<${Memo}
              key=${model.key}
              revision=${model.revision}
              isCurrent=${model.key === current}
              view=${() => html`<${CallRow} model=${model} summary=${summary} isCurrent=${model.key === current} now=${store.now} />`}
            />`,
        )}
      ${
        found.length === 0 &&
        html`<li class="nothing">
          <p>
            ${all.length === 0 ? "No calls yet. Call a number with the phone." : "No calls match."}
          </p>
          ${all.length > 0 && html`<${Button} label="Show all calls" look="small" click=${() => change({ search: "", which: "all", flow: "" })} />`}
        </li>`
      }
    </ul>
    <p class="muted small count-line" role="status">
      ${found.length === all.length ? plural(all.length, "call") : `${found.length} of ${plural(all.length, "call")}`}
    </p>
  </section>`;
}

function CallRow({ model, summary, isCurrent, now }) {
  const { problem, badges } = summary;
  const place = problem?.location ? `${problem.location.split("/").pop()} ` : "";
  return html`<li>
    <a
      class="call-row ${isProblem(summary) ? "bad" : ""}"
      href=${link("calls", model.key)}
      aria-current=${isCurrent ? "true" : undefined}
    >
      <span class="at numbers">${timeOfDay(summary.startedAt)}</span>
      <${Who} summary=${summary} />
      <span class="flow"
        >${summary.flow ? html`<code>${summary.flow}</code>` : html`<span class="muted">${summary.label}</span>`}</span
      >
      <span class="more"
        >${problem ? html`<span class="problem-text">${place}${problem.text}</span>` : html`<span class="muted">${wordsOf(model.rows)}</span>`}
        ${badges.map((badge) => html`<${Chip} key=${badge.text} ...${badge} />`)}</span
      >
      <span class="lasted numbers muted"><${Lasted} summary=${summary} now=${now} /></span>
      <${Outcome} summary=${summary} />
    </a>
  </li>`;
}

export function Lasted({ summary, now }) {
  useTicks(summary.isLive, 1000);
  return seconds(Math.round(summary.seconds ?? Math.max(0, now() - summary.startedAt)));
}

export const Who = ({ summary }) => html`
  <span class="who numbers"
    ><span>${summary.from}</span><${Icon} name="arrow" /><span class="unseen"> to </span
    ><span>${summary.to}</span></span
  >
`;
