// The simulator's clock as the page sees it: it may run faster than time, or stand still.
// @ts-check

// An entry that lies further off than this tells that the clock was changed elsewhere.
const DRIFT = 1;

/**
 * Follows the clock; `now` gives seconds since 1970.
 *
 * @param {{store: import("./store.js").Store, api: typeof import("./api.js")}} parts
 * @returns {{now: () => number, speed: () => number, ask: () => Promise<void>}}
 */
export function followClock({ store, api }) {
  let known = { now: Date.now() / 1000, speed: 1, at: performance.now() };
  let asking = false;

  const now = () => known.now + ((performance.now() - known.at) / 1000) * known.speed;

  async function ask() {
    if (asking) return;
    asking = true;
    try {
      const told = await api.get("/sim/clock");
      known = { ...told, at: performance.now() };
    } catch {
      // The platform is away; the next connection asks again.
    } finally {
      asking = false;
    }
  }

  store.subscribe("link", (state) => state === "connected" && ask());
  store.subscribe("entry", (entry) => {
    if (Date.now() - lastAsked(known) > 1000 && Math.abs(entry.at - now()) > DRIFT) ask();
  });
  return { now, speed: () => known.speed, ask };
}

function lastAsked({ at }) {
  return performance.timeOrigin + at;
}
