// The WebSocket that receives the platform's live feed. It reconnects when the connection is lost.
// @ts-check

const MIN_DELAY = 500; // milliseconds
const MAX_DELAY = 5000;

/**
 * Opens the socket and keeps it open.
 *
 * @param {object} options
 * @param {() => number} options.after Returns the id of the newest journal entry in the store.
 * @param {(message: any) => void} options.receive Gets every message, parsed from JSON.
 * @param {(state: "connected"|"lost") => void} options.changed
 * @returns {{send: (message: any) => void}} `send` drops messages while the socket is closed.
 */
export function openLiveSocket({ after, receive, changed }) {
  let delay = MIN_DELAY;
  let platform = "";
  /** @type {WebSocket} */
  let socket;

  const open = () => {
    socket = new WebSocket(urlOf(after(), platform));
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "hello") {
        delay = MIN_DELAY;
        platform = message.platform;
      }
      receive(message);
      if (message.type === "hello") changed("connected");
    });
    socket.addEventListener("close", () => {
      changed("lost");
      setTimeout(open, delay);
      delay = Math.min(delay * 2, MAX_DELAY);
    });
  };

  open();
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
  };
}

/** @param {number} after @param {string} platform */
function urlOf(after, platform) {
  const url = new URL("/api/socket", location.href);
  url.protocol = "ws:";
  url.search = new URLSearchParams({ after: String(after), platform }).toString();
  return url;
}
