// The voices of the lines: each answered line has a WebSocket to the platform, which takes what
// this person says and gives what others say into their microphones.
// @ts-check

const UUID = 36; // bytes before the samples of somebody's voice

/** @typedef {ReturnType<typeof createVoices>} Voices */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").Lines} parts.lines
 * @param {import("./web-audio.js").Sound} parts.sound
 */
export function createVoices({ store, lines, sound }) {
  /** @type {Map<string, WebSocket>} */
  const sockets = new Map();

  /** @param {import("./phone-lines.js").Line} line */
  const canSpeak = (line) =>
    lines.phase(line) === "talking" && store.clock.speed === 1 && store.link === "connected";

  /** @param {string} uuid */
  function open(uuid) {
    const socket = new WebSocket(
      `ws://${location.host}/sim/calls/${encodeURIComponent(uuid)}/audio`,
    );
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" || data.byteLength <= UUID) return;
      const speaker = new TextDecoder().decode(data.slice(0, UUID)).trim();
      sound.voice(uuid, speaker, new Int16Array(data.slice(UUID)));
    });
    // Kept in the map when it closes: one that was refused is not asked for again.
    sockets.set(uuid, socket);
  }

  /** @param {import("./phone-lines.js").Line|undefined} line @param {ArrayBuffer|string} message */
  function send(line, message) {
    const socket = line && !line.muted && sockets.get(line.uuid);
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(message);
  }

  return {
    /** Opens and closes what the lines need now. */
    update() {
      for (const line of lines.all()) {
        if (canSpeak(line) && !sockets.has(line.uuid)) open(line.uuid);
      }
      for (const [uuid, socket] of sockets) {
        const line = lines.get(uuid);
        if (line && canSpeak(line)) continue;
        socket.close();
        sockets.delete(uuid);
      }
    },
    /** @param {ArrayBuffer} pcm What the microphone heard: it goes to the selected line. */
    speak: (pcm) => send(lines.selected(), pcm),
    /** @param {string} text What that meant. */
    mean: (text) => send(lines.selected(), JSON.stringify({ text })),
  };
}
