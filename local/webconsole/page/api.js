// Requests to the platform that serves this page, and their errors in a sentence for people.
// @ts-check

/** An answer that is none of 2xx, or no answer at all (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} title @param {string} [detail] */
  constructor(status, title, detail = "") {
    super(detail ? `${title}: ${detail}` : title);
    this.name = "ApiError";
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

/** @param {string} path @returns {Promise<any>} */
export const get = (path) => request("GET", path);

/** @param {string} path @param {any} [body] @returns {Promise<any>} */
export const post = (path, body = {}) => request("POST", path, body);

/** @param {string} path @param {any} body @returns {Promise<any>} */
export const put = (path, body) => request("PUT", path, body);

/** @param {string} path @returns {Promise<any>} */
export const del = (path) => request("DELETE", path);

/**
 * Gives the bytes of an answer, null where there are none.
 *
 * @param {string} path
 * @returns {Promise<ArrayBuffer|null>}
 */
export async function getBytes(path) {
  const response = await send("GET", path).catch(() => null);
  return response?.ok ? response.arrayBuffer().catch(() => null) : null;
}

/**
 * Sends a request and gives its JSON, null where the answer is empty.
 *
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @returns {Promise<any>}
 */
async function request(method, path, body) {
  const response = await send(method, path, body);
  const text = await response.text().catch(() => "");
  const content = parsed(text);
  if (response.ok) return content;
  const said = content && typeof content === "object" ? content : {};
  throw new ApiError(response.status, sentence(said, response), texts(said.detail));
}

/** @param {string} method @param {string} path @param {any} body */
async function send(method, path, body = undefined) {
  const content = body === undefined ? {} : json(body);
  try {
    return await fetch(path, { method, cache: "no-store", credentials: "same-origin", ...content });
  } catch {
    throw new ApiError(0, "The platform does not answer");
  }
}

/** @param {any} body */
function json(body) {
  return { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {any} said @param {Response} response */
function sentence(said, response) {
  const reasons = Array.isArray(said.invalid_parameters) ? said.invalid_parameters : [];
  const first = reasons.map((/** @type {any} */ one) => `${one.name} ${one.reason}`).join(", ");
  return first || texts(said.title) || `The platform answered ${response.status}`;
}

/** @param {any} value */
function texts(value) {
  return typeof value === "string" ? value : "";
}
