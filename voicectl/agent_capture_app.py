"""The application behind `capture --agent`: one call through six WebSocket connections.

Each NCCO connects one of them, and then notifies this application. The response is the NCCO of the
next one, so a connection that fails or ends does not end the call. The findings depend only on the
webhooks and on what happened on the connections.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from voicectl.capture_app import Observation, RecordingApp, webhook_fields
from voicectl.output import counted
from voicectl.webhook_listener import ListenerResponse
from voicectl.websocket_server import BINARY, CLOSE, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicectl.webhook_listener import ReceivedRequest
    from voicectl.websocket_server import ServerSocket

STEPS = ("first", "token", "slow", "muted", "long", "last")
_FRAME = bytes(640)  # 20 ms at 16 kHz
_LISTEN = 3.0  # seconds on the first connection, less than Vonage waits for a notification
_SETTLE = 2.0  # seconds until a message of a wrong size has an effect
_HELD = 10.0  # seconds until the slow handshake is answered
_LAST = 60.0  # seconds for the caller to hang up
_LONG = 2100  # characters


@dataclass
class SocketRecord:
    """What happened on one connection; times are seconds since 1970."""

    authorization: str | None
    asked_at: float
    accepted_at: float | None = None
    texts: list[dict[str, Any]] = field(default_factory=list)
    frames: list[tuple[float, bool]] = field(default_factory=list)
    """The time of each frame, and whether it is silence."""
    muted_at: float | None = None
    code: int | None = None
    closed_at: float | None = None
    ended_by: str | None = None
    """What was sent before the other side ended the connection."""


class AgentCaptureApp(RecordingApp):
    """The application that a listener calls, for webhooks and for connections.

    Parameters
    ----------
    public_url
        The application's public address.
    now
        The clock, in seconds since 1970.
    mute
        Mutes or unmutes a leg: called with its UUID and the action, it returns whether that
        worked. None if it is impossible.
    """

    def __init__(
        self,
        public_url: str,
        now: Callable[[], float],
        mute: Callable[[str, str], bool] | None = None,
    ) -> None:
        super().__init__(public_url, now)
        self.sockets: dict[str, SocketRecord] = {}
        self.marks: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self._mute = mute
        self._key = secrets.token_urlsafe(16)
        self._closed = {step: threading.Event() for step in STEPS}

    # Webhooks

    def __call__(self, request: ReceivedRequest) -> ListenerResponse:
        """Store a webhook and return the response."""
        at, fields = self._now(), webhook_fields(request)
        name = request.path.rpartition("/")[2]
        step = parse_qs(request.query).get("step", [""])[0]
        response = self._response(name, step, at)
        shown = {**fields, "step": step} if step else fields
        self._store(at, name, shown, request, response.status)
        if fields.get("status") == "completed" and fields.get("direction") == "inbound":
            self.over.set()
        return response

    def _response(self, name: str, step: str, at: float) -> ListenerResponse:
        if name in ("answer", "fallback"):
            return self._ncco(STEPS[0])
        if name != "notification" or step not in STEPS:
            return ListenerResponse(204)
        self.marks.setdefault(step, at)
        if step == STEPS[0]:
            self._closed[step].wait(_LISTEN + 1)
        following = STEPS[STEPS.index(step) + 1 :]
        return self._ncco(following[0]) if following else ListenerResponse(204)

    def _ncco(self, step: str) -> ListenerResponse:
        self.begun.setdefault(step, self._now())
        prompt = "Please hang up now." if step == "last" else "Please stay on the line."
        connect: dict[str, Any] = {
            "action": "connect",
            "endpoint": [self._endpoint(step)],
            "eventUrl": [f"{self._public_url}/webhooks/event?step={step}"],
        }
        if step != STEPS[0]:
            connect["eventType"] = "synchronous"
        mark = {
            "action": "notify",
            "payload": {"step": step},
            "eventUrl": [f"{self._public_url}/webhooks/notification?step={step}"],
        }
        actions = [{"action": "talk", "text": prompt}, connect, mark]
        return ListenerResponse(200, json.dumps(actions).encode())

    def _endpoint(self, step: str) -> dict[str, Any]:
        uri = f"ws{self._public_url.removeprefix('http')}/sockets/{self._key}/{step}"
        if step == "long":
            uri += f"?{'x' * (_LONG - len(uri) - 1)}"
        endpoint = {"type": "websocket", "uri": uri, "content-type": "audio/l16;rate=16000"}
        return endpoint | ({"authorization": {"type": "vonage"}} if step == "token" else {})

    # Connections

    def accepts(self, path: str) -> bool:
        """Return whether a connection to this path belongs to the call."""
        return path in [f"/sockets/{self._key}/{step}" for step in STEPS]

    def connect(self, path: str, headers: Mapping[str, str], socket: ServerSocket) -> None:
        """Run the step of a connection until it ends."""
        step = path.rpartition("/")[2]
        record = SocketRecord(headers.get("Authorization"), self._now())
        with self._lock:
            if step in self.sockets:
                return
            self.sockets[step] = record
        try:
            if step == "slow":
                self.over.wait(_HELD)
            socket.accept()
            record.accepted_at = self._now()
            getattr(self, f"_run_{step}", self._run_long)(socket, record)
            if record.code is None:
                socket.send(CLOSE, (1000).to_bytes(2, "big"))
                self._listen(socket, record, 1.0)
        except OSError:
            record.code = record.code or 1006
        finally:
            record.closed_at = self._now()
            self._closed[step].set()

    def _run_first(self, socket: ServerSocket, record: SocketRecord) -> None:
        for _ in range(100):
            socket.send(BINARY, _FRAME)
        socket.send(TEXT, b'{"action": "notify", "payload": {"mark": 1}}')
        socket.send(TEXT, b'{"action": "clear"}')
        self._listen(socket, record, _LISTEN)

    def _run_token(self, socket: ServerSocket, record: SocketRecord) -> None:
        self._listen(socket, record, 0.5)
        for size in (2 * len(_FRAME), 300):
            if record.code is None:
                record.ended_by = f"a message of {size} bytes"
                socket.send(BINARY, bytes(size))
                self._listen(socket, record, _SETTLE)
        if record.code is None:
            record.ended_by = None

    def _run_muted(self, socket: ServerSocket, record: SocketRecord) -> None:
        self._listen(socket, record, 1.0)
        leg = self._caller()
        if self._mute is None or leg is None or not self._mute(leg, "mute"):
            return
        record.muted_at = self._now()
        self._listen(socket, record, _SETTLE)
        self._mute(leg, "unmute")

    def _run_long(self, socket: ServerSocket, record: SocketRecord) -> None:
        self._listen(socket, record, 0.5)

    def _run_last(self, socket: ServerSocket, record: SocketRecord) -> None:
        self._listen(socket, record, _LAST)

    def _listen(self, socket: ServerSocket, record: SocketRecord, seconds: float) -> None:
        """Record what arrives for some seconds, or until the connection ends."""
        end = self._now() + seconds
        while record.code is None and (left := end - self._now()) > 0:
            message = socket.receive(left)
            if message is None:
                return
            if message.kind == CLOSE:
                record.code = message.code
            elif message.kind == BINARY:
                record.frames.append((self._now(), not any(message.data)))
            else:
                record.texts.append(_object(message.data))

    def _caller(self) -> str | None:
        with self._lock:
            answers = [one.fields for one in self.received if one.name in ("answer", "fallback")]
        uuid = answers[0].get("uuid") if answers else None
        return uuid if isinstance(uuid, str) else None


def findings(app: AgentCaptureApp) -> list[Observation]:
    """Return what the webhooks and the connections of one call reveal, in the order of worth."""
    token, last = app.sockets.get("token"), app.sockets.get("last")
    asked = {
        "the action after a connect to a WebSocket that is not synchronous": _next_action(app),
        "the header of a handshake without authorization": _header(app.sockets.get("first")),
        "messages of 1280 and 300 bytes": _wrong_sizes(token),
        "the close code when the caller hangs up": last.code if last else None,
        f"a URL of {_LONG} characters": _outcome(app, "long"),
        f"a handshake that is answered after {_HELD:.0f} seconds": _outcome(app, "slow"),
        "the price of a WebSocket leg": _price(app),
        "notify after clear": _notify(app.sockets.get("first")),
        "frames while the caller is muted": _muted(app.sockets.get("muted")),
        "the payload_hash of a handshake's token": _payload_hash(token),
    }
    return [Observation(question, None, value) for question, value in asked.items()]


def _next_action(app: AgentCaptureApp) -> str | None:
    first, mark = app.sockets.get("first"), app.marks.get("first")
    if first is None or first.accepted_at is None or first.closed_at is None or mark is None:
        return None
    return "runs at once" if mark < first.closed_at - 0.5 else "waits until the connection ends"


def _header(record: SocketRecord | None) -> str | None:
    if record is None:
        return None
    return "none" if record.authorization is None else record.authorization.partition(" ")[0]


def _wrong_sizes(record: SocketRecord | None) -> str | None:
    if record is None or record.accepted_at is None:
        return None
    if record.ended_by is None:
        return "both are taken"
    return f"{record.ended_by} ends the connection, code {record.code}"


def _outcome(app: AgentCaptureApp, step: str) -> str | None:
    """Return how Vonage reported a step, with the seconds since the NCCO."""
    if step not in app.begun:
        return None
    found = [
        f"{one.fields['status']} after {one.at - app.begun[step]:.1f} s"
        for one in app.received
        if one.fields.get("step") == step and one.fields.get("status")
    ]
    failed = [str(one.fields["reason"]) for one in app.received if "reason" in one.fields]
    asked = "the handshake came" if step in app.sockets else "no handshake came"
    return "; ".join([asked, *found, *(failed if not found else [])])


def _price(app: AgentCaptureApp) -> str | None:
    prices = (
        one.fields.get("price")
        for one in app.received
        if one.fields.get("step") and one.fields.get("status") == "completed"
    )
    return next((str(price) for price in prices if price is not None), None)


def _notify(record: SocketRecord | None) -> str | None:
    events = [one.get("event") for one in record.texts] if record else []
    if "websocket:cleared" not in events:
        return None
    return "is reported" if "websocket:notify" in events else "is dropped"


def _muted(record: SocketRecord | None) -> str | None:
    if record is None or record.muted_at is None:
        return None
    frames = [silent for at, silent in record.frames if at > record.muted_at + 0.5]
    events = {str(one.get("event")) for one in record.texts[1:]}
    what = "silence" if all(frames) else "sound"
    return ", ".join(
        [f"{counted(len(frames), 'frame')} of {what}" if frames else "no frame", *sorted(events)]
    )


def _payload_hash(record: SocketRecord | None) -> str | None:
    if record is None or record.authorization is None:
        return None
    parts = record.authorization.partition(" ")[2].split(".")
    try:
        claims = _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError):
        return "the header is not a token"
    value = claims.get("payload_hash")
    known = {hashlib.sha256().hexdigest(): "that of an empty body", None: "absent"}
    return known.get(value, "another value")


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
