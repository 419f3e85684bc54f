// Formats numbers with units, lists, shortened text, and times of day.

/** Shortens text to `length` characters, with an ellipsis at the end. */
export function clip(text, length) {
  const characters = [...String(text)];
  return characters.length <= length
    ? String(text)
    : `${characters.slice(0, length - 1).join("")}…`;
}

/** "a, b and c", or with another conjunction. */
export function joined(parts, word = "and") {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} ${word} ${parts.at(-1)}`;
}

/** "1 digit", "4 digits". */
export function plural(count, noun) {
  return `${count} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

/** "twice", "5 times". */
export function times(count) {
  return Number(count) === 2 ? "twice" : `${count} times`;
}

/** A duration in a suitable unit: "240 ms", "3.2 s", "2 min 5 s". */
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

/** Milliseconds, with a decimal place only below 10. */
export function milliseconds(value) {
  if (value >= 1000) return seconds(value / 1000);
  return value < 10 ? `${Math.round(value * 10) / 10} ms` : `${Math.round(value)} ms`;
}

/** The path of a URL, or the text itself if it is not a URL. */
export function pathOf(url) {
  const { path } = addressOf(url);
  return path || clip(url, 80);
}

/** Path and query of a URL; text that is not a URL becomes the path. */
export function addressOf(url) {
  try {
    const parsed = new URL(url);
    return { path: parsed.pathname, query: parsed.search.slice(1) };
  } catch {
    return { path: String(url), query: "" };
  }
}

/** A size in bytes, kB or MB. */
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

/** The time of day of a Unix time in seconds. */
export function timeOfDay(at) {
  return CLOCK.format(new Date(at * 1000));
}

/** The time since the start: "0:07.2". */
export function elapsed(since) {
  const tenths = Math.max(0, Math.round(since * 10));
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

/** JSON text with indentation; other text is returned unchanged. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return String(text);
  }
}
