// The route in the address: #/calls, #/calls/CON-…/EVENT, #/flows/NAME/paths, #/messages/KIND/ID,
// #/simulator, #/phone.

/** @returns {string[]} The view, then its parts. */
export const route = () =>
  location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });

/** The address of a route. @param {...(string|number|null|undefined)} parts */
export const link = (...parts) =>
  `#/${parts
    .filter((part) => part !== null && part !== undefined && part !== "")
    .map((part) => encodeURIComponent(String(part)))
    .join("/")}`;

/** @param {...(string|number|null|undefined)} parts */
export function go(...parts) {
  location.hash = link(...parts);
}

/** @param {() => void} listener @returns {() => void} */
export function onRoute(listener) {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}
