"""The application that `capture` puts in front of one real call, and what it learns from it.

It refuses the answer webhook, so that Vonage tries again and then asks the fallback URL; that one
answers with an NCCO in which each action shows something. What came is kept in the order in which
it came, and findings are drawn from that alone.
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
_NUMBER = re.compile(r"(?<![\w.:-])\+?[1-9][0-9]{6,14}(?![\w.:-])")
_PRIVATE = ("custom_data", "payload", "region_url", "recording_url")
_MOST = 200  # webhooks; a call has about fifteen


class ReceivedWebhook(NamedTuple):
    """A webhook: when it came and when it was answered, in seconds since 1970, and what it had."""

    at: float
    answered_at: float
    name: str
    method: str
    fields: dict[str, Any]
    jti: str
    covers: str | None
    status: int


class Observation(NamedTuple):
    """What the call showed; ``setting`` is the simulator's field that it answers, where it has one.

    ``value`` is None where the call did not show it.
    """

    question: str
    setting: str | None
    value: Any


class CaptureApp:
    """The application, as a listener asks it.

    Parameters
    ----------
    public_url
        Under which Vonage reaches it.
    now
        The clock, seconds since 1970.
    """

    def __init__(self, public_url: str, now: Callable[[], float]) -> None:
        self.came: list[ReceivedWebhook] = []
        self.over = threading.Event()
        self._public_url = public_url
        self._now = now
        self._lock = threading.Lock()

    def __call__(self, request: ReceivedRequest) -> ListenerResponse:
        """Answer a webhook."""
        at = self._now()
        fields = _fields(request)
        name = request.path.rpartition("/")[2]
        with self._lock:
            answer = self._answer(name, fields)
            if len(self.came) < _MOST:
                self.came.append(
                    ReceivedWebhook(
                        at,
                        self._now(),
                        name,
                        request.method,
                        fields,
                        request.jti,
                        request.covers,
                        answer.status,
                    )
                )
            if self._is_over():
                self.over.set()
        return answer

    def _answer(self, name: str, fields: dict[str, Any]) -> ListenerResponse:
        if name == "answer":
            return ListenerResponse(503)  # which Vonage tries again
        if name == "fallback":
            return ListenerResponse(200, json.dumps(self._ncco()).encode())
        if name == "event" and fields.get("status") == "started":
            return ListenerResponse(503)
        return ListenerResponse(204)

    def _is_over(self) -> bool:
        return any(one.fields.get("status") == "completed" for one in self.came) and any(
            one.name == "recordings" for one in self.came
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


def findings(came: Sequence[ReceivedWebhook]) -> list[Observation]:
    """Draw from the webhooks of one call what it shows."""
    answers = _named(came, "answer")
    started = [one for one in came if one.fields.get("status") == "started"]
    pauses = [after.at - before.answered_at for before, after in itertools.pairwise(answers)]
    retried = len(answers) > 1
    return [
        Observation(
            "attempts at an answer URL that says 503",
            "webhook_attempts",
            len(answers) if _named(came, "fallback") else None,
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
        Observation(
            "the hash of a GET request is of its parameters as texts, or decoded",
            None,
            _covered(came),
        ),
        Observation(
            "nested values are decoded in the hash of a GET request",
            "get_hash_decodes_nested",
            {"nested": True, "texts": False}.get(str(_covered(came))),
        ),
        Observation("speech in an input of keys alone", "dtmf_only_speech", _speech(came)),
        Observation("seconds from started to ringing", "ringing_after", _ringing_after(came)),
        Observation("words that are spoken in a minute", "words_per_minute", _pace(came)),
        Observation(
            "seconds from the end of a recording to its event", "record_event_delay", _delay(came)
        ),
        Observation("euros a minute", "inbound_rate", _completed(came, "rate")),
        Observation("the caller's network", "inbound_network", _completed(came, "network")),
        Observation("attempts at an event URL that says 503", None, len(started) or None),
        Observation("the order in which the events came", None, _order(came)),
    ]


def redacted(came: Sequence[ReceivedWebhook]) -> list[dict[str, Any]]:
    """Give the webhooks without numbers, addresses, and what was pressed or said."""
    first = came[0].at if came else 0.0
    return [
        {
            "seconds": round(one.at - first, 3),
            "name": one.name,
            "method": one.method,
            "answered": one.status,
            "hash_covers": one.covers,
            "fields": {name: _redacted(name, value) for name, value in one.fields.items()},
        }
        for one in came
    ]


def _redacted(name: str, value: Any) -> Any:
    if name in _PRIVATE or name.startswith("SipHeader_"):
        return "…"
    if isinstance(value, dict):
        return {key: "…" if key == "digits" else _redacted(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_redacted(name, one) for one in value]
    if isinstance(value, str):
        if "://" in value:
            return "…"
        return _NUMBER.sub(lambda found: found[0][:2] + "…" + found[0][-2:], value)
    return value


def _fields(request: ReceivedRequest) -> dict[str, Any]:
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


def _named(came: Sequence[ReceivedWebhook], name: str) -> list[ReceivedWebhook]:
    return [one for one in came if one.name == name]


def _covered(came: Sequence[ReceivedWebhook]) -> str | None:
    """Say what the hash covers, by a GET request that has something nested."""
    told = {
        one.covers or "neither"
        for one in came
        if one.method == "GET" and any(isinstance(value, dict) for value in one.fields.values())
    }
    return told.pop() if len(told) == 1 else ", ".join(sorted(told)) or None


def _speech(came: Sequence[ReceivedWebhook]) -> str | None:
    keys = next((one.fields for one in _named(came, "dtmf") if "dtmf" in one.fields), None)
    if keys is None:
        return None
    speech = keys.get("speech")
    if not isinstance(speech, dict):
        return "absent"
    return "error" if "error" in speech else "results"


def _ringing_after(came: Sequence[ReceivedWebhook]) -> float | None:
    moments = [_moment(came, status) for status in ("started", "ringing")]
    if moments[0] is None or moments[1] is None:
        return None
    return round(max(0.0, moments[1] - moments[0]), 3)


def _moment(came: Sequence[ReceivedWebhook], status: str) -> float | None:
    for one in came:
        if one.fields.get("status") == status:
            try:
                return datetime.fromisoformat(str(one.fields.get("timestamp"))).timestamp()
            except ValueError:
                return None
    return None


def _marks(came: Sequence[ReceivedWebhook]) -> dict[str, ReceivedWebhook]:
    found: dict[str, ReceivedWebhook] = {}
    for one in _named(came, "notification"):
        payload = one.fields.get("payload")
        if isinstance(payload, dict):
            found.setdefault(str(payload.get("part")), one)
    return found


def _pace(came: Sequence[ReceivedWebhook]) -> float | None:
    marks = _marks(came)
    if not {"before", "after"} <= set(marks):
        return None
    seconds = marks["after"].at - marks["before"].answered_at
    return round(_WORDS / seconds * 60, 1) if seconds > 0 else None


def _delay(came: Sequence[ReceivedWebhook]) -> list[float] | None:
    """Give the delay as a span, which the simulator draws from; one call shows one value."""
    recorded, event = _marks(came).get("recorded"), _named(came, "recordings")
    if recorded is None or not event:
        return None
    seconds = round(max(0.0, event[0].at - recorded.at), 2)
    return [seconds, seconds]


def _completed(came: Sequence[ReceivedWebhook], name: str) -> str | None:
    completed = [one.fields for one in came if one.fields.get("status") == "completed"]
    value = completed[0].get(name) if completed else None
    return value if isinstance(value, str) and value else None


def _order(came: Sequence[ReceivedWebhook]) -> str | None:
    seen = dict.fromkeys(
        str(one.fields.get("status") or one.name) for one in came if one.name != "answer"
    )
    return ", ".join(seen) or None
