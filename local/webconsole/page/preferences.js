// What a person chose in the phone and finds again: in this browser, or in this tab alone.
// @ts-check

/**
 * @param {Storage|null} storage
 * @param {string} name
 * @param {any} otherwise What to give where nothing readable is kept.
 * @returns {any}
 */
function read(storage, name, otherwise) {
  try {
    return JSON.parse(storage?.getItem(name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {Storage|null} storage @param {string} name @param {any} value */
function write(storage, name, value) {
  try {
    storage?.setItem(name, JSON.stringify(value));
  } catch {
    // A full or forbidden storage: the choice lasts as long as the page.
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

/** The choices of a person, kept in this browser. */
export const choices = {
  /** @param {string} name @param {any} otherwise */
  get: (name, otherwise) => read(storageOf("localStorage"), `phone.${name}`, otherwise),
  /** @param {string} name @param {any} value */
  set: (name, value) => write(storageOf("localStorage"), `phone.${name}`, value),
};

/** What belongs to this tab and comes back when it is loaded again. */
export const tab = {
  /** @param {string} name @param {any} otherwise */
  get: (name, otherwise) => read(storageOf("sessionStorage"), `phone.${name}`, otherwise),
  /** @param {string} name @param {any} value */
  set: (name, value) => write(storageOf("sessionStorage"), `phone.${name}`, value),
};
