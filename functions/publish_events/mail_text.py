"""The subject and text of each mail. Amazon SNS sends plain text, with a subject in ASCII."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from publish_events.call_events import minutes, shown
from voicekit.e164 import is_number

if TYPE_CHECKING:
    from datetime import tzinfo

_MOST_OF_SUBJECT = 100  # characters (SNS: Publish)
_MOST_OF_TRANSCRIPT = 2000  # characters
_DOCS = "What to do: docs/operate.md"


class MailContent(NamedTuple):
    """A mail: its subject, its text, and the number of the line that it is about, if known."""

    subject: str
    text: str
    line: str | None


class MailFacts(NamedTuple):
    """What every mail about a call says: caller, line, and time in a time zone."""

    from_: str | None
    to: str | None
    time: str
    zone: tzinfo = UTC

    def lines(self) -> list[str]:
        """Return a line of text for each."""
        return [
            f"From: {_shown(self.from_)}",
            f"To: {_shown(self.to)}",
            f"At: {_local(self.time, self.zone)}",
        ]

    def call_back(self) -> list[str]:
        """Return the link that calls back, if the number is known."""
        return ["", f"Call back: tel:+{self.from_}"] if is_number(self.from_) else []


def voicemail(
    facts: MailFacts, seconds: int | None, link: str, transcript: str | None
) -> MailContent:
    """Return the mail about a voicemail.

    Parameters
    ----------
    facts
        The call.
    seconds
        The length of the message, None if it is unknown.
    link
        The link that plays it.
    transcript
        What was said, None without a transcript.
    """
    length = "" if seconds is None else f" ({minutes(seconds)})"
    text = ["A caller left a message.", "", *facts.lines()]
    text += [] if seconds is None else [f"Length: {minutes(seconds)}"]
    text += ["", "Transcript:", _cut(transcript, _MOST_OF_TRANSCRIPT)] if transcript else []
    text += ["", f"Listen: {link}", "The link works for 30 days, for everybody who has it."]
    return _mail(f"Voicemail from {shown(facts.from_)}{length}", text + facts.call_back(), facts.to)


def missed(facts: MailFacts, rung: int) -> MailContent:
    """Return the mail about a missed call, in which so many numbers were rung."""
    numbers = "1 number" if rung == 1 else f"{rung} numbers"
    text = ["Nobody took a call, and the caller left no message.", "", *facts.lines()]
    text += [f"Rung: {numbers}", *facts.call_back()]
    return _mail(f"Missed call from {shown(facts.from_)}", text, facts.to)


def lost(facts: MailFacts, reason: str) -> MailContent:
    """Return the mail about a message that could not be fetched from Vonage."""
    text = ["A caller left a message, but it could not be fetched from Vonage.", "", *facts.lines()]
    text += [f"Reason: {reason}", *facts.call_back(), "", f"{_DOCS}#recordings-dead"]
    return _mail("A message could not be fetched", text, facts.to)


def flow_failed(time: str) -> MailContent:
    """Return the mail about call flows that fail."""
    text = [
        "A call flow failed, and a caller heard an apology.",
        "",
        f"At: {_local(time, UTC)}",
        "The next mail comes if a flow fails after a minute without a failure.",
        "",
        f"{_DOCS}#apologies",
    ]
    return _mail("A call flow failed", text, None)


def _mail(subject: str, text: list[str], line: str | None) -> MailContent:
    number = line if is_number(line) else None
    return MailContent(subject[:_MOST_OF_SUBJECT], "\n".join(text) + "\n", number)


def _shown(number: str | None) -> str:
    return f"+{number}" if is_number(number) else shown(number)


def _local(time: str, zone: tzinfo) -> str:
    try:
        at = datetime.fromisoformat(time)
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(zone)
    except (ValueError, OverflowError):  # the second at the ends of the calendar
        return " ".join(time.split())
    return f"{at:%Y-%m-%d %H:%M} ({zone})"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 4]} ..."
