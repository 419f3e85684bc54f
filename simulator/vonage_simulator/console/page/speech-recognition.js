// Speech recognition, only if the browser runs it on this machine.
// @ts-check

/**
 * Recognizes speech until it is stopped.
 *
 * @param {string} language
 * @param {(text: string) => void} receive
 * @returns {Promise<(() => void)|null>} Stops it; null if it is not available on this machine.
 */
export async function recognizeSpeech(language, receive) {
  const Recognition = /** @type {any} */ (window).SpeechRecognition;
  if (!(await isLocal(Recognition, language))) return null;
  const recognition = new Recognition();
  recognition.processLocally = true;
  recognition.lang = language;
  recognition.continuous = true;
  let stopped = false;
  recognition.addEventListener("result", (/** @type {any} */ { results, resultIndex }) => {
    for (const result of [...results].slice(resultIndex)) {
      const text = result.isFinal ? result[0].transcript.trim() : "";
      if (text) receive(text);
    }
  });
  recognition.addEventListener("error", () => {
    stopped = true;
  });
  recognition.addEventListener("end", () => {
    if (!stopped) recognition.start();
  });
  recognition.start();
  return () => {
    stopped = true;
    recognition.stop();
  };
}

/** @param {any} Recognition @param {string} language */
async function isLocal(Recognition, language) {
  if (!Recognition?.available || !("processLocally" in Recognition.prototype)) return false;
  const options = { langs: [language], processLocally: true };
  const state = await Recognition.available(options).catch(() => "unavailable");
  return state === "available";
}
