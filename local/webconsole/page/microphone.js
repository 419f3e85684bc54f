// The microphone: asks for it, and gives what it hears as 16-bit PCM at 16 kHz in pieces of 100 ms.
// @ts-check

const REFUSALS = /** @type {Record<string, string>} */ ({
  NotAllowedError: "The browser was not allowed to use the microphone.",
  NotFoundError: "This machine has no microphone.",
  NotReadableError: "The microphone is in use elsewhere.",
});

/** A refusal in a sentence for people. */
export class MicrophoneError extends Error {}

/**
 * Opens the microphone.
 *
 * @param {(pcm: ArrayBuffer) => void} give
 * @returns {Promise<() => void>} Closes it.
 */
export async function openMicrophone(give) {
  const stream = await ask();
  const context = new AudioContext();
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    void context.close().catch(() => {});
  };
  try {
    await context.audioWorklet.addModule("/page/microphone-worklet.js");
    const resampler = new AudioWorkletNode(context, "resampler", { numberOfOutputs: 0 });
    resampler.port.addEventListener("message", ({ data }) => give(data));
    resampler.port.start();
    context.createMediaStreamSource(stream).connect(resampler);
  } catch {
    close();
    throw new MicrophoneError("This browser cannot take what the microphone hears.");
  }
  return close;
}

/** @returns {Promise<MediaStream>} */
async function ask() {
  const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: false };
  if (!navigator.mediaDevices) throw new MicrophoneError("This browser gives no microphone.");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new MicrophoneError(REFUSALS[name] ?? "The microphone could not be opened.");
  }
}
