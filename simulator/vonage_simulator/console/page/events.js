// The list of events of a call, with a narrow lane for the application and for each leg.

import { FileLink, html, Icon, Memo, useTicks } from "./parts.js";
import { useEffect, useRef } from "./preact.js";
import { faultOf } from "./fault-texts.js";
import { barTone, letterOf } from "./overview.js";
import { endOf, lanesOf, withPauses } from "./timeline.js";
import { clip, milliseconds, seconds } from "./format.js";

const MAX_ROWS = 400; // earlier ones are folded
export const WIDE_LANES = 8; // legs; more of them have narrow lanes, and a choice of one

/** "0.002" or "1:04.200": seconds since the call began. */
export function offset(t) {
  const since = Math.max(0, t);
  const minutes = Math.floor(since / 60);
  const rest = (since - minutes * 60).toFixed(3);
  return minutes > 0 ? `${minutes}:${rest.padStart(6, "0")}` : rest;
}

/**
 * @param {{items: any[], legs: any[], shownLegs: any[], begin: number, now: () => number,
 *   chosen: number|null, choose: (row: any) => void, otherLegs: any,
 *   showAll: boolean, unfold: () => void}} props `shownLegs` have a lane; `otherLegs` says what is
 *   not shown.
 */
export function Events({
  items,
  legs,
  shownLegs,
  begin,
  now,
  chosen,
  choose,
  otherLegs,
  showAll,
  unfold,
}) {
  const list = useRef(null);
  const hidden = showAll ? 0 : Math.max(0, items.length - MAX_ROWS);
  const lines = withPauses(items.slice(hidden));
  const lanes = lanesOf(lines, shownLegs);
  const laneOf = new Map(shownLegs.map((leg, lane) => [leg.uuid, lane]));
  const letters = new Map(legs.map((leg, lane) => [leg.uuid, letterOf(lane)]));
  const focusable = lines.some(({ row }) => row?.id === chosen)
    ? chosen
    : lines.find(({ row }) => row)?.row.id;
  useEffect(() => {
    list.current.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  const move = (event) => {
    const rows = [...list.current.querySelectorAll(".row")];
    const here = rows.indexOf(document.activeElement);
    const goals = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: rows.length - 1 };
    const goal = rows[goals[event.key]];
    if (here < 0 || !goal) return;
    event.preventDefault();
    goal.focus();
    const item = items.find(({ row }) => String(row.id) === goal.dataset.row);
    if (chosen !== null && item) choose(item.row);
  };

  return html`<ol
    class="rows ${shownLegs.length > WIDE_LANES ? "many" : ""}"
    aria-label="What happened"
    ref=${list}
    style=${{ "--lanes": String(shownLegs.length) }}
    onKeyDown=${move}
  >
    ${otherLegs}
    ${
      hidden > 0 &&
      html`<li class="gap" key="folded">
        <span class="gap-text"
          ><button type="button" class="button small quiet" onClick=${unfold}>
            Show ${hidden} earlier events
          </button></span
        >
      </li>`
    }
    ${lines.map((line, index) =>
      line.gap
        ? html`<li class="gap" key="gap-${line.after}">
            <${Gutter} lanes=${lanes[index]} /><span class="gap-text"
              >${seconds(line.gap)} later</span
            >
          </li>`
        : html`<${Memo}
            key=${line.row.id}
            ...${keyOf(line, lanes[index], chosen, focusable, begin)}
            legs=${shownLegs.length}
            lane=${laneOf.get(line.row.leg)}
            view=${() =>
              html`<${Event}
                item=${line}
                lanes=${lanes[index]}
                lane=${laneOf.get(line.row.leg) ?? 0}
                letters=${letters}
                begin=${begin}
                isChosen=${line.row.id === chosen}
                canFocus=${line.row.id === focusable}
                choose=${choose}
                now=${now}
              />`}
          />`,
    )}
  </ol>`;
}

/** What a line shows: it is rendered again only if one of these changes. */
function keyOf({ row, result }, lanes, chosen, focusable, begin) {
  const shape = lanes
    .map(({ isAlive, starts, ends, bars }) =>
      [
        isAlive,
        starts,
        ends,
        ...bars.map(({ item, ...edge }) => [
          item.row.id,
          item.row.beside,
          barTone(item),
          ...Object.values(edge),
        ]),
      ].join(),
    )
    .join("|");
  return {
    revision: row.revision,
    tone: result.tone,
    shape,
    begin,
    isChosen: row.id === chosen,
    canFocus: row.id === focusable,
  };
}

function Event({ item, lanes, lane, letters, begin, isChosen, canFocus, choose, now }) {
  const { row, result } = item;
  const { hook } = row;
  return html`<li class="event is-${row.kind} ${result.tone}">
    <button
      type="button"
      class="row"
      tabindex=${canFocus ? 0 : -1}
      aria-current=${isChosen ? "true" : undefined}
      data-row=${row.id}
      onClick=${() => choose(row)}
    >
      <span class="when numbers">${offset(row.at - begin)}</span>
      <span class="unseen">Leg ${letters.get(row.leg)}: </span>
      <span class="what"><${What} row=${row} result=${result} item=${item} /></span>
      <span class="status numbers ${result.tone || "good"}"
        >${hook ? (hook.status ?? (hook.isDone ? "none" : "…")) : row.kind === "api" && row.entry.status}</span
      >
      <span class="took numbers"><${Took} row=${row} now=${now} /></span>
      <span class="result ${result.tone}">${result.text || heardBy(row, letters)}</span>
    </button>
    <${Gutter}
      lanes=${lanes}
      row=${row}
      lane=${lane}
      tone=${result.tone}
      letter=${letters.get(row.leg)}
    />
    ${(result.why || row.faults.length > 0) && html`<${Why} result=${result} faults=${row.faults} />`}
  </li>`;
}

function What({ row, item }) {
  const { hook } = row;
  if (hook) {
    const { status, dtmf } = hook.fields;
    const flow = (hook.ncco || hook.kind === "answer") && item.exchange?.flow;
    return html`<span class="method">${hook.method}</span
      ><span class="path">${hook.path}</span> ${status && html`<span class="pill">${status}</span>`}
      ${dtmf?.digits && html`<span class="pill">key ${dtmf.digits}</span>`}
      ${flow && html`<span class="note muted">flow ${flow}</span>`}
      ${hook.attempt > 1 && html`<span class="pill again"><${Icon} name="retry" />2nd<span class="longer"> attempt</span></span>`}`;
  }
  if (row.kind === "action") {
    return html`<span class="act tone-${barTone(item)}"
        ><${Icon} name=${row.action} />${row.action}</span
      ><span class="note">${row.text}</span>`;
  }
  if (row.kind === "api") {
    return html`<span class="method">${row.entry.method}</span
      ><span class="path">${row.text}</span> <span class="pill">API</span>`;
  }
  if (row.kind === "key")
    return html`<kbd>${row.text}</kbd><span class="note muted">pressed</span>`;
  if (row.kind === "say") {
    return html`<span class="act"><${Icon} name="say" />says</span
      ><span class="note">${row.text ? `“${clip(row.text, 160)}”` : "(microphone)"}</span>`;
  }
  const kinds = {
    status: ["phone", row.status],
    sound: ["sound", row.entry.sound],
    recording: ["record", "recording"],
    change: ["sliders", "API"],
    error: ["error", "error"],
    warning: ["warn", "warning"],
    websocket: ["connect", "WebSocket"],
  };
  const [icon, name] = kinds[row.kind] ?? ["info", row.kind];
  return html`<span class="act"><${Icon} name=${icon} />${name}</span
    ><span class="note">${row.kind === "error" || row.kind === "warning" ? "" : clip(row.text, 160)}</span>`;
}

/** How long it took; the time of what still runs goes on. */
function Took({ row, now }) {
  useTicks(row.end === null);
  if (row.hook) return row.hook.ms === null ? "" : milliseconds(row.hook.ms);
  if (row.kind === "api") return milliseconds(row.entry.ms);
  if (row.end === undefined || row.kind === "key") return "";
  const spent = Math.max(0, endOf(row, now()) - row.at);
  return row.end === null ? html`<span class="running">${seconds(spent)}</span>` : seconds(spent);
}

/** @param {any} row @param {Map<string, string>} letters */
function heardBy(row, letters) {
  const heard = row.entry.heard_by;
  if (!Array.isArray(heard) || (row.kind !== "say" && row.kind !== "key")) return "";
  const names = heard.map((uuid) => letters.get(uuid)).filter(Boolean);
  return names.length > 0 ? `Heard by ${names.join(" and ")}` : "";
}

const Why = ({ result, faults }) => html`
  <div class="why ${result.tone || "warn"}">
    ${result.why && html`<p class="why-text">${result.tone === "bad" && html`<span class="stamp">${result.text}</span>`}${result.why}</p>`}
    ${result.location && html`<${FileLink} place=${result.location} />`}
    ${faults.map((fault) => html`<${FaultLink} key=${fault} fault=${faultOf(fault)} />`)}
  </div>
`;

/** A fault that acted, by its title. @param {{fault: any[]}} props From `faultOf`. */
export const FaultLink = ({ fault: [name, title, what] }) => html`
  <a class="file-link plain" href="#/simulator" title="${name}: ${what}"
    ><${Icon} name="bolt" />Fault: ${title}</a
  >
`;

/** The lanes of a row. Narrow ones have no letter above, so that of the row's leg is beside its dot. */
function Gutter({ lanes, row, lane, tone, letter }) {
  return html`<span class="gutter" aria-hidden="true">
    <span class="lane app-lane"><span class="life" /></span>
    ${lanes.map(
      (one, index) =>
        html`<span class="lane" key=${index} style=${{ "--lane": String(index) }}>
          ${one.isAlive && html`<span class="life ${one.starts ? "starts" : ""} ${one.ends ? "ends" : ""}" />`}
          ${one.bars.map(
            (bar) =>
              html`<span
                key=${bar.item.row.id}
                class="lane-bar tone-${barTone(bar.item)} ${
                  bar.item.row.beside || bar.item.row.kind === "recording" ? "sub" : ""
                } ${bar.starts ? "starts" : ""} ${bar.ends ? "ends" : ""}"
              />`,
          )}
          ${row && index === lane && row.kind !== "action" && html`<span class="dot ${row.kind} ${tone}" />`}
        </span>`,
    )}
    ${row?.hook && html`<span class="hop ${tone || "good"}" style=${{ "--lane": String(lane) }} />`}
    ${lanes.length > WIDE_LANES && letter && html`<span class="lane-letter" style=${{ "--lane": String(lane) }}>${letter}</span>`}
  </span>`;
}

/** The names of the columns. @param {{legs: any[], shownLegs: any[]}} props */
export const EventHeads = ({ legs, shownLegs }) => html`
  <div
    class="row-heads ${shownLegs.length > WIDE_LANES ? "many" : ""}"
    aria-hidden="true"
    style=${{ "--lanes": String(shownLegs.length) }}
  >
    <span class="when"><span class="longer">Seconds</span><span class="shorter">s</span></span>
    <span class="gutter"
      ><span class="lane">App</span
      >${
        shownLegs.length <= WIDE_LANES &&
        shownLegs.map(
          (leg) =>
            html`<span class="lane" key=${leg.uuid}>${letterOf(legs.indexOf(leg))}</span>`,
        )
      }</span
    >
    <span class="what">Event</span><span class="status">Status</span><span class="took">Took</span
    ><span class="result">Result</span>
  </div>
`;
