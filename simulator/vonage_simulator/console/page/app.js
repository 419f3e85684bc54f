// Starts the page: the store and the socket that fills it, the bar at the top, the views, the phone.

import * as api from "./api.js";
import { Button, Count, html, Icon, IconButton, toast, useUpdates } from "./parts.js";
import { render, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { CallList } from "./call-list.js";
import { createCallModels } from "./call-models.js";
import { CallView, itemsOf } from "./call-view.js";
import { createExtension } from "./extensions.js";
import { FirstRun } from "./first-run.js";
import { openLiveSocket } from "./live-socket.js";
import { createPhone } from "./phone-model.js";
import { Duration, PhoneView } from "./phone-view.js";
import { preferences } from "./preferences.js";
import { go, link, onRoute, route } from "./router.js";
import { createSimulatorModel, SimulatorView } from "./simulator-view.js";
import { followKeyboard, openShortcuts, ShortcutHelp } from "./shortcuts.js";
import { createStore } from "./store.js";
import { plural } from "./format.js";

const PHONE = { name: "phone", label: "Phone", icon: "phone", badge: () => [0, "", ""] };
const THEMES = {
  auto: ["sun", "Theme: as the system", "light"],
  light: ["sun", "Theme: light", "dark"],
  dark: ["moon", "Theme: dark", "auto"],
};
const SMALL = 900; // pixels; below, one thing at a time
const LIST_ROOM = 1680; // pixels from which the list has room beside a call
const RAIL_ROOM = 1200;

const store = createStore();
const calls = createCallModels(store);
const socket = openLiveSocket({ after: store.newest, receive, changed: store.setLink });
const phone = createPhone({ store, api, send: socket.send });
const extension = createExtension({ store, api, calls });
const simulator = createSimulatorModel({ store, api });
/** @type {{name: string, label: string, icon: string, badge: () => any[], render?: any}[]} */
const VIEWS = [
  { name: "calls", label: "Calls", icon: "list", badge: () => [0, "", ""] },
  ...extension.views,
  {
    ...{ name: "simulator", label: "Simulator", icon: "sliders" },
    badge: () => [Object.keys(simulator.faults().on).length, "warn", "on"],
  },
];

/** Loads what the socket does not send: the stack, the clock, and calls older than the journal. */
async function load() {
  try {
    const [stack, { calls: legs }, clock] = await Promise.all(
      ["/api/stack", "/sim/calls", "/sim/clock"].map(api.get),
    );
    store.setClock(clock);
    store.load(stack, legs);
  } catch (error) {
    // The connection was lost again; the next hello loads again.
    if (!(error instanceof api.ApiError)) throw error;
  }
}

/** @param {any} message */
function receive(message) {
  if (message.type !== "hello") return store.receive(message);
  if (message.reset) store.reset(message.platform);
  return void load();
}

/** Follows clock changes by other clients. */
store.subscribe("entry", async ({ kind }) => {
  if (kind !== "clock" || store.link === "lost") return;
  const clock = await api.get("/sim/clock").catch(() => null);
  if (clock) store.setClock(clock);
});

const isSmall = () => innerWidth < SMALL;

/** Places a call, and opens it once it is known. */
async function placeCall(from, to, flow) {
  await phone.lines.call(from, to, flow);
  if (isSmall()) return go("phone");
  const line = phone.lines.selected();
  const end = store.subscribe("frame", () => {
    const model = line && calls.get(line.uuid);
    if (!model) return;
    end();
    go("calls", model.key);
  });
  if (!line || line.failure) end();
  return undefined;
}

const callFlow = (flow = null) =>
  placeCall(
    preferences.get("from", "447700900999"),
    store.stack?.numbers[0]?.number ?? "",
    flow ?? "",
  );

function App() {
  const [, update] = useState(0);
  const again = () => update((one) => one + 1);
  useUpdates(
    onRoute,
    calls.subscribe,
    phone.subscribe,
    extension.subscribe,
    simulator.subscribe,
    (listener) => store.subscribe("link", listener),
    (listener) => store.subscribe("stack", listener),
  );
  const [follow, setFollow] = useState(preferences.get("follow", true));
  const [pinned, pin] = useState(null);
  const [width, setWidth] = useState(innerWidth);
  const [name, ...path] = route();
  const view = VIEWS.some((one) => one.name === name) || name === "phone" ? name : "calls";
  const small = width < SMALL;
  const isPinned = !small && width >= RAIL_ROOM && (pinned ?? width >= LIST_ROOM);
  const all = calls.all();
  const isFirst = all.length === 0;
  const newest = useRef(null);

  const state = useRef({});
  state.current = { view, path, all, follow, isPinned, small };
  useEffect(() => {
    const resized = () => setWidth(innerWidth);
    addEventListener("resize", resized);
    return () => removeEventListener("resize", resized);
  }, []);
  useEffect(() => followKeyboard(keyboard({ state, setFollow: followCalls, pin, again })), []);
  useEffect(() => openNewest(state.current, newest), [all[0]?.key, store.stack]);
  useLayoutEffect(() => {
    document.title = `${phone.incoming.legs().length > 0 ? "Incoming call" : titleOf(view, path)} · Voice platform`;
    document.body.dataset.view = view;
  });
  function followCalls(on) {
    preferences.set("follow", on);
    setFollow(on);
  }

  const asView = view === "phone" && small;
  const phoneView = html`<${PhoneView}
    ...${{ phone, store, calls, extension, placeCall, isFirst }}
    level=${asView ? 1 : 2}
  />`;
  return html` <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <${TopBar} view=${view} />
    ${!small && html`<aside id="phone" class="phone" aria-label="Phone">${phoneView}</aside>`}
    <main id="main" tabindex="-1">
      ${asView ? html`<section id="phone" class="phone" aria-label="Phone">${phoneView}</section>` : html`<${View} ...${{ view: view === "phone" ? "calls" : view, path, small, isPinned, pin, follow, setFollow: followCalls, isFirst, width }} />`}
    </main>
    <div class="bottom">
      <${LiveBar} view=${view} />
      <nav class="tabbar" aria-label="Views and phone">
        ${[PHONE, ...VIEWS].map((one) => html`<${ViewLink} key=${one.name} one=${one} view=${view} icon=${one.icon} />`)}
      </nav>
    </div>
    <${ShortcutHelp} />`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function View({ view, path, small, isPinned, pin, follow, setFollow, isFirst, width }) {
  const added = extension.views.find(({ name }) => name === view);
  if (added) return added.render({ path, isSmall: small, placeCall: callFlow, callBack });
  if (view === "simulator") return html`<${SimulatorView} ...${{ simulator, store }} />`;
  const [key = "", event = null] = path;
  if (!store.stack && !key) return html`<p class="nothing" role="status">Loading…</p>`;
  if (isFirst && !key)
    return html`<${FirstRun} store=${store} placeCall=${callFlow} hint=${extension.hint} />`;
  const list = { calls, store, current: key || null, follow, setFollow };
  if (!key) return html`<div class="calls-view only-list"><${CallList} ...${list} /></div>`;
  return html`<div class="calls-view ${isPinned ? "with-list" : ""}">
    ${isPinned && html`<${CallList} ...${list} hide=${() => pin(false)} />`}
    <${CallView}
      key=${key}
      ...${{ calls, store, api, isPinned, pin, follow, setFollow }}
      callKey=${key}
      eventId=${event}
      isSmall=${small}
      hasRoom=${width >= RAIL_ROOM}
      placeCall=${callFlow}
    />
  </div>`;
}

/** Calls a number that left a message: the number's own flow is called as if it rang us back. */
function callBack(number) {
  void placeCall(number, store.stack?.numbers[0]?.number ?? "", "");
}

/** Opens a new call, unless the user is typing or reading details: then a toast offers it. */
function openNewest({ view, path, all, follow, small }, newest) {
  if (!store.stack) return; // the calls so far are not here yet
  const key = all[0]?.key ?? null;
  const isNew = newest.current !== null && key !== newest.current && key !== null;
  newest.current = key ?? "";
  if (!isNew || !follow || view !== "calls" || path[0] === key) return;
  const isBusy = path[1] || document.activeElement?.closest("main input, main select");
  if (isBusy) toast("New call", { label: "Show", href: link("calls", key) });
  else if (!small) go("calls", key);
}

const titleOf = (view, path) => {
  const summary = view === "calls" && path[0] ? calls.get(path[0])?.summary() : null;
  if (summary) return `${summary.from} → ${summary.to}`;
  return path[0] && view === "flows"
    ? path[0]
    : (VIEWS.find(({ name }) => name === view)?.label ?? "Phone");
};

function TopBar({ view }) {
  const [theme, setTheme] = useState(preferences.get("theme", "auto"));
  const [icon, label, next] = THEMES[theme] ?? THEMES.auto;
  useLayoutEffect(() => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  const change = () => {
    preferences.set("theme", next);
    setTheme(next);
  };
  const faults = Object.keys(simulator.faults().on).length;
  const { speed } = store.clock;
  const isLost = store.link === "lost";
  return html`<header class="top">
    <a class="brand" href="#/calls"
      ><svg width="22" height="22" viewBox="0 0 16 16" aria-hidden="true">
        <rect width="16" height="16" rx="4" class="mark" />
        <path d="M4 7v2M8 4v8M12 6v4" class="mark-wave" />
      </svg>
      <span class="brand-name">Voice platform</span><span class="brand-where">local</span></a
    >
    <nav class="views" aria-label="Views">
      ${VIEWS.map((one) => html`<${ViewLink} key=${one.name} one=${one} view=${view} />`)}
    </nav>
    <div class="states" role="group" aria-label="State of the platform">
      ${extension
        .states()
        .map(
          ({ icon: name, tone, text, href }) =>
            html`<a class="state ${tone}" href=${href} title=${text} key=${text}
              ><${Icon} name=${name} /><span class="state-text">${text}</span></a
            >`,
        )}
      ${speed !== 1 && html`<a class="state warn" href="#/simulator"><${Icon} name="clock" /><span class="state-text">${speed === 0 ? "Clock paused" : `Clock ${speed}×`}</span></a>`}
      ${faults > 0 && html`<a class="state warn" href="#/simulator"><${Icon} name="bolt" /><span class="state-text">${plural(faults, "fault")} on</span></a>`}
      <span class="state link ${isLost ? "bad" : ""}" role="status"
        ><span class="link-dot" /><span class="state-text"
          >${isLost ? "Connection lost, trying again" : "Connected"}</span
        ></span
      >
    </div>
    <div class="top-tools">
      <${IconButton} name=${icon} label=${label} look="theme" click=${change} /><${IconButton}
        name="keyboard"
        label="Keyboard shortcuts"
        click=${openShortcuts}
      />
    </div>
  </header>`;
}

function ViewLink({ one: { name, label, badge }, view, icon }) {
  const [count, tone, hint] = badge();
  return html`<a
    class="view-link"
    href=${link(name)}
    aria-current=${view === name ? "page" : undefined}
    >${icon && html`<${Icon} name=${icon} />`}<span>${label}</span>${count > 0 && html`<${Count} text=${count} tone=${tone} hint=${hint} />`}</a
  >`;
}

/** The live call, above the tabs of a small screen. */
function LiveBar({ view }) {
  const line = phone.lines.all().find((one) => phone.lines.phase(one) !== "ended");
  if (!line || view === "phone") return null;
  return html`<section class="live-bar" aria-label="Call in progress">
    <span class="live-dot" />
    <a class="live-link" href="#/phone"><span class="numbers strong">${line.other}</span></a
    ><${Duration} leg=${store.legs.get(line.uuid)} now=${store.now} />
    <${Button} label="Hang up" look="danger small" click=${() => phone.lines.hangUp(line)} />
  </section>`;
}

/** What each key does. */
function keyboard({ state, setFollow, pin, again }) {
  const focus = (id) => document.getElementById(id)?.focus();
  const move = (by) => {
    const { all, path } = state.current;
    const index = all.findIndex(({ key }) => key === path[0]);
    const next = all[index + by];
    if (next) go("calls", next.key);
  };
  const tab = (by) => {
    const tabs = [...document.querySelectorAll(".details [role=tab], .wide-page [role=tab]")];
    const at = tabs.findIndex((one) => one.getAttribute("aria-selected") === "true");
    if (at >= 0) tabs[(at + by + tabs.length) % tabs.length].click();
  };
  const nextProblem = () => {
    const { path, view } = state.current;
    const model = view === "calls" && path[0] ? calls.get(path[0]) : null;
    const bad = model ? itemsOf(model).filter(({ result }) => result.tone) : [];
    const at = bad.findIndex(({ row }) => String(row.id) === path[1]);
    if (model && bad.length > 0) go("calls", model.key, bad[(at + 1) % bad.length].row.id);
  };
  const withLine = (act) => {
    const line = phone.lines.selected();
    if (line && phone.lines.phase(line) !== "ended") act(line);
  };
  return {
    /** @type {Record<string, () => void>} */
    actions: {
      "g c": () => go("calls"),
      "g f": () => go("flows"),
      "g m": () => go("messages"),
      "g s": () => go("simulator"),
      "/": () => (document.getElementById("search") ? focus("search") : go("calls")),
      n: () => {
        document.querySelector(".phone-head .button")?.click();
        setTimeout(() => focus("dial-to"));
      },
      j: () => move(1),
      k: () => move(-1),
      "[": () => tab(-1),
      "]": () => tab(1),
      p: nextProblem,
      f: () => setFollow(!state.current.follow),
      b: () => pin(!state.current.isPinned),
      d: () => {
        document.querySelector(".dock-button")?.click();
        again();
      },
      t: () => focus("say"),
      m: () => withLine((line) => phone.lines.mute(line, !line.muted)),
      H: () => withLine(phone.lines.hangUp),
      a: () => {
        const [leg] = phone.incoming.legs();
        if (leg) void phone.incoming.answer(leg);
      },
    },
    digit(key) {
      const line = phone.lines.selected();
      const isTalking = line !== undefined && phone.lines.phase(line) === "talking";
      if (isTalking) phone.press(key);
      return isTalking;
    },
    escape() {
      const { view, path } = state.current;
      if (view !== "calls" || !path[1]) return false;
      go("calls", path[0]);
      return true;
    },
  };
}

render(html`<${App} />`, document.getElementById("app"));
