// Requests to the server of this page, and their errors as text for the user.
// @ts-check

/** A response without a 2xx status, or no response at all (status 0). */
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

/**
 * Returns the body of a response as bytes, or null if the request failed.
 *
 * @param {string} path
 * @returns {Promise<ArrayBuffer|null>}
 */
export async function getBytes(path) {
  const response = await send("GET", path).catch(() => null);
  return response?.ok ? response.arrayBuffer().catch(() => null) : null;
}

/**
 * Sends a request and returns the JSON of the response, or null if it has none.
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
  const problem = content && typeof content === "object" ? content : {};
  throw new ApiError(response.status, titleOf(problem, response), stringOf(problem.detail));
}

/** @param {string} method @param {string} path @param {any} body */
async function send(method, path, body = undefined) {
  const content = body === undefined ? {} : json(body);
  try {
    return await fetch(path, { method, cache: "no-store", credentials: "same-origin", ...content });
  } catch {
    throw new ApiError(0, "The local platform is not responding");
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

/** @param {any} problem @param {Response} response */
function titleOf(problem, response) {
  const reasons = Array.isArray(problem.invalid_parameters) ? problem.invalid_parameters : [];
  const first = reasons.map((/** @type {any} */ one) => `${one.name} ${one.reason}`).join(", ");
  return first || stringOf(problem.title) || `The local platform returned ${response.status}`;
}

/** @param {any} value */
function stringOf(value) {
  return typeof value === "string" ? value : "";
}
