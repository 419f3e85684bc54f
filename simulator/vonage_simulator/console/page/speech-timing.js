// Splits text or SSML into words with timings.
// @ts-check

const WORD = 60 / 160; // seconds per word at the simulator's speaking rate
const ENTITIES = /** @type {Record<string, string>} */ ({
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" },
});

/**
 * @typedef {{text: string, at: number}} Word `at` is in seconds from the start.
 * @typedef {{words: Word[], text: string, seconds: number}} Spoken
 */

/**
 * Returns the words of a text or SSML document; other markup is spoken literally.
 *
 * @param {string} text
 * @returns {Spoken} `seconds` is the duration of speaking it once.
 */
export function spoken(text) {
  const isSsml = /^\s*<speak[\s>]/.test(text);
  const parts = isSsml ? (text.match(/<[^>]*>|[^<]+/g) ?? []) : [text];
  /** @type {Word[]} */
  const words = [];
  let at = 0;
  for (const part of parts) {
    if (isSsml && part.startsWith("<")) {
      at += pauseOf(part);
      continue;
    }
    for (const word of (isSsml ? plain(part) : part).split(/\s+/).filter(Boolean)) {
      words.push({ text: word, at });
      at += WORD;
    }
  }
  return { words, text: words.map((word) => word.text).join(" "), seconds: Math.max(at, 0.3) };
}

/**
 * Fits the words to the duration of a sound; a repeated sound shows its words once.
 *
 * @param {Spoken} speech
 * @param {number|null} seconds The duration of the sound; null for no end.
 */
export function timed(speech, seconds) {
  const times = seconds === null ? 1 : Math.max(1, Math.round(seconds / speech.seconds));
  const once = seconds === null ? speech.seconds : seconds / times;
  const stretch = once / speech.seconds;
  return speech.words.map(({ text, at }) => ({ text, at: at * stretch }));
}

/** @param {string} tag */
function pauseOf(tag) {
  const [, amount, unit] = /^<break[^>]*time=['"]([0-9.]+)(ms|s)/.exec(tag) ?? [];
  return amount ? Number(amount) / (unit === "ms" ? 1000 : 1) || 0 : 0;
}

/** @param {string} text */
function plain(text) {
  return text.replace(/&(#x?[0-9a-f]+|[a-z]+);/gi, (whole, name) => {
    if (name[0] !== "#") return ENTITIES[name] ?? whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
