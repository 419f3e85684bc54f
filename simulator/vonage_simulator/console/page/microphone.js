// Opens the microphone and delivers its audio as 16-bit PCM at 16 kHz, in chunks of 100 ms.
// @ts-check

const ERRORS = /** @type {Record<string, string>} */ ({
  NotAllowedError: "The browser denied access to the microphone. Allow it in the site settings.",
  NotFoundError: "This machine has no microphone.",
  NotReadableError: "Another program uses the microphone.",
});

/** An error with a message for the user. */
export class MicrophoneError extends Error {}

/**
 * Opens the microphone.
 *
 * @param {(pcm: ArrayBuffer) => void} receive
 * @returns {Promise<() => void>} Closes the microphone.
 */
export async function openMicrophone(receive) {
  const stream = await requestStream();
  const context = new AudioContext();
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    void context.close().catch(() => {});
  };
  try {
    await context.audioWorklet.addModule("/page/microphone-worklet.js");
    const resampler = new AudioWorkletNode(context, "resampler", { numberOfOutputs: 0 });
    resampler.port.addEventListener("message", ({ data }) => receive(data));
    resampler.port.start();
    context.createMediaStreamSource(stream).connect(resampler);
  } catch {
    close();
    throw new MicrophoneError("This browser cannot process the microphone's audio.");
  }
  return close;
}

/** @returns {Promise<MediaStream>} */
async function requestStream() {
  const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: false };
  if (!navigator.mediaDevices)
    throw new MicrophoneError("This browser does not support microphones.");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new MicrophoneError(ERRORS[name] ?? "The microphone could not be opened.");
  }
}
