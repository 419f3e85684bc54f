// Tones, audio files and voices through Web Audio. Each sound belongs to a line; sounds of lines
// that are not heard run muted.
// @ts-check

// Two frequencies in hertz for each digit (ITU-T Q.23).
const LOW = [697, 770, 852, 941];
const HIGH = [1209, 1336, 1477];
const KEYPAD = ["123", "456", "789", "*0#"];
const DTMF_SECONDS = 0.2;
const EDGE = 0.008; // seconds of fade-in and fade-out

// Tones, with seconds of sound and silence.
const RINGING = { frequencies: [400, 450], on: 0.4, off: 0.2, pairs: 2, pause: 2 };
const RINGBACK = { frequencies: [425], on: 1, off: 4, pairs: 1, pause: 0 };
const BUSY = { frequencies: [425], on: 0.48, off: 0.48, pairs: 1, pause: 0 };
const LATENCY = 0.12; // seconds that voices are delayed, so that late chunks leave no gaps

/**
 * @typedef {{frequencies: number[], on: number, off: number, pairs: number, pause: number}} Cadence
 * @typedef {() => void} Stop
 * @typedef {ReturnType<typeof createWebAudio>} WebAudio
 */

/** Returns whether the user has clicked or typed; until then, browsers block sound. */
export const isTouched = () => Boolean(navigator.userActivation?.hasBeenActive);

/** Fades a tone in and out, which avoids clicks. @param {AudioParam} gain @param {number} at */
function shape(gain, at, /** @type {number} */ seconds, /** @type {number} */ volume) {
  gain.setValueAtTime(0, at);
  gain.linearRampToValueAtTime(volume, at + EDGE);
  gain.setValueAtTime(volume, at + seconds - EDGE);
  gain.linearRampToValueAtTime(0, at + seconds);
}

/** @param {(line: string) => boolean} isHeard */
export function createWebAudio(isHeard) {
  /** @type {AudioContext|null} */
  let context = null;
  let quiet = false;
  /** @type {Map<GainNode, string>} */
  const playing = new Map();
  /** @type {Map<string, number>} when the last chunk of a voice ends */
  const voices = new Map();

  /** Resolves when the user has clicked or typed. */
  const touched = isTouched()
    ? Promise.resolve()
    : new Promise((resolve) => {
        for (const event of ["pointerup", "keyup"]) {
          document.addEventListener(event, resolve, { once: true, capture: true });
        }
      });

  /** Returns the audio context, or null while the browser blocks sound. */
  function ready() {
    if (!isTouched() || !window.AudioContext) return null;
    context ??= new AudioContext();
    if (context.state === "suspended") void context.resume().catch(() => {});
    return context;
  }

  /** @param {AudioContext} audio @param {string} line @param {number} volume */
  function output(audio, line, volume) {
    const gain = audio.createGain();
    const level = audio.createGain();
    level.gain.value = volume;
    gain.gain.value = audible(line) ? 1 : 0;
    level.connect(gain).connect(audio.destination);
    playing.set(gain, line);
    return { level, end: () => playing.delete(gain) && gain.disconnect() };
  }

  /** @param {string} line */
  const audible = (line) => !quiet && (line === "" || isHeard(line));

  /** @param {string} line @param {number[]} frequencies @param {number} seconds @returns {Stop} */
  function tone(line, frequencies, seconds, volume = 0.15) {
    const audio = ready();
    if (!audio) return () => {};
    const { level, end } = output(audio, line, 0);
    shape(level.gain, audio.currentTime, seconds, volume / frequencies.length);
    const sources = frequencies.map((frequency) => {
      const source = new OscillatorNode(audio, { frequency });
      source.connect(level);
      source.start();
      source.stop(audio.currentTime + seconds);
      return source;
    });
    sources[0].addEventListener("ended", end);
    return () => sources.forEach((source) => source.stop());
  }

  /** @param {string} line @param {Cadence} cadence @returns {Stop} */
  function repeated(line, { frequencies, on, off, pairs, pause }) {
    /** @type {Stop} */
    let stop = () => {};
    /** @type {number} */
    let timer;
    let count = 0;
    const next = () => {
      stop = tone(line, frequencies, on);
      count += 1;
      const wait = on + off + (count % pairs === 0 ? pause : 0);
      timer = window.setTimeout(next, wait * 1000);
    };
    next();
    return () => {
      clearTimeout(timer);
      stop();
    };
  }

  /**
   * Plays an audio file from its current position.
   *
   * @param {string} line
   * @param {ArrayBuffer} bytes
   * @param {number|null} seconds How long it plays; null for no end.
   * @param {() => number} age Seconds since it began.
   * @returns {Promise<Stop>}
   */
  async function file(line, bytes, seconds, age) {
    await touched;
    const audio = ready();
    const buffer = audio && (await audio.decodeAudioData(bytes).catch(() => null));
    const offset = age();
    if (!audio || !buffer || (seconds !== null && offset > seconds)) return () => {};
    const loop = seconds === null || seconds > buffer.duration + 0.1;
    const { level, end } = output(audio, line, 0.9);
    const source = new AudioBufferSourceNode(audio, { buffer, loop });
    source.connect(level);
    source.addEventListener("ended", end);
    source.start(0, loop ? offset % buffer.duration : Math.min(offset, buffer.duration));
    return () => source.stop();
  }

  /** Plays a chunk of a voice, at 16 kHz, after the previous chunk. */
  function voice(
    /** @type {string} */ line,
    /** @type {string} */ speaker,
    /** @type {Int16Array} */ pcm,
  ) {
    const audio = ready();
    if (!audio || pcm.length === 0) return;
    const buffer = audio.createBuffer(1, pcm.length, 16000);
    buffer.copyToChannel(
      Float32Array.from(pcm, (sample) => sample / 32768),
      0,
    );
    const { level, end } = output(audio, line, 1);
    const source = new AudioBufferSourceNode(audio, { buffer });
    source.connect(level);
    source.addEventListener("ended", end);
    const key = `${line} ${speaker}`;
    const due = voices.get(key) ?? 0;
    const at = due > audio.currentTime ? due : audio.currentTime + LATENCY;
    source.start(at);
    voices.set(key, at + buffer.duration);
  }

  /** @param {string} line @param {string} digit */
  function dtmf(line, digit) {
    const row = KEYPAD.findIndex((digits) => digits.includes(digit));
    if (row < 0) return;
    tone(line, [LOW[row], HIGH[KEYPAD[row].indexOf(digit)]], DTMF_SECONDS);
  }

  /** Applies which lines are heard. */
  function update() {
    for (const [gain, line] of playing) gain.gain.value = audible(line) ? 1 : 0;
  }

  return {
    touched,
    dtmf,
    file,
    voice,
    update,
    beep: (/** @type {string} */ line, /** @type {number} */ seconds) =>
      tone(line, [1000], seconds),
    ringing: () => repeated("", RINGING),
    ringback: (/** @type {string} */ line) => repeated(line, RINGBACK),
    /** @param {string} line */
    busy(line) {
      const stop = repeated(line, BUSY);
      setTimeout(stop, 3000);
      return stop;
    },
    /** @param {boolean} on */
    setQuiet(on) {
      quiet = on;
      update();
    },
  };
}
