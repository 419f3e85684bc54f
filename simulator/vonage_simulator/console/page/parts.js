// Parts that every view uses: icons, buttons, identifiers, JSON, tabs, and the hooks that follow the
// store. Text is never read as markup.

import {
  Component,
  html,
  useEffect,
  useLayoutEffect,
  useReducer,
  useRef,
  useState,
} from "./preact.js";
import { ICONS } from "./icons.js";

export { html };

/** @param {{name: string, more?: string}} props */
export const Icon = ({ name, more = "" }) => html`
  <svg
    class="icon icon-${name} ${more}"
    viewBox="0 0 16 16"
    width="16"
    height="16"
    aria-hidden="true"
  >
    <path d=${ICONS[name] ?? ICONS.info} />
  </svg>
`;

export function Button({ label, icon, look = "", type = "button", click, ...more }) {
  return html`<button type=${type} class="button ${look}" onClick=${click} ...${more}>
    ${icon && html`<${Icon} name=${icon} />`}<span>${label}</span>
  </button>`;
}

export function IconButton({ name, label, look = "", click, ...more }) {
  return html`<button
    type="button"
    class="icon-button ${look}"
    aria-label=${label}
    title=${label}
    onClick=${click}
    ...${more}
  >
    <${Icon} name=${name} />
  </button>`;
}

export const Chip = ({ text, tone = "", icon, ...more }) => html`
  <span class="chip ${tone}" ...${more}
    >${icon && html`<${Icon} name=${icon} />`}<span>${text}</span></span
  >
`;

/** @param {{text: any, tone?: string, hint?: string}} props */
export const Count = ({ text, tone = "", hint }) => html`
  <span class="count ${tone}">${text}${hint && html`<span class="unseen"> ${hint}</span>`}</span>
`;

/** A choice of one of a few. */
export const Segments = ({ label, options, value, choose, look = "" }) => html`
  <div class="segments ${look}" role="group" aria-label=${label}>
    ${options.map(
      (one) =>
        html`<button
          type="button"
          class="segment"
          key=${one.value}
          aria-pressed=${String(one.value === value)}
          onClick=${() => choose(one.value)}
        >
          ${one.label}${one.count !== undefined && html`<${Count} text=${one.count} tone=${one.tone} />`}
        </button>`,
    )}
  </div>
`;

/** On or off. */
export const Toggle = ({ label, icon, on, change, look = "", ...more }) => html`
  <button
    type="button"
    class="toggle ${look}"
    aria-pressed=${String(on)}
    onClick=${() => change(!on)}
    ...${more}
  >
    ${icon && html`<${Icon} name=${icon} />`}<span>${label}</span>
  </button>
`;

/** A name within a sentence: "leg ID", and "SHA-256" as it is. @param {string} name */
const inSentence = (name) =>
  /^[A-Z][a-z]/.test(name) ? `${name[0].toLowerCase()}${name.slice(1)}` : name;

/**
 * An identifier on one line: it shrinks with an ellipsis and keeps its end; a button copies it.
 *
 * @param {{text: string, what?: string, tail?: number}} props
 */
export function Id({ text, what = "Identifier", tail = 6 }) {
  const cut = Math.max(0, text.length - tail);
  return html`<span class="id" title=${text}>
    <span class="id-text"
      ><span class="id-head">${text.slice(0, cut)}</span
      ><span class="id-tail">${text.slice(cut)}</span></span
    >
    <${IconButton}
      name="copy"
      look="small"
      label="Copy ${inSentence(what)}"
      click=${() => copy(text, what)}
    />
  </span>`;
}

/** A place in a file that a click copies. @param {{place: string}} props */
export const FileLink = ({ place }) => html`
  <button
    type="button"
    class="file-link"
    title="Copy ${place}"
    onClick=${() => copy(place, "File and line")}
  >
    <${Icon} name="file" />${place}
  </button>
`;

/** Names and values; pairs without a value are left out. @param {{pairs: [string, any][]}} props */
export const Facts = ({ pairs }) => html`
  <dl class="facts">
    ${pairs
      .filter(
        ([, value]) => value !== null && value !== undefined && value !== "" && value !== false,
      )
      .map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
  </dl>
`;

/**
 * JSON, one element for each line. Lines of the marked item of an array are highlighted.
 *
 * @param {{value: any, label?: string, marked?: number|null}} props
 */
export function Json({ value, label = "JSON", marked = null }) {
  return html`<div class="code">
    <pre tabindex="0" role="group" aria-label=${label}><code>${jsonLines(value).map(
      ({ parts, item }) =>
        html`<span class="j-line ${marked !== null && item === marked ? "marked" : ""}"
          >${parts.map(([text, kind]) =>
            kind ? html`<span class="j-${kind}">${text}</span>` : text,
          )}${"\n"}</span
        >`,
    )}</code></pre>
    <${IconButton}
      name="copy"
      look="small code-copy"
      label="Copy ${label}"
      click=${() => copy(JSON.stringify(value, null, 2), label)}
    />
  </div>`;
}

/** @param {any} value @returns {{parts: [string, string?][], item: number|null}[]} */
export function jsonLines(value) {
  const kinds = { string: "string", number: "number", boolean: "bool" };
  /** @type {{parts: [string, string?][], item: number|null}[]} */
  const lines = [];
  /** @type {[string, string?][]} */
  let line = [];
  /** @type {number|null} */
  let item = null;
  const end = () => {
    lines.push({ parts: line, item });
    line = [];
  };
  const write = (one, depth) => {
    if (one === null || typeof one !== "object") {
      line.push([JSON.stringify(one) ?? "null", kinds[typeof one] ?? "null"]);
      return;
    }
    const isArray = Array.isArray(one);
    const entries = Object.entries(one);
    line.push([isArray ? "[" : "{"]);
    entries.forEach(([name, inner], index) => {
      end();
      if (isArray && depth === 0) item = index;
      line.push(["  ".repeat(depth + 1)]);
      if (!isArray) line.push([JSON.stringify(name), "key"], [": "]);
      write(inner, depth + 1);
      if (index < entries.length - 1) line.push([","]);
    });
    if (entries.length > 0) {
      end();
      if (depth === 0) item = null;
      line.push(["  ".repeat(depth)]);
    }
    line.push([isArray ? "]" : "}"]);
  };
  write(value, 0);
  end();
  return lines;
}

/** Text as it is, with wrapped lines. @param {{text: string, label: string}} props */
export const CodeBlock = ({ text, label }) => html`
  <div class="code">
    <pre class="wraps" tabindex="0" role="group" aria-label=${label}><code>${text}</code></pre>
    <${IconButton}
      name="copy"
      look="small code-copy"
      label="Copy ${inSentence(label)}"
      click=${() => copy(text, label)}
    />
  </div>
`;

/** A sentence with an icon, in the tone of a result. */
export const Verdict = ({ tone = "", icon, children }) => html`
  <p class="verdict ${tone}">
    <${Icon} name=${icon ?? { good: "check", warn: "warn", bad: "error" }[tone] ?? "info"} /><span
      >${children}</span
    >
  </p>
`;

let tabsMade = 0;

/**
 * Tabs; arrow keys move, Home and End jump.
 *
 * @param {{label: string, tabs: {id: string, label: string, count?: any, tone?: string, view: () => any}[],
 *   chosen: string, choose: (id: string) => void, look?: string}} props
 */
export function Tabs({ label, tabs, chosen, choose, look = "" }) {
  const base = useRef("");
  base.current ||= `tabs-${++tabsMade}`;
  const bar = useRef(null);
  const current = tabs.find(({ id }) => id === chosen) ?? tabs[0];
  const move = (event) => {
    const at = tabs.indexOf(current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    choose(tabs[next].id);
    bar.current.children[next].focus();
  };
  return html`
    <div class="tablist ${look}" role="tablist" aria-label=${label} onKeyDown=${move} ref=${bar}>
      ${tabs.map(
        ({ id, label: text, count, tone }) =>
          html`<button
            type="button"
            role="tab"
            key=${id}
            class="tab"
            id="${base.current}-${id}"
            aria-controls="${base.current}-panel"
            aria-selected=${String(id === current.id)}
            tabindex=${id === current.id ? 0 : -1}
            onClick=${() => choose(id)}
          >
            ${text}${count !== undefined && html`<${Count} text=${count} tone=${tone} />`}
          </button>`,
      )}
    </div>
    <div
      class="tab-panel"
      role="tabpanel"
      id="${base.current}-panel"
      tabindex="0"
      aria-labelledby="${base.current}-${current.id}"
      key=${current.id}
    >
      ${current.view()}
    </div>
  `;
}

/**
 * Content that is loaded, with its states: waiting, failed with a way to try again, and loaded.
 *
 * @param {{load: () => Promise<any>, by: any, view: (value: any) => any, waiting?: string}} props
 *   It loads again when `by` changes.
 */
export function Loaded({ load, by, view, waiting = "Loading…" }) {
  const [state, setState] = useState({ waiting: true });
  const [attempt, again] = useReducer((one) => one + 1, 0);
  useEffect(() => {
    let isCurrent = true;
    const set = (next) => isCurrent && setState(next);
    load().then(
      (value) => set({ value }),
      (error) => set({ error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [by, attempt]);
  if (state.error) {
    return html`<div class="note bad" role="alert">
      <${Icon} name="error" />
      <span class="grow">${state.error.message}</span>
      <${Button} label="Try again" look="small" click=${again} />
    </div>`;
  }
  return state.waiting ? html`<p class="muted" role="status">${waiting}</p>` : view(state.value);
}

/** Renders a component again whenever `subscribe` calls its listener. */
export function useUpdates(...subscriptions) {
  const [, update] = useReducer((one) => one + 1, 0);
  useLayoutEffect(() => {
    const ends = subscriptions.map((subscribe) => subscribe(() => update(undefined)));
    return () => ends.forEach((end) => end());
  }, []);
}

/** Renders a component again each `ms` milliseconds while `isOn`, unless the page is hidden. */
export function useTicks(isOn, ms = 250) {
  const [, update] = useReducer((one) => one + 1, 0);
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => !document.hidden && update(undefined), ms);
    return () => clearInterval(timer);
  }, [isOn, ms]);
}

/** The width of an element in pixels. @returns {[any, number]} Its ref, and the width. */
export function useWidth(initial = 800) {
  const ref = useRef(null);
  const [width, setWidth] = useState(initial);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

/** Skips rendering while its `revision` and its other properties stay the same. */
export class Memo extends Component {
  /** @param {any} next */
  shouldComponentUpdate(next) {
    const props = this.props;
    return Object.keys(next).some((name) => name !== "view" && next[name] !== props[name]);
  }

  render({ view }) {
    return view();
  }
}

let toastTimer = 0;

/** Shows a sentence for two seconds, with an optional action. */
export function toast(text, link = null) {
  const place = document.getElementById("toast");
  place.replaceChildren(text);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.label;
    place.append(" · ", anchor);
  }
  place.classList.add("shown");
  clearTimeout(toastTimer);
  const hide = () => {
    place.classList.remove("shown");
    place.replaceChildren(); // a link that is not visible must not get the focus
  };
  toastTimer = window.setTimeout(hide, link ? 6000 : 2200);
}

/** Copies text to the clipboard, and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`The browser did not let the page copy the ${inSentence(what)}`);
  }
}
