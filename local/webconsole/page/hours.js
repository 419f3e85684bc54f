// Whether the switchboard's opening hours are open at a time, and until when. Does not use the document.

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const AHEAD = 8; // days to look for the next change

/** The date, the day of the week (0 is Monday) and the minute of a time in a time zone. */
function localTime(at, zone) {
  const format = new Intl.DateTimeFormat("en-CA", {
    ...{ timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  });
  const parts = Object.fromEntries(format.formatToParts(at * 1000).map((p) => [p.type, p.value]));
  const date = `${parts.year}-${parts.month}-${parts.day}`;
  const day = (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;
  return { date, day, minute: Number(parts.hour) * 60 + Number(parts.minute) };
}

/** The open spans of a date in minutes since midnight, in order. */
function spansOf(opening, date, day) {
  if (opening.closed_on?.includes(date)) return [];
  const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return (opening.hours?.[DAYS[day]] ?? [])
    .map((span) => span.split("-").map(minutes))
    .sort(([one], [other]) => one - other);
}

/**
 * Returns whether it is open, and when that changes.
 *
 * @param {any} opening Of the switchboard: `time_zone`, `hours`, `closed_on`.
 * @param {number} at Unix seconds.
 * @returns {{isOpen: boolean, until: string}} `until` is "17:00", "Monday 09:00", or "" if unknown.
 */
export function openState(opening, at) {
  const { date, day, minute } = localTime(at, opening.time_zone);
  const now = spansOf(opening, date, day).find(([from, to]) => from <= minute && minute < to);
  if (now) return { isOpen: true, until: clock(now[1]) };
  for (let ahead = 0; ahead < AHEAD; ahead += 1) {
    const later = new Date(Date.parse(`${date}T00:00:00Z`) + ahead * 86_400_000);
    const spans = spansOf(opening, later.toISOString().slice(0, 10), (day + ahead) % 7);
    const next = spans.find(([from]) => ahead > 0 || from > minute);
    if (!next) continue;
    const name = DAYS[(day + ahead) % 7];
    const text = ahead === 0 ? "" : `${name[0].toUpperCase()}${name.slice(1)} `;
    return { isOpen: false, until: `${text}${clock(next[0])}` };
  }
  return { isOpen: false, until: "" };
}

const clock = (minute) =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** The hours of each day as text: "09:00–12:30, 13:30–17:00", or "closed". */
export const hoursByDay = (opening) =>
  DAYS.map((day) => [
    day.slice(0, 3).replace(/^./, (letter) => letter.toUpperCase()),
    (opening.hours?.[day] ?? [])
      .toSorted()
      .map((span) => span.replace("-", "–"))
      .join(", ") || "closed",
  ]);
