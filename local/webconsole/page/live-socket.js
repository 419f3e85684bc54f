// The WebSocket to the platform: what happens there comes in, and it is opened again when it
// breaks.
// @ts-check

const SHORTEST = 500;
const LONGEST = 5000;

/**
 * Opens the link and keeps it open.
 *
 * @param {object} options
 * @param {() => number} options.after Gives the id of the newest journal entry that is known.
 * @param {(message: any) => void} options.receive Gets every message, parsed.
 * @param {(state: "connected"|"lost") => void} options.changed
 * @returns {{send: (message: any) => void}} `send` drops what it cannot send now.
 */
export function openLink({ after, receive, changed }) {
  let pause = SHORTEST;
  let platform = "";
  /** @type {WebSocket} */
  let socket;

  const open = () => {
    socket = new WebSocket(address(after(), platform));
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "hello") {
        pause = SHORTEST;
        platform = message.platform;
      }
      receive(message);
      if (message.type === "hello") changed("connected");
    });
    socket.addEventListener("close", () => {
      changed("lost");
      setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST);
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
function address(after, platform) {
  const url = new URL("/api/socket", location.href);
  url.protocol = "ws:";
  url.search = new URLSearchParams({ after: String(after), platform }).toString();
  return url;
}
