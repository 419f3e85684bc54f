"""The webhook application behind `capture`, and the findings from its call.

It responds to the answer webhook with 503, so that Vonage retries and then requests the fallback
URL. The fallback webhook returns an NCCO in which each action reveals a behavior. The findings
depend only on the received webhooks, which are stored in order of arrival.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from voicectl.webhook_listener import ListenerResponse, ReceivedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_READ = (
    "This is a measurement of how long it takes to say a sentence with exactly"
    " twenty words in it, and nothing else."
)
_WORDS = len(_READ.split())
_NUMBER = re.compile(r"(?<![\w.-])\+?[1-9][0-9]{6,14}(?![\w.-])")
_PRIVATE = (
    *("custom_data", "payload", "region_url", "recording_url", "from_user", "to_user"),
    *("digits", "text"),  # in the objects dtmf and speech
)
_MAX_WEBHOOKS = 200  # a call has about fifteen


class ReceivedWebhook(NamedTuple):
    """A webhook, with the times of request and response in seconds since 1970."""

    at: float
    answered_at: float
    name: str
    method: str
    fields: dict[str, Any]
    jti: str
    covers: str | None
    status: int


class Observation(NamedTuple):
    """A finding: ``setting`` is the simulator's field for it, or None.

    ``value`` is None if the call did not reveal it.
    """

    question: str
    setting: str | None
    value: Any


class RecordingApp:
    """An application that stores the webhooks that it receives.

    Parameters
    ----------
    public_url
        The application's public address.
    now
        The clock, in seconds since 1970.

    Attributes
    ----------
    received
        The webhooks so far.
    over
        Set when the call is over.
    """

    def __init__(self, public_url: str, now: Callable[[], float]) -> None:
        self.received: list[ReceivedWebhook] = []
        self.over = threading.Event()
        self._public_url = public_url
        self._now = now
        self._lock = threading.Lock()

    def _store(
        self, at: float, name: str, fields: dict[str, Any], request: ReceivedRequest, status: int
    ) -> None:
        """Store a webhook that was received at a time, and is now answered."""
        answered = self._now()
        with self._lock:
            if len(self.received) < _MAX_WEBHOOKS:
                signed = (request.jti, request.covers)
                self.received.append(
                    ReceivedWebhook(at, answered, name, request.method, fields, *signed, status)
                )


class CaptureApp(RecordingApp):
    """The application that a listener calls."""

    def __call__(self, request: ReceivedRequest) -> ListenerResponse:
        """Store a webhook and return the response."""
        at = self._now()
        fields = webhook_fields(request)
        name = request.path.rpartition("/")[2]
        response = self._response(name, fields)
        self._store(at, name, fields, request, response.status)
        if self._is_over():
            self.over.set()
        return response

    def _response(self, name: str, fields: dict[str, Any]) -> ListenerResponse:
        if name == "answer":
            return ListenerResponse(503)  # Vonage retries on 503
        if name == "fallback":
            return ListenerResponse(200, json.dumps(self._ncco()).encode())
        if name == "event" and fields.get("status") == "started":
            return ListenerResponse(503)
        return ListenerResponse(204)

    def _is_over(self) -> bool:
        with self._lock:
            received = list(self.received)
        return any(one.fields.get("status") == "completed" for one in received) and any(
            one.name == "recordings" for one in received
        )

    def _ncco(self) -> list[dict[str, Any]]:
        def url(name: str) -> list[str]:
            return [f"{self._public_url}/webhooks/{name}"]

        def mark(part: str) -> dict[str, Any]:
            return {
                "action": "notify",
                "payload": {"part": part},
                "eventUrl": url("notification"),
                "eventMethod": "POST",
            }

        return [
            {"action": "talk", "text": "Thank you."},
            mark("before"),
            {"action": "talk", "text": _READ},
            mark("after"),
            {"action": "talk", "text": "Please press one key."},
            {
                "action": "input",
                "type": ["dtmf"],
                "dtmf": {"timeOut": 10, "maxDigits": 1},
                "eventUrl": url("dtmf"),
                "eventMethod": "GET",
            },
            {"action": "talk", "text": "Please say a few words after the tone, then press hash."},
            {
                "action": "record",
                "endOnKey": "#",
                "timeOut": 20,
                "beepStart": True,
                "eventUrl": url("recordings"),
            },
            mark("recorded"),
            {"action": "talk", "text": "That is all. Goodbye."},
        ]


def findings(received: Sequence[ReceivedWebhook]) -> list[Observation]:
    """Return what the webhooks of one call reveal."""
    answers = _named(received, "answer")
    started = [one for one in received if one.fields.get("status") == "started"]
    pauses = [after.at - before.answered_at for before, after in itertools.pairwise(answers)]
    retried = len(answers) > 1
    covers = _covered(received)
    return [
        Observation(
            "attempts at an answer URL that returns 503",
            "webhook_attempts",
            len(answers) if _named(received, "fallback") else None,
        ),
        Observation(
            "seconds between two attempts",
            "webhook_retry_pause",
            round(sorted(pauses)[len(pauses) // 2], 2) if pauses else None,
        ),
        Observation(
            "a retry has the jti of the first attempt",
            "retry_keeps_jti",
            len({one.jti for one in answers}) == 1 if retried else None,
        ),
        Observation("the hash of a GET request covers its parameters as", None, covers),
        Observation(
            "the hash of a GET request covers nested values decoded",
            "get_hash_decodes_nested",
            {"nested": True, "texts": False}.get(str(covers)),
        ),
        Observation("speech in an input of DTMF only", "dtmf_only_speech", _speech(received)),
        Observation("seconds from started to ringing", "ringing_after", _ringing_after(received)),
        Observation("words spoken per minute", "words_per_minute", _pace(received)),
        Observation(
            "seconds from the end of a recording to its event",
            "record_event_delay",
            _delay(received),
        ),
        Observation("euros per minute", "inbound_rate", _completed(received, "rate")),
        Observation("the caller's network", "inbound_network", _completed(received, "network")),
        Observation("attempts at an event URL that returns 503", None, len(started) or None),
        Observation("order of the events", None, _order(received)),
    ]


def redacted(received: Sequence[ReceivedWebhook]) -> list[dict[str, Any]]:
    """Return the webhooks without phone numbers, URLs, digits and speech."""
    first = received[0].at if received else 0.0
    return [
        {
            "seconds": round(one.at - first, 3),
            "name": one.name,
            "method": one.method,
            "answered": one.status,
            "hash_covers": one.covers,
            "fields": {name: _redacted(name, value) for name, value in one.fields.items()},
        }
        for one in received
    ]


def _redacted(name: str, value: Any) -> Any:
    if name in _PRIVATE or name.startswith("SipHeader_"):
        return "…"
    if isinstance(value, dict):
        return {key: _redacted(key, one) for key, one in value.items()}
    if name in ("dtmf", "speech"):
        return "…"
    if isinstance(value, list):
        return [_redacted(name, one) for one in value]
    if isinstance(value, str):
        if "://" in value:
            return "…"
        return _NUMBER.sub(lambda found: found[0][:2] + "…" + found[0][-2:], value)
    return value


def webhook_fields(request: ReceivedRequest) -> dict[str, Any]:
    """Return the fields of a webhook; empty if its body is not a JSON object."""
    if request.method == "GET":
        return {name: _decoded(value) for name, value in parse_qsl(request.query)}
    try:
        fields = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _decoded(value: str) -> Any:
    try:
        return json.loads(value) if value[:1] == "{" else value
    except (ValueError, RecursionError):
        return value


def _named(received: Sequence[ReceivedWebhook], name: str) -> list[ReceivedWebhook]:
    return [one for one in received if one.name == name]


def _covered(received: Sequence[ReceivedWebhook]) -> str | None:
    """Return what the hash covers in GET requests with nested values."""
    forms = {
        one.covers or "neither"
        for one in received
        if one.method == "GET" and any(isinstance(value, dict) for value in one.fields.values())
    }
    return forms.pop() if len(forms) == 1 else ", ".join(sorted(forms)) or None


def _speech(received: Sequence[ReceivedWebhook]) -> str | None:
    fields = next((one.fields for one in _named(received, "dtmf") if "dtmf" in one.fields), None)
    if fields is None:
        return None
    speech = fields.get("speech")
    if not isinstance(speech, dict):
        return "absent"
    return "error" if "error" in speech else "results"


def _ringing_after(received: Sequence[ReceivedWebhook]) -> float | None:
    started, ringing = (_time_of(received, status) for status in ("started", "ringing"))
    if started is None or ringing is None:
        return None
    return round(max(0.0, ringing - started), 3)


def _time_of(received: Sequence[ReceivedWebhook], status: str) -> float | None:
    for one in received:
        if one.fields.get("status") == status:
            try:
                return datetime.fromisoformat(str(one.fields.get("timestamp"))).timestamp()
            except ValueError:
                return None
    return None


def _marks(received: Sequence[ReceivedWebhook]) -> dict[str, ReceivedWebhook]:
    found: dict[str, ReceivedWebhook] = {}
    for one in _named(received, "notification"):
        payload = one.fields.get("payload")
        if isinstance(payload, dict):
            found.setdefault(str(payload.get("part")), one)
    return found


def _pace(received: Sequence[ReceivedWebhook]) -> float | None:
    marks = _marks(received)
    if not {"before", "after"} <= set(marks):
        return None
    seconds = marks["after"].at - marks["before"].answered_at
    return round(_WORDS / seconds * 60, 1) if seconds > 0 else None


def _delay(received: Sequence[ReceivedWebhook]) -> list[float] | None:
    """Return the delay as a range, as the simulator expects; one call shows one value."""
    recorded, event = _marks(received).get("recorded"), _named(received, "recordings")
    if recorded is None or not event:
        return None
    seconds = round(max(0.0, event[0].at - recorded.at), 2)
    return [seconds, seconds]


def _completed(received: Sequence[ReceivedWebhook], name: str) -> str | None:
    completed = [one.fields for one in received if one.fields.get("status") == "completed"]
    value = completed[0].get(name) if completed else None
    return value if isinstance(value, str) and value else None


def _order(received: Sequence[ReceivedWebhook]) -> str | None:
    names = dict.fromkeys(
        str(one.fields.get("status") or one.name) for one in received if one.name != "answer"
    )
    return ", ".join(names) or None
