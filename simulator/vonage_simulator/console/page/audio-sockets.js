// One audio WebSocket per answered line: sends the microphone's audio, and receives the audio of
// other microphones.
// @ts-check

const SPEAKER = 36; // bytes of the speaker's leg uuid before the samples

/** @typedef {ReturnType<typeof createAudioSockets>} AudioSockets */

/**
 * @param {object} parts
 * @param {import("./store.js").Store} parts.store
 * @param {import("./phone-lines.js").PhoneLines} parts.lines
 * @param {import("./web-audio.js").WebAudio} parts.audio
 */
export function createAudioSockets({ store, lines, audio }) {
  /** @type {Map<string, WebSocket>} */
  const sockets = new Map();

  /** @param {import("./phone-lines.js").Line} line */
  const canSendAudio = (line) =>
    lines.phase(line) === "talking" && store.clock.speed === 1 && store.link === "connected";

  /** @param {string} uuid */
  function open(uuid) {
    const socket = new WebSocket(
      `ws://${location.host}/sim/calls/${encodeURIComponent(uuid)}/audio`,
    );
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" || data.byteLength <= SPEAKER) return;
      const speaker = new TextDecoder().decode(data.slice(0, SPEAKER)).trim();
      audio.voice(uuid, speaker, new Int16Array(data.slice(SPEAKER)));
    });
    // A closed socket stays in the map, so that a rejected one is not retried.
    sockets.set(uuid, socket);
  }

  /** @param {import("./phone-lines.js").Line|undefined} line @param {ArrayBuffer|string} message */
  function send(line, message) {
    const socket = line && !line.muted && sockets.get(line.uuid);
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(message);
  }

  return {
    /** Opens and closes sockets after the lines have changed. */
    update() {
      for (const line of lines.all()) {
        if (canSendAudio(line) && !sockets.has(line.uuid)) open(line.uuid);
      }
      for (const [uuid, socket] of sockets) {
        const line = lines.get(uuid);
        if (line && canSendAudio(line)) continue;
        socket.close();
        sockets.delete(uuid);
      }
    },
    /** @param {ArrayBuffer} pcm Audio of the microphone, for the selected line. */
    sendAudio: (pcm) => send(lines.selected(), pcm),
    /** @param {string} text The transcript of that audio. */
    sendText: (text) => send(lines.selected(), JSON.stringify({ text })),
  };
}
