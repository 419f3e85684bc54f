"""The switchboard: what the owner changes without a deployment, and when callers meet the change.

It is one small JSON document in a secret of Secrets Manager, which holds no secret but is what a
function with a caller waiting can read with the calls that it has, and keeps the version before::

    {
      "numbers": {"447700900000": "voicemail"},
      "opening": {
        "time_zone": "Europe/London",
        "hours": {"monday": ["09:00-12:30", "13:30-17:00"], "saturday": ["10:00-14:00"]},
        "closed_on": ["2026-12-25"]
      },
      "closed": {"announcement": "We are closed. Goodbye.", "language": "en-GB"},
      "dialling": "off"
    }

Each part may be left out. ``closed`` says what callers hear (or which ``flow`` answers them), and
``opening`` when they do not; without ``opening`` it is closed until the part is taken out again.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from voicekit import ncco
from voicekit.aws_client import AwsError
from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import tzinfo

    from voicekit.aws_client import AwsClient

FRESH_SECONDS = 30.0
"""How long a document is used before it is read again."""

MAX_CHARACTERS = 16_384
"""Of a document; a number with its flow takes about thirty."""

READ_SECONDS = 0.5
"""That reading it may take: a caller waits."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = r"(?a)([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)"


class SwitchboardError(ValueError):
    """The document is no switchboard.

    Attributes
    ----------
    problems
        Where each fault is, and what it is; ``where`` is empty for the document as a whole.
    dialling_off
        Whether it says all the same that no telephone may be called.
    """

    def __init__(self, problems: list[tuple[str, str]], *, dialling_off: bool = False) -> None:
        super().__init__(
            "; ".join(f"{where}: {what}" if where else what for where, what in problems)
        )
        self.problems = problems
        self.dialling_off = dialling_off


class OpeningHours(NamedTuple):
    """When calls are answered as usual, by the clocks of a time zone.

    Attributes
    ----------
    zone
        The time zone.
    hours
        For each day from Monday the spans in which it is open, in minutes since midnight; the end
        of a span is closed again.
    closed_on
        Dates on which it stays closed, such as ``2026-12-25``.
    """

    zone: tzinfo
    hours: tuple[tuple[tuple[int, int], ...], ...]
    closed_on: frozenset[str]

    def is_open(self, now: float) -> bool:
        """Say whether it is open at a time, in seconds since 1970."""
        from datetime import datetime

        local = datetime.fromtimestamp(now, self.zone)
        if local.date().isoformat() in self.closed_on:
            return False
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.hours[local.weekday()])


class Switchboard(NamedTuple):
    """What the document says; an empty one changes nothing.

    Attributes
    ----------
    numbers
        Which flow answers which number; the others are answered as the stack's settings say.
    closes
        Whether there are times at which it is closed.
    opening
        When it is open; None where it is closed all the time.
    announcement
        The NCCO that callers hear when it is closed; None where a flow answers them.
    closed_flow
        The flow that answers when it is closed, None where there is an announcement.
    dialling
        Whether telephones may be called.
    """

    numbers: Mapping[str, str] = {}
    closes: bool = False
    opening: OpeningHours | None = None
    announcement: list[dict[str, Any]] | None = None
    closed_flow: str | None = None
    dialling: bool = True

    def is_closed(self, now: float) -> bool:
        """Say whether it is closed at a time, in seconds since 1970."""
        return self.closes and not (self.opening and self.opening.is_open(now))


def parse(text: str, flows: Collection[str]) -> Switchboard:
    """Read a document.

    Parameters
    ----------
    text
        JSON, of at most 16,384 characters.
    flows
        The names of the flows that there are.

    Raises
    ------
    SwitchboardError
        If it is no switchboard; it names every fault at once.
    """
    if len(text) > MAX_CHARACTERS:
        raise SwitchboardError([("", f"it has more than {MAX_CHARACTERS} characters")])
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SwitchboardError([("", f"it is no JSON: {error.msg} ({where})")]) from None
    except _DuplicateKey as error:
        raise SwitchboardError([("", str(error))]) from None
    except (ValueError, RecursionError):
        text = "it is nested too deep, or has a number that is too long"
        raise SwitchboardError([("", text)]) from None
    return _Reader(flows).read(document)


class SwitchboardCache:
    """Keeps the switchboard of a running function, and reads it at most every 30 seconds.

    Where it cannot be read, or is broken, the one that was read last still holds; where there was
    none, the empty one, which leaves everything to the stack's settings: callers are served. But
    that dialling is off is believed of a broken one, too: a flow that was deployed away must not
    switch it on.

    Parameters
    ----------
    aws
        How to reach Secrets Manager.
    secret_id
        The name or ARN of the secret.
    clock
        Seconds since 1970. Not the monotonic clock: that may stand while an environment is frozen.
    flows
        Gives the names of the flows that there are.

    Attributes
    ----------
    trouble
        Why the last attempt to read it failed; None where it did not.
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
        """Give the switchboard.

        Parameters
        ----------
        within
            Seconds that reading it may take.
        """
        now = self._clock()
        # A clock that was put back must not keep a document for ever.
        if self._tried_at is None or not 0 <= now - self._tried_at < FRESH_SECONDS:
            self._tried_at = now
            self._read(within)
        return self._board

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
            if error.dialling_off:
                self._board = self._board._replace(dialling=False)


class _DuplicateKey(ValueError):
    """A name stands twice in an object; JSON would let the last one win."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKey(f"{next(n for n in names if names.count(n) > 1)} stands in it twice")
    return made


class _Reader:
    """Reads a document part by part, and gathers what is wrong with it."""

    def __init__(self, flows: Collection[str]) -> None:
        self._flows = flows
        self._problems: list[tuple[str, str]] = []

    def read(self, document: object) -> Switchboard:
        parts = self._fields("", document, ("numbers", "opening", "closed", "dialling"))
        if parts is None:
            raise SwitchboardError(self._problems)
        announcement, flow = self._closed(parts["closed"]) if "closed" in parts else (None, None)
        board = Switchboard(
            numbers=self._numbers(parts.get("numbers", {})),
            closes="closed" in parts,
            opening=self._opening(parts["opening"]) if "opening" in parts else None,
            announcement=announcement,
            closed_flow=flow,
            dialling=self._dialling(parts.get("dialling", "on")),
        )
        if "opening" in parts and "closed" not in parts:
            self._wrong("closed", "is missing: it says what callers hear out of hours")
        if self._problems:
            raise SwitchboardError(self._problems, dialling_off=parts.get("dialling") == "off")
        return board

    def _wrong(self, where: str, what: str) -> None:
        self._problems.append((where, what))

    def _fields(self, where: str, value: object, known: Collection[str]) -> dict[str, Any] | None:
        """Give the fields of an object without those that are not known; None if it is none."""
        if not isinstance(value, dict):
            self._wrong(where, "must be an object" if where else "it is no JSON object")
            return None
        for name in value:
            if name not in known:
                self._wrong(
                    f"{where}.{name}".removeprefix("."), f"is not one of {', '.join(known)}"
                )
        return {name: value[name] for name in known if name in value}

    def _numbers(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            self._wrong("numbers", "must be an object of numbers and flows")
            return {}
        for number, flow in value.items():
            if not is_number(number):
                self._wrong(f"numbers.{number}", "is no E.164 number without the plus")
            self._is_flow(f"numbers.{number}", flow)
        return value

    def _is_flow(self, where: str, value: object) -> None:
        if not isinstance(value, str) or value not in self._flows:
            self._wrong(where, f"must be a call flow: one of {', '.join(sorted(self._flows))}")

    def _dialling(self, value: object) -> bool:
        if value not in ("on", "off"):
            self._wrong("dialling", "must be on or off")
        return value == "on"

    def _closed(self, value: object) -> tuple[list[dict[str, Any]] | None, str | None]:
        fields = self._fields("closed", value, ("announcement", "language", "flow"))
        if fields is None:
            return None, None
        if "flow" in fields and len(fields) == 1:
            self._is_flow("closed.flow", fields["flow"])
            return None, fields["flow"]
        if "flow" in fields or "announcement" not in fields:
            self._wrong("closed", "has either an announcement (with its language) or a flow")
            return None, None
        if not isinstance(fields["announcement"], str) or not fields["announcement"].strip():
            self._wrong("closed.announcement", "must be a text")
            return None, None
        try:
            talk = ncco.talk(fields["announcement"], language=fields.get("language"))
        except ncco.NccoError as error:
            self._wrong("closed", str(error))
            return None, None
        return [talk], None

    def _opening(self, value: object) -> OpeningHours | None:
        fields = self._fields("opening", value, ("time_zone", "hours", "closed_on"))
        if fields is None:
            return None
        zone = self._zone(fields.get("time_zone"))
        hours = self._fields("opening.hours", fields.get("hours", {}), _DAYS)
        if hours is None:
            return None
        if not any(hours.values()):
            self._wrong("opening.hours", "names no day on which it is open")
        spans = tuple(self._spans(f"opening.hours.{day}", hours.get(day, [])) for day in _DAYS)
        dates = self._dates(fields.get("closed_on", []))
        return OpeningHours(zone, spans, dates) if zone else None

    def _zone(self, value: object) -> tzinfo | None:
        # Loaded for documents that need it alone: a caller waits.
        from zoneinfo import ZoneInfo

        try:
            if not isinstance(value, str):
                raise ValueError
            return ZoneInfo(value)
        # KeyError: ZoneInfoNotFoundError is one. OSError: the name of a folder, such as "Europe".
        except (ValueError, KeyError, OSError):
            self._wrong(
                "opening.time_zone", "must be a time zone that is known here, such as Europe/London"
            )
            return None

    def _spans(self, where: str, value: object) -> tuple[tuple[int, int], ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self._wrong(where, 'must be an array of texts such as "09:00-17:30"')
            return ()
        found = []
        for text in value:
            span = _span(text)
            if span is None:
                self._wrong(where, f"{text!r} must be a time, a dash and a later time of that day")
            else:
                found.append(span)
        found.sort()
        if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(found)):
            self._wrong(where, "has times that overlap")
        return tuple(found)

    def _dates(self, value: object) -> frozenset[str]:
        from datetime import date

        if not isinstance(value, list):
            self._wrong("opening.closed_on", "must be an array of dates such as 2026-12-25")
            return frozenset()
        for text in value:
            try:
                right = date.fromisoformat(text).isoformat() == text
            except (ValueError, TypeError):
                right = False
            if not right:
                self._wrong("opening.closed_on", f"{text!r} is no date such as 2026-12-25")
        return frozenset(text for text in value if isinstance(text, str))


def _span(text: str) -> tuple[int, int] | None:
    parts = re.fullmatch(_SPAN, text)
    if parts is None:
        return None
    start = int(parts[1]) * 60 + int(parts[2])
    end = int(parts[3]) * 60 + int(parts[4]) if parts[3] else 24 * 60
    return (start, end) if start < end else None
