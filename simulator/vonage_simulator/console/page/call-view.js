// One call: heading, what failed, the overview to scale, its events, and the details of one of them.

import {
  Button,
  Chip,
  FileLink,
  html,
  Icon,
  IconButton,
  Id,
  Segments,
  Toggle,
  copy,
  useTicks,
  useUpdates,
  useWidth,
} from "./parts.js";
import { useEffect, useRef, useState } from "./preact.js";
import { flowName, Outcome } from "./call-list.js";
import { Details } from "./details.js";
import { EventHeads, Events, WIDE_LANES } from "./events.js";
import { letterOf, Overview, partyOf, roleOf } from "./overview.js";
import { preferences } from "./preferences.js";
import { FILTERS, shownOf } from "./timeline.js";
import { go, link } from "./router.js";
import { plural, seconds, timeOfDay } from "./format.js";

/** What the user chose, which outlives a call: the filter, the tab, the place and size of the details. */
export const callState = {
  filter: "all",
  tab: null,
  dock: preferences.get("dock", null),
  size: preferences.get("detailsSize", null),
};

const LIMITS = { right: [360, 900, 520], bottom: [160, 640, 320] };
const NEAR = 40; // pixels from the end that count as the end

/** The rows of a call with their results, in the order of time. @param {any} model */
export const itemsOf = (model) =>
  model.rows
    .map((row) => ({ row, exchange: model.exchangeOf(row), result: model.resultOf(row) }))
    .sort((one, other) => one.row.at - other.row.at || one.row.id - other.row.id);

/**
 * @param {{calls: import("./call-models.js").CallModels, store: any, api: any, callKey: string, eventId: string|null,
 *   isSmall: boolean, hasRoom: boolean, isPinned: boolean, pin: (on: boolean) => void, follow: boolean,
 *   setFollow: (on: boolean) => void, placeCall: (flow?: string|null) => void}} props
 */
export function CallView({
  calls,
  store,
  api,
  callKey,
  eventId,
  isSmall,
  hasRoom,
  isPinned,
  pin,
  follow,
  setFollow,
  placeCall,
}) {
  useUpdates(calls.subscribe);
  const [, render] = useState(0);
  const [place, width] = useWidth();
  const [leg, chooseLeg] = useState(null);
  const model = calls.get(callKey);
  if (!model) {
    return html`<div class="nothing" ref=${place}>
      <h1 class="unseen">Unknown call</h1>
      <p>
        This call is no longer known. The simulator was restarted, or has had 1,000 calls since.
      </p>
      <a class="button" href="#/calls">Show all calls</a>
    </div>`;
  }
  const set = (fields) => {
    Object.assign(callState, fields);
    if ("dock" in fields) preferences.set("dock", fields.dock);
    if ("size" in fields) preferences.set("detailsSize", fields.size);
    render((one) => one + 1);
  };
  const summary = model.summary();
  const legs = model.legObjects();
  const items = itemsOf(model);
  const chosen = items.find(({ row }) => String(row.id) === eventId) ?? null;
  const choice = { filter: callState.filter, leg, chosen: chosen?.row.id ?? null };
  const view = shownOf(items, choice);
  const isMany = legs.length > WIDE_LANES;
  const dock = isSmall ? "sheet" : (callState.dock ?? (width >= 880 ? "right" : "bottom"));
  const choose = (row) => go("calls", model.key, row.id);
  const step = (by) => {
    const next = view.shown[view.shown.indexOf(chosen) + by];
    if (next) choose(next.row);
  };
  const parts = {
    model,
    items,
    legs,
    shownLegs: view.legs ? legs.filter(({ uuid }) => view.legs?.has(uuid)) : legs,
    summary,
    begin: legs[0]?.created_at ?? 0,
    now: store.now,
    choose,
  };
  return html`<article
    class="call ${isMany || (chosen && dock === "bottom") ? "compact" : ""}"
    aria-labelledby="call-title"
    ref=${place}
  >
    <${Head}
      ...${parts}
      calls=${calls}
      ...${{ isPinned, pin, hasRoom, follow, setFollow, placeCall }}
    />
    ${summary.problem && html`<${Problem} problem=${summary.problem} callKey=${model.key} />`}
    ${legs.length > 0 && html`<div class="overview-box" ...${isMany && { tabindex: 0, role: "group", "aria-label": "The call to scale" }}><${Overview} ...${parts} /></div>`}
    <div
      class="split ${chosen ? "open" : ""}"
      data-dock=${chosen ? dock : undefined}
      style=${callState.size && chosen ? { "--details": `${callState.size}px` } : {}}
    >
      <${EventList}
        ...${parts}
        view=${view}
        leg=${leg}
        chooseLeg=${isMany ? chooseLeg : null}
        set=${set}
        chosen=${choice.chosen}
        follow=${follow}
      />
      ${chosen && dock !== "sheet" && html`<${Splitter} dock=${dock} key=${dock} set=${set} />`}
      ${
        chosen &&
        html`<${Details}
          ...${parts}
          item=${chosen}
          api=${api}
          tab=${callState.tab}
          setTab=${(tab) => set({ tab })}
          dock=${dock}
          setDock=${(to) => set({ dock: to, size: null })}
          step=${step}
          close=${() => go("calls", model.key)}
        />`
      }
    </div>
  </article>`;
}

function Head({
  model,
  summary,
  legs,
  calls,
  now,
  isPinned,
  pin,
  hasRoom,
  follow,
  setFollow,
  placeCall,
}) {
  const all = calls.all();
  const index = all.findIndex((one) => one.key === model.key);
  const move = (by) => all[index + by] && go("calls", all[index + by].key);
  return html`<header class="call-head">
    <div class="crumbs">
      ${
        !isPinned &&
        html`<a class="button small quiet back" href="#/calls"
            ><${Icon} name="left" /><span>Calls</span></a
          >
          ${hasRoom && html`<${IconButton} name="list" look="pin" label="Keep the list beside the call" click=${() => pin(true)} />`}`
      }
      <${IconButton} name="up" label="Newer call" disabled=${index <= 0} click=${() => move(-1)} />
      <${IconButton}
        name="down"
        label="Older call"
        disabled=${index >= all.length - 1}
        click=${() => move(1)}
      />
    </div>
    <div class="call-title">
      <h1 id="call-title" class="numbers">
        <span>${summary.from}</span><${Icon} name="arrow" /><span class="unseen"> to </span
        ><span>${summary.to}</span>
      </h1>
      <${Outcome}
        summary=${summary}
      />${summary.isLive && html`<${Timer} summary=${summary} now=${now} />`}
    </div>
    <div class="tools">
      ${
        summary.isLive
          ? html`<${Toggle}
              label="Follow"
              icon="follow"
              look="small"
              on=${follow}
              change=${setFollow}
              title="Keep the newest event in sight"
            />`
          : html`<${Button}
              label="Call again"
              icon="phone"
              look="small"
              click=${() => placeCall(summary.flow)}
            />`
      }
      <${Button}
        label="Copy link"
        icon="link"
        look="small"
        click=${() => copy(`${location.origin}/${link("calls", model.key)}`, "Link")}
      />
    </div>
    <p class="call-about">
      <span class="about-item"
        ><span class="muted">Flow</span>${
          summary.flow
            ? html`<a href=${link("flows", summary.flow)}>${summary.flow}</a>`
            : html`<span
                >${flowName(summary) || (summary.isLive ? "waiting for the answer" : "none")}</span
              >`
        }</span
      >
      <span class="about-item"
        ><span class="muted">Began</span
        ><span class="numbers">${timeOfDay(summary.startedAt)}</span></span
      >
      ${!summary.isLive && html`<span class="about-item"><span class="muted">Lasted</span><span>${seconds(summary.seconds ?? 0)}</span></span>`}
      <span class="about-item"><span class="muted">Legs</span><span>${legs.length}</span></span>
      ${summary.badges.map((badge) => html`<${Chip} key=${badge.text} ...${badge} />`)}
      <span class="about-item grow"><${Id} text=${model.key} what="Conversation ID" /></span>
    </p>
  </header>`;
}

export function Timer({ summary, now }) {
  useTicks(true, 1000);
  const whole = Math.max(0, Math.floor(now() - summary.startedAt));
  return html`<span class="timer numbers" role="timer"
    >${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}</span
  >`;
}

const Problem = ({ problem, callKey }) => html`
  <div class="banner bad" role="alert">
    <${Icon} name="error" />
    <div class="banner-text">
      <p class="strong">${problem.title}</p>
      <p>
        ${problem.location && html`<${FileLink} place=${problem.location} />`}<span
          >${problem.text}</span
        >
      </p>
    </div>
    <a class="button small" href=${link("calls", callKey, problem.row)}>Show where</a>
  </div>
`;

/** @param {any} props `chooseLeg` is null if there are few legs. */
function EventList({
  items,
  view,
  legs,
  shownLegs,
  leg,
  chooseLeg,
  begin,
  now,
  chosen,
  choose,
  set,
  follow,
  summary,
}) {
  const scroller = useRef(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const [showAll, setShowAll] = useState(false);
  const { shown, counts, folded } = view;
  const isFollowing = follow && summary.isLive && chosen === null;
  const toEnd = () => {
    scroller.current.scrollTop = scroller.current.scrollHeight;
  };
  useEffect(() => {
    if (isFollowing && isAtEnd) toEnd();
  }, [items.length, isFollowing]);
  const scrolled = ({ target: { scrollTop, clientHeight, scrollHeight } }) => {
    setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR);
  };
  const hasBad = items.some(({ result }) => result.tone === "bad");
  return html`<section class="events" aria-label="Events">
    <div class="event-tools">
      <${Segments}
        label="Which events"
        value=${view.filter}
        choose=${(filter) => set({ filter })}
        options=${FILTERS.map(([value, label], at) => ({
          value,
          label,
          count: counts[at],
          tone: value === "problems" ? (hasBad ? "bad" : "warn") : "",
        })).filter(({ value, count }) => value === "all" || count > 0)}
      />
      ${chooseLeg && html`<${LegChoice} legs=${legs} leg=${leg} choose=${chooseLeg} />`}
    </div>
    <div class="event-scroll" ref=${scroller} onScroll=${scrolled}>
      <${EventHeads} legs=${legs} shownLegs=${shownLegs} />
      ${
        items.length === 0
          ? html`<p class="nothing">
              The simulator’s journal no longer has the events of this call.
            </p>`
          : html`<${Events}
              items=${shown}
              ...${{ legs, shownLegs, begin, now, chosen, choose, showAll }}
              unfold=${() => setShowAll(true)}
              otherLegs=${folded > 0 && html`<${OtherLegs} key="legs" count=${folded} show=${() => chooseLeg(null)} />`}
            />`
      }
    </div>
    ${isFollowing && !isAtEnd && html`<div class="jump"><${Button} label="Jump to now" icon="down" look="small main" click=${toEnd} /></div>`}
  </section>`;
}

/** The choice of one leg of many. */
const LegChoice = ({ legs, leg, choose }) => html`
  <select
    class="small leg-choice"
    aria-label="Leg"
    value=${leg ?? ""}
    onChange=${({ target }) => choose(target.value || null)}
  >
    <option value="">All ${legs.length} legs</option>
    ${legs.map(
      (one, lane) =>
        html`<option value=${one.uuid} key=${one.uuid}>
          ${letterOf(lane)} ${partyOf(one)}, ${roleOf(one)}
        </option>`,
    )}
  </select>
`;

const OtherLegs = ({ count, show }) => html`
  <li class="gap">
    <span class="gap-text"
      >${plural(count, "event")} of other legs
      <${Button} label="Show all legs" look="small quiet" click=${show}
    /></span>
  </li>
`;

/** The bar between events and details: dragged, moved by arrow keys, reset by a double click. */
function Splitter({ dock, set }) {
  const bar = useRef(null);
  const [least, most, standard] = LIMITS[dock];
  const size = callState.size ?? standard;
  const resize = (to) => set({ size: Math.round(Math.max(least, Math.min(most, to))) });
  const drag = (event) => {
    bar.current.setPointerCapture(event.pointerId);
    const box = bar.current.parentElement.getBoundingClientRect();
    const move = (to) =>
      resize(dock === "right" ? box.right - to.clientX : box.bottom - to.clientY);
    bar.current.addEventListener("pointermove", move);
    bar.current.addEventListener(
      "pointerup",
      () => bar.current?.removeEventListener("pointermove", move),
      { once: true },
    );
  };
  const key = (event) => {
    const by = { ArrowLeft: 24, ArrowUp: 24, ArrowRight: -24, ArrowDown: -24 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    resize(size + by);
  };
  return html`<div
    class="splitter"
    role="separator"
    tabindex="0"
    ref=${bar}
    aria-label="Size of the details"
    aria-orientation=${dock === "right" ? "vertical" : "horizontal"}
    aria-valuemin=${least}
    aria-valuemax=${most}
    aria-valuenow=${size}
    onPointerDown=${drag}
    onKeyDown=${key}
    onDblClick=${() => set({ size: null })}
  />`;
}
