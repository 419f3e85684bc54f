// A call to scale: a track for the application's webhooks, and one for each leg.

import { html, useTicks, useWidth } from "./parts.js";
import { toneOf } from "./ncco-text.js";
import { endOf, marksOf, scaleOf } from "./timeline.js";
import { plural, seconds } from "./format.js";

/** The name of a leg: a letter in the order of their beginning. */
export const letterOf = (lane) => (lane < 26 ? String.fromCharCode(65 + lane) : String(lane + 1));

/** @param {any} item @returns {string} */
export const barTone = ({ row, result }) =>
  result.tone === "bad" ? "bad" : (toneOf({ action: row.action ?? "record" }) ?? "other");

/** Who is at the other end of a leg. */
export const partyOf = (leg) =>
  (leg.direction === "inbound" ? leg.from : leg.to) || "withheld";

export const roleOf = (leg) => (leg.direction === "inbound" ? "caller" : "called");

/**
 * @param {{items: any[], legs: any[], shownLegs: any[], now: () => number, choose: (row: any) => void}} props
 *   `shownLegs` have a track.
 */
export function Overview({ items, legs, shownLegs, now, choose }) {
  const isLive = legs.some((leg) => !leg.over);
  useTicks(isLive);
  const [track, width] = useWidth();
  const begin = legs[0].created_at;
  const ended = isLive ? null : Math.max(...legs.map((leg) => leg.ended_at ?? begin));
  const at = now();
  const { total, ticks } = scaleOf({ begin, ended }, at, width);
  const percent = (time) => `${Math.min(100, ((time - begin) / total) * 100)}%`;
  const place = (from, until) => ({
    left: percent(from),
    width: `max(2px, ${(Math.min(until - from, total) / total) * 100}%)`,
  });
  const hooks = items.filter(({ row }) => row.kind === "hook");
  const grid = ticks.map(
    (t) => html`<span class="ov-line" key=${t} style=${{ left: percent(begin + t) }} />`,
  );
  const parts = { place, percent, at, choose, perPixel: total / Math.max(1, width) };
  const about = `${plural(legs.length, "leg")}, ${plural(hooks.length, "webhook")}, ${seconds((ended ?? at) - begin)}`;
  return html`<div
    class="overview"
    role="img"
    aria-label="The call to scale: ${about}. The list below says the same."
  >
    <div class="ov-lane ov-axis">
      <div class="ov-name muted">Seconds</div>
      <div class="ov-track" ref=${track}>
        ${ticks.map(
          (t) =>
            html`<span class="ov-tick numbers" key=${t} style=${{ left: percent(begin + t) }}
              >${t}</span
            >`,
        )}
      </div>
    </div>
    <div class="ov-lane ov-app">
      <div class="ov-name"><span class="leg app">App</span><span class="muted">webhooks</span></div>
      <div class="ov-track">
        ${grid}${marksOf(hooks, parts.perPixel).map(
          (mark) => html`<${Mark} key=${mark.worst.row.id} mark=${mark} ...${parts} />`,
        )}
      </div>
    </div>
    ${shownLegs.map(
      (leg) =>
        html`<div class="ov-lane" key=${leg.uuid}>
          <div class="ov-name">
            <span class="leg">${letterOf(legs.indexOf(leg))}</span><${LegNumber} leg=${leg} />
          </div>
          <div class="ov-track">${grid}<${LegBars} leg=${leg} items=${items} ...${parts} /></div>
        </div>`,
    )}
    ${isLive && html`<div class="ov-now-box"><span class="ov-now" style=${{ left: percent(at) }} /></div>`}
  </div>`;
}

/** @param {{leg: any}} props */
function LegNumber({ leg }) {
  const number = partyOf(leg);
  return html`<span class="numbers ov-number" title=${number}
      ><span class="ov-head">${number.slice(0, -4)}</span>${number.slice(-4)}</span
    >
    <span class="muted ov-role">${roleOf(leg)}</span>`;
}

const Mark = ({ mark, percent, choose }) => html`
  <span
    class="ov-mark ${mark.worst.result.tone || "good"}"
    style=${{ left: `min(${percent(mark.at)}, calc(100% - 20px))` }}
    title=${mark.worst.row.hook.path}
    onClick=${() => choose(mark.worst.row)}
    >${mark.count}</span
  >
`;

function LegBars({ leg, items, place, percent, at, choose, perPixel }) {
  const own = items.filter(({ row }) => row.leg === leg.uuid);
  const until = leg.ended_at ?? at;
  const hasActions = own.some(({ row }) => row.kind === "action");
  return html`<span class="ov-life" style=${place(leg.created_at, until)} /> ${
      leg.direction === "outbound" &&
      !hasActions &&
      html` <span
          class="ov-bar ringing"
          style=${place(leg.created_at, leg.answered_at ?? until)}
          title="Ringing"
          >${((leg.answered_at ?? until) - leg.created_at) / perPixel > 44 && html`<span>rings</span>`}</span
        >
        ${
          leg.answered_at !== null &&
          html`<span
            class="ov-bar tone-joins ${leg.over ? "" : "is-running"}"
            style=${place(leg.answered_at, until)}
            title="In the call"
            ><span>in the call</span></span
          >`
        }`
    }
    ${own.map((item) => html`<${LegBar} key=${item.row.id} item=${item} ...${{ place, percent, at, choose, perPixel }} />`)}`;
}

function LegBar({ item, place, percent, at, choose, perPixel }) {
  const { row } = item;
  const end = endOf(row, at);
  const title = [row.action ?? row.kind, row.text].filter(Boolean).join(" ");
  const press = () => choose(row);
  if (row.kind === "key") {
    return html`<span
      class="ov-key"
      style=${{ left: percent(row.at) }}
      title="Key ${row.text}"
      onClick=${press}
      >${row.text}</span
    >`;
  }
  if (row.kind === "say")
    return html`<span
      class="ov-sub voice"
      style=${place(row.at, end)}
      title=${title}
      onClick=${press}
    />`;
  if (row.beside || row.kind === "recording") {
    return html`<span
      class="ov-sub beside tone-${barTone(item)}"
      style=${place(row.at, end)}
      title=${title}
      onClick=${press}
    />`;
  }
  if (row.kind !== "action") return null;
  const room = (end - row.at) / perPixel;
  const label = [`${row.action} ${row.text}`, row.action].find(
    (text) => text.length * 7 + 10 <= room && text.length < 40,
  );
  return html`<span
    class="ov-bar tone-${barTone(item)} ${row.end === null ? "is-running" : ""}"
    style=${place(row.at, end)}
    title=${title}
    onClick=${press}
    >${label && html`<span>${label}</span>`}</span
  >`;
}
