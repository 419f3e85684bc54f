// Local and session storage: the user's preferences, and the state of this tab.
// @ts-check

/**
 * @param {Storage|null} storage
 * @param {string} name
 * @param {any} fallback The value to return if nothing readable is stored.
 * @returns {any}
 */
function read(storage, name, fallback) {
  try {
    return JSON.parse(storage?.getItem(name) ?? "null") ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {Storage|null} storage @param {string} name @param {any} value */
function write(storage, name, value) {
  try {
    storage?.setItem(name, JSON.stringify(value));
  } catch {
    // The storage is full or blocked: the value lasts until the page is closed.
  }
}

/** @param {"localStorage"|"sessionStorage"} kind @returns {Storage|null} */
function storageOf(kind) {
  try {
    return window[kind];
  } catch {
    return null;
  }
}

/** The user's preferences, stored in this browser. */
export const preferences = {
  /** @param {string} name @param {any} fallback */
  get: (name, fallback) => read(storageOf("localStorage"), `phone.${name}`, fallback),
  /** @param {string} name @param {any} value */
  set: (name, value) => write(storageOf("localStorage"), `phone.${name}`, value),
};

/** The state of this tab, which survives a reload. */
export const tabState = {
  /** @param {string} name @param {any} fallback */
  get: (name, fallback) => read(storageOf("sessionStorage"), `phone.${name}`, fallback),
  /** @param {string} name @param {any} value */
  set: (name, value) => write(storageOf("sessionStorage"), `phone.${name}`, value),
};
