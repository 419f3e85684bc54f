// Builds elements from names, attributes and text. Nothing here parses HTML: data from callers and
// webhooks becomes text or the value of a safe attribute.
// @ts-check

const SVG = "http://www.w3.org/2000/svg";
const FORBIDDEN = /^(on.*|style|srcdoc|href|xlink:href|action|formaction)$/i;
const SAFE_LINK = /^(#|\/(?!\/)|blob:)/;

/**
 * @typedef {Node|string|number|false|null|undefined} Child
 * @typedef {Record<string, any>} Attributes
 */

/**
 * Builds an element.
 *
 * @param {string} tag
 * @param {Attributes} [attributes] Attributes by name; `on` holds listeners, `dataset` an object,
 *   `value` and `checked` are set as properties; false, null and undefined omit an attribute.
 * @param {...(Child|Child[])} children Text and nodes.
 * @returns {any} The element, typed as any so that callers need no casts.
 */
export function h(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/**
 * Builds an SVG element.
 *
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...(Child|Child[])} children
 * @returns {any}
 */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Replaces a node's children.
 *
 * @param {Element} node
 * @param {...(Child|Child[])} children
 */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/**
 * Sets or removes an attribute, as `h` does.
 *
 * @param {Element} element
 * @param {string} name
 * @param {any} value
 */
export function set(element, name, value) {
  if (name === "value" || name === "checked") {
    /** @type {any} */ (element)[name] = value;
  } else if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
  } else if (name === "href" && SAFE_LINK.test(value)) {
    element.setAttribute(name, value);
  } else if (FORBIDDEN.test(name)) {
    throw new TypeError(`${name} must not be set from untrusted text`);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Sets an element's text only if it differs, so that screen readers announce only changes.
 *
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {Attributes} attributes @param {any[]} children */
function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, /** @type {EventListener} */ (listener));
      }
    } else if (name === "dataset") {
      for (const [key, text] of Object.entries(value)) {
        /** @type {HTMLElement} */ (element).dataset[key] = String(text);
      }
    } else {
      set(element, name, value);
    }
  }
  element.append(...nodes(children));
  return element;
}

/** @param {any[]} children @returns {(Node|string)[]} */
function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
