// What is said of a text, and when: SSML becomes words and pauses, in the time that the platform
// gives.
// @ts-check

const WORD = 60 / 160; // seconds of a word at the platform's pace
const ENTITIES = /** @type {Record<string, string>} */ ({
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" },
});

/**
 * @typedef {{text: string, at: number}} Word `at` is in seconds from the begin.
 * @typedef {{words: Word[], text: string, seconds: number}} Spoken
 */

/**
 * Gives the words of a text or of SSML; markup that is no SSML document is read out as it is.
 *
 * @param {string} text
 * @returns {Spoken} `seconds` of saying it once, at the platform's usual pace.
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
 * Spreads words over the time that a sound takes; one that is repeated shows its words once.
 *
 * @param {Spoken} said
 * @param {number|null} seconds The whole sound; null for one without end.
 */
export function timed(said, seconds) {
  const times = seconds === null ? 1 : Math.max(1, Math.round(seconds / said.seconds));
  const once = seconds === null ? said.seconds : seconds / times;
  const stretch = once / said.seconds;
  return said.words.map(({ text, at }) => ({ text, at: at * stretch }));
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
