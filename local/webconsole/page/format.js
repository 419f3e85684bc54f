// Small pieces of English: numbers with their units, lists, shortened texts, times of day.

/** At most `length` characters; what is longer ends with an ellipsis. */
export function clip(text, length) {
  const characters = [...String(text)];
  return characters.length <= length
    ? String(text)
    : `${characters.slice(0, length - 1).join("")}…`;
}

/** "a, b and c", or with another word in place of "and". */
export function joined(parts, word = "and") {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} ${word} ${parts.at(-1)}`;
}

/** "1 key", "4 keys". */
export function plural(count, noun) {
  return `${count} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

/** "twice", "5 times". */
export function times(count) {
  return Number(count) === 2 ? "twice" : `${count} times`;
}

/** A length of time in words that suit it: "240 ms", "3.2 s", "2 min 5 s". */
export function seconds(value) {
  const number = Number(value);
  if (value === null || value === "" || !Number.isFinite(number)) return String(value);
  if (number > 0 && number < 0.995) return `${Math.round(number * 1000)} ms`;
  if (number < 60) return `${Math.round(number * 10) / 10} s`;
  return minutesOf(Math.round(number));
}

function minutesOf(whole) {
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = whole % 60;
  const parts = [hours && `${hours} h`, minutes && `${minutes} min`, !hours && rest && `${rest} s`];
  return parts.filter(Boolean).join(" ");
}

/** Milliseconds, without digits that say nothing. */
export function milliseconds(value) {
  return value < 10 ? `${Math.round(value * 10) / 10} ms` : `${Math.round(value)} ms`;
}

/** Host and path of an address, or the text itself where it is none. */
export function hostOf(url) {
  const { path } = addressOf(url);
  return path || clip(url, 80);
}

/** Path and query of an address; an address that cannot be read is all path. */
export function addressOf(url) {
  try {
    const parsed = new URL(url);
    return { path: parsed.pathname, query: parsed.search.slice(1) };
  } catch {
    return { path: String(url), query: "" };
  }
}

/** A size in bytes for people. */
export function bytes(size) {
  if (size < 1000) return plural(size, "byte");
  if (size < 1e6) return `${Math.round(size / 100) / 10} kB`;
  return `${Math.round(size / 1e5) / 10} MB`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** The time of day of a moment in seconds since 1970. */
export function timeOfDay(at) {
  return CLOCK.format(new Date(at * 1000));
}

/** How long after the beginning something was: "0:07.2". */
export function elapsed(since) {
  const tenths = Math.max(0, Math.round(since * 10));
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

/** Text as JSON with indents where it is JSON, else as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return String(text);
  }
}
