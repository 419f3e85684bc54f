"""The switchboard: routing that you can change without a deployment.

It is a small JSON document in Secrets Manager. It is not secret, but webhook functions already have
the code to read a secret, and Secrets Manager stores the version before::

    {
      "numbers": {"447700900000": "voicemail"},
      "opening": {
        "time_zone": "Europe/London",
        "hours": {"monday": ["09:00-12:30", "13:30-17:00"], "saturday": ["10:00-14:00"]},
        "closed_on": ["2026-12-25"]
      },
      "closed": {"announcement": "We are closed. Goodbye.", "language": "en-GB"},
      "lines": {"447700900002": {"greeting": "Good day."}},
      "dialing": "off"
    }

Every part is optional, except that ``opening`` needs ``closed``: what callers hear outside the
opening hours, or the ``flow`` that answers. Without ``opening``, ``closed`` applies at all hours.
``lines`` has the business lines, which `voicekit.lines` parses when a flow uses one. ``dialing``
may be spelled ``dialling``, and is stored as that, since versions of a function that know only this
spelling must read it too.
"""

from __future__ import annotations

import itertools
import json
import re

from voicekit import ncco
from voicekit.aws_client import AwsError
from voicekit.e164 import is_number
from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import tzinfo
    from typing import Any

    from voicekit.aws_client import AwsClient

    Problems = list[tuple[str, str]]

FRESH_SECONDS = 30.0
"""How long a document is used before it is read again."""

MAX_CHARACTERS = 60_000
"""The maximum length of a document; a business line takes about eight hundred characters."""

MAX_BYTES = 65_536
"""The maximum size of a secret (AWS Secrets Manager quotas)."""

_MOST_PROBLEMS = 100  # that an error lists; it goes into a response and a log line
_MOST_OF_PATH = 200  # characters

READ_SECONDS = 0.5
"""The time limit for reading the document, since a caller waits."""

LINE_FLOW = "reception"
"""The flow that answers the numbers in ``lines``."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = r"(?a)([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)"
_SPELLINGS = ("dialing", "dialling")
# Anything but "on" about dialing, in a text that may not be JSON.
_NOT_ON = re.compile(
    r"""["'“”]\s*(?i:diall?ing)\s*["'“”](?!\s*[:=]?\s*"on")"""
    r"""|(?i:diall?ing)(?:\s*["'“”])?\s*[:=](?!\s*"on")"""
)
_PARTS = ("numbers", "opening", "closed", "lines", *_SPELLINGS)


class SwitchboardError(ValueError):
    """The document is not a valid switchboard.

    Attributes
    ----------
    problems
        Path and description of each problem, of the first hundred if there are more, and then how
        many more; the path is empty for the document as a whole.
    dialing_off
        Whether the document says anything but ``on`` about outbound dialing, which turns it off.
    """

    def __init__(self, problems: Problems, *, dialing_off: bool = False) -> None:
        more = len(problems) - _MOST_PROBLEMS
        if more > 0:
            problems = [*problems[:_MOST_PROBLEMS], ("", f"and {more} more problems")]
        super().__init__(
            "; ".join(f"{where}: {what}" if where else what for where, what in problems)
        )
        self.problems = problems
        self.dialing_off = dialing_off


class OpeningHours(NamedTuple):
    """Opening hours in the local time of a time zone.

    Attributes
    ----------
    zone
        The time zone.
    hours
        For each day from Monday, the open spans in minutes since midnight, without their end.
    closed_on
        Dates without opening hours, such as ``2026-12-25``.
    """

    zone: tzinfo
    hours: tuple[tuple[tuple[int, int], ...], ...]
    closed_on: frozenset[str]

    def is_open(self, now: float) -> bool:
        """Return whether it is open at a time, in seconds since 1970."""
        from datetime import datetime

        local = datetime.fromtimestamp(now, self.zone)
        if local.date().isoformat() in self.closed_on:
            return False
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.hours[local.weekday()])


class Switchboard(NamedTuple):
    """A parsed document; an empty one changes nothing.

    Attributes
    ----------
    numbers
        The flow of each number; for other numbers, the stack's settings decide.
    closes
        Whether it is closed at some times.
    opening
        The opening hours; None if it is closed at all hours.
    announcement
        The NCCO for callers when it is closed; None if a flow answers.
    closed_flow
        The flow that answers when it is closed; None if there is an announcement.
    dialing
        Whether outbound dialing is on.
    lines
        The part of the document for each number with a business line, for `voicekit.lines`.
    """

    numbers: Mapping[str, str] = {}
    closes: bool = False
    opening: OpeningHours | None = None
    announcement: list[dict[str, Any]] | None = None
    closed_flow: str | None = None
    dialing: bool = True
    lines: Mapping[str, dict[str, Any]] = {}

    def is_closed(self, now: float, number: str | None = None) -> bool:
        """Return whether it is closed at a time, in seconds since 1970.

        A called number whose business line has opening hours of its own is never closed here.
        """
        if number not in self.numbers and "opening" in self.lines.get(number or "", {}):
            return False
        return self.closes and not (self.opening and self.opening.is_open(now))

    def flow_of(self, number: str) -> str | None:
        """Return the flow of a called number, or None if the stack's settings decide."""
        return self.numbers.get(number) or (LINE_FLOW if number in self.lines else None)


def parse(
    text: str,
    flows: Collection[str],
    check_line: Callable[[str, dict[str, Any]], Problems] | None = None,
) -> Switchboard:
    """Parse and validate a document.

    Parameters
    ----------
    text
        JSON, of at most 60,000 characters and 65,536 bytes.
    flows
        The names of the deployed flows.
    check_line
        Returns the problems of the business line of a number. Without it, lines are not validated:
        `voicekit.lines` does that for the line that a flow uses.

    Raises
    ------
    SwitchboardError
        If it is invalid; it lists all problems.
    """
    try:
        return _Parser(flows, check_line).parse(_load(text))
    except SwitchboardError as error:
        error.dialing_off |= _NOT_ON.search(text) is not None
        raise


def _load(text: str) -> object:
    if len(text) > MAX_CHARACTERS:
        raise SwitchboardError([("", f"longer than {MAX_CHARACTERS} characters")])
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise SwitchboardError([("", f"larger than {MAX_BYTES} bytes in UTF-8")])
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SwitchboardError([("", f"not valid JSON: {error.msg} ({where})")]) from None
    except _DuplicateKey as error:
        raise SwitchboardError([("", str(error))]) from None
    except (ValueError, RecursionError):
        problem = "not valid JSON: nested too deep, or a number is too long"
        raise SwitchboardError([("", problem)]) from None


def stored_form(
    text: str,
    flows: Collection[str],
    check_line: Callable[[str, dict[str, Any]], Problems] | None = None,
) -> str:
    """Validate a document, and return the text to store; the parameters are those of `parse`.

    Raises
    ------
    SwitchboardError
        If it is invalid.
    """
    parse(text, flows, check_line)
    document = json.loads(text)
    if "dialing" not in document:
        return text
    text = json.dumps(stored_spelling(document))
    parse(text, flows)  # ASCII escapes may make it too long
    return text


def stored_spelling(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with ``dialing`` spelled ``dialling``, as it is stored.

    A document with both spellings stays invalid, and is returned unchanged.
    """
    if all(name in document for name in _SPELLINGS):
        return dict(document)
    return {"dialling" if name == "dialing" else name: it for name, it in document.items()}


class SwitchboardCache:
    """The switchboard of a running function, read at most every 30 seconds.

    If it cannot be read or is invalid, the last valid one applies. Before the first one, an empty
    switchboard applies, so that the stack's settings decide and calls are answered. An invalid
    document still turns dialing off if it says anything but ``on`` about it.

    Parameters
    ----------
    aws
        Client for Secrets Manager.
    secret_id
        The name or ARN of the secret.
    clock
        Seconds since 1970. Not the monotonic clock, which may stop while an environment is frozen.
    flows
        Returns the names of the deployed flows.

    Attributes
    ----------
    last_error
        Why the last attempt to read it failed, or None.
    """

    def __init__(
        self,
        aws: AwsClient,
        secret_id: str,
        clock: Callable[[], float],
        flows: Callable[[], Collection[str]],
    ) -> None:
        self._aws = aws
        self._secret_id = secret_id
        self._clock = clock
        self._flows = flows
        self._board = Switchboard()
        self._text: str | None = None
        self._tried_at: float | None = None
        self.last_error: str | None = None

    def get(self, within: float) -> Switchboard:
        """Return the switchboard.

        Parameters
        ----------
        within
            The time limit for reading it, in seconds.
        """
        now = self._clock()
        # A clock that was set back must not keep a document forever.
        if self._tried_at is None or not 0 <= now - self._tried_at < FRESH_SECONDS:
            self._tried_at = None  # until it is read: a flow's time limit can interrupt this
            self._read(within)
            self._tried_at = now
        return self._board

    def prefetch(self, within: float) -> Switchboard | None:
        """Read it before it is needed. If that fails, return None; `get` reads it again then."""
        current = self.get(within)
        if self.last_error is None:
            return current
        self._tried_at = None
        return None

    def _read(self, within: float) -> None:
        try:
            text = self._aws.get_secret_value(self._secret_id, within=within)
            if text != self._text or self.last_error is not None:
                self._board = parse(text, self._flows())
                self._text = text
            self.last_error = None
        except AwsError as error:
            self.last_error = str(error)
        except SwitchboardError as error:
            self.last_error = str(error)
            if error.dialing_off:
                self._board = self._board._replace(dialing=False)


class _DuplicateKey(ValueError):
    """An object has a key twice; the json module would use the last one."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKey(f"duplicate key: {next(n for n in names if names.count(n) > 1)}")
    return fields


class DocumentParser:
    """Parses parts of a document, and collects their problems.

    Attributes
    ----------
    problems
        Path and description of each problem so far.
    """

    def __init__(self) -> None:
        self.problems: Problems = []

    def wrong(self, where: str, what: str) -> None:
        """Add a problem: its path in the document, and what is wrong or allowed there."""
        self.problems.append((where[:_MOST_OF_PATH], what))

    def fields(self, where: str, value: object, known: Collection[str]) -> dict[str, Any] | None:
        """Return the known fields of an object, or None if the value is not an object."""
        if not isinstance(value, dict):
            self.wrong(where, "must be an object" if where else "not a JSON object")
            return None
        for name in value:
            if name not in known:
                self.wrong(
                    f"{where}.{name}".removeprefix("."),
                    f"unknown field; allowed fields: {', '.join(known)}",
                )
        return {name: value[name] for name in known if name in value}

    def opening(self, where: str, value: object) -> OpeningHours | None:
        """Parse opening hours; return None if they are invalid."""
        fields = self.fields(where, value, ("time_zone", "hours", "closed_on"))
        if fields is None:
            return None
        zone = self._zone(f"{where}.time_zone", fields.get("time_zone"))
        hours = self.fields(f"{where}.hours", fields.get("hours", {}), _DAYS)
        if hours is None:
            return None
        if not any(hours.values()):
            self.wrong(f"{where}.hours", "must have at least one day with opening hours")
        spans = tuple(self._spans(f"{where}.hours.{day}", hours.get(day, [])) for day in _DAYS)
        dates = self._dates(f"{where}.closed_on", fields.get("closed_on", []))
        return OpeningHours(zone, spans, dates) if zone else None

    def _zone(self, where: str, value: object) -> tzinfo | None:
        # Imported only for documents with opening hours, since a caller waits.
        from zoneinfo import ZoneInfo

        try:
            if not isinstance(value, str):
                raise ValueError
            return ZoneInfo(value)
        # KeyError: ZoneInfoNotFoundError is one. OSError: the name of a folder, such as "Europe".
        except (ValueError, KeyError, OSError):
            self.wrong(where, "must be a time zone of the IANA database, such as Europe/London")
            return None

    def _spans(self, where: str, value: object) -> tuple[tuple[int, int], ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.wrong(where, "must be an array of strings such as 09:00-17:30")
            return ()
        found = []
        for text in value:
            span = _span(text)
            if span is None:
                self.wrong(
                    where, f"{text!r} is not a span: expected a time, a dash, and a later time"
                )
            else:
                found.append(span)
        found.sort()
        if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(found)):
            self.wrong(where, "spans overlap")
        return tuple(found)

    def _dates(self, where: str, value: object) -> frozenset[str]:
        from datetime import date

        if not isinstance(value, list):
            self.wrong(where, "must be an array of dates such as 2026-12-25")
            return frozenset()
        for text in value:
            try:
                valid = date.fromisoformat(text).isoformat() == text
            except (ValueError, TypeError):
                valid = False
            if not valid:
                self.wrong(where, f"{text!r} is not a date: expected the form 2026-12-25")
        return frozenset(text for text in value if isinstance(text, str))


class _Parser(DocumentParser):
    """Parses a document part by part."""

    def __init__(
        self,
        flows: Collection[str],
        check_line: Callable[[str, dict[str, Any]], Problems] | None,
    ) -> None:
        super().__init__()
        self._flows = flows
        self._check_line = check_line

    def parse(self, document: object) -> Switchboard:
        parts = self.fields("", document, _PARTS)
        if parts is None:
            raise SwitchboardError(self.problems)
        dialing = {name: parts[name] for name in _SPELLINGS if name in parts}
        announcement, flow = self._closed(parts["closed"]) if "closed" in parts else (None, None)
        board = Switchboard(
            numbers=self._numbers(parts.get("numbers", {})),
            closes="closed" in parts,
            opening=self.opening("opening", parts["opening"]) if "opening" in parts else None,
            announcement=announcement,
            closed_flow=flow,
            dialing=self._dialing(dialing),
            lines=self._lines(parts.get("lines", {})),
        )
        if "opening" in parts and "closed" not in parts:
            self.wrong("closed", "missing; expected what callers hear outside the opening hours")
        if self.problems:
            off = any(state != "on" for state in dialing.values())
            raise SwitchboardError(self.problems, dialing_off=off)
        return board

    def _numbers(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            self.wrong("numbers", "must be an object with a flow for each number")
            return {}
        for number, flow in value.items():
            if not is_number(number):
                self.wrong(f"numbers.{number}", "not an E.164 number without the plus")
            self._check_flow(f"numbers.{number}", flow)
        return value

    def _lines(self, value: object) -> dict[str, dict[str, Any]]:
        if not isinstance(value, dict):
            self.wrong("lines", "must be an object with a business line for each number")
            return {}
        if value and LINE_FLOW not in self._flows:
            self.wrong("lines", f"need the call flow {LINE_FLOW}, which is not deployed")
        for number, line in value.items():
            if not is_number(number):
                self.wrong(f"lines.{number}", "not an E.164 number without the plus")
            if not isinstance(line, dict):
                self.wrong(f"lines.{number}", "must be an object")
            elif self._check_line:
                self.problems += self._check_line(number, line)
        return value

    def _check_flow(self, where: str, value: object) -> None:
        if not isinstance(value, str) or value not in self._flows:
            self.wrong(where, f"must be a call flow: one of {', '.join(sorted(self._flows))}")

    def _dialing(self, states: Mapping[str, object]) -> bool:
        if len(states) > 1:
            self.wrong("dialing", "also given as dialling; use one of the two")
        for name, state in states.items():
            if state not in ("on", "off"):
                self.wrong(name, "must be on or off")
        return all(state == "on" for state in states.values())

    def _closed(self, value: object) -> tuple[list[dict[str, Any]] | None, str | None]:
        fields = self.fields("closed", value, ("announcement", "language", "flow"))
        if fields is None:
            return None, None
        if "flow" in fields and len(fields) == 1:
            self._check_flow("closed.flow", fields["flow"])
            return None, fields["flow"]
        if "flow" in fields or "announcement" not in fields:
            self.wrong("closed", "must have either an announcement (and its language) or a flow")
            return None, None
        if not isinstance(fields["announcement"], str) or not fields["announcement"].strip():
            self.wrong("closed.announcement", "must be a string that is not empty")
            return None, None
        try:
            talk = ncco.talk(fields["announcement"], language=fields.get("language"))
        except ncco.NccoError as error:
            self.wrong("closed", str(error))
            return None, None
        return [talk], None


def _span(text: str) -> tuple[int, int] | None:
    parts = re.fullmatch(_SPAN, text)
    if parts is None:
        return None
    start = int(parts[1]) * 60 + int(parts[2])
    end = int(parts[3]) * 60 + int(parts[4]) if parts[3] else 24 * 60
    return (start, end) if start < end else None
