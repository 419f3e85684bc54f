"""A call under test: actions of its party, and assertions about what was heard and stored."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from local.explore.flow_errors import flow_error
from local.testing.agent import is_file, measures_of
from local.testing.platform_thread import NoProgress
from vonage_simulator.leg_lifecycle import SECONDS_BEFORE_SPEAKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.testing.agent import AgentMeasures
    from local.testing.platform_thread import PlatformThread
    from vonage_simulator.legs import Leg, Sound

_PATIENCE = 600.0  # simulated seconds to wait for any change on a call
_FETCH_LIMIT = 30.0  # real seconds to wait for a recording in the bucket
# Actions during which it is the caller's turn.
_TURNS = ("input", "record", "conversation", "transfer")


class StoredEvent(NamedTuple):
    """An event in the table: its kind, and the fields that Vonage sent."""

    kind: str
    fields: dict[str, Any]


class Recording(NamedTuple):
    """A recording in the bucket; ``seconds`` is its length."""

    uuid: str
    seconds: float
    channels: int
    content_type: str
    content: bytes


# In every method that may fail a test, __tracebackhide__ makes pytest show the test's own line.


class PhoneCall:
    """A leg of a call under test: the caller's, or that of a callee.

    Every action returns the call, so you can chain actions. It advances simulated time until it is
    this party's turn again or the call is over. It is a party's turn while the flow waits for
    input, records, or has connected the legs.

    Examples
    --------
    >>> call = phone.call("dtmf_menu")            # doctest: +SKIP
    >>> call.press("1")                           # doctest: +SKIP
    >>> assert call.heard("nine to five")         # doctest: +SKIP
    """

    def __init__(self, thread: PlatformThread, leg: Leg) -> None:
        self._thread = thread
        self._leg = leg

    # Actions

    def press(self, keys: str) -> PhoneCall:
        """Press DTMF digits: ``0`` to ``9``, ``*``, ``#``; ``p`` is a pause of half a second."""
        __tracebackhide__ = True
        return self._act("digits", keys, {"digits": keys}, lambda: self._leg.pressing_until)

    def say(self, text: str, confidence: float | None = None) -> PhoneCall:
        """Speak a text. Speech recognition understands it word for word.

        Parameters
        ----------
        text
            The text.
        confidence
            The confidence of the recognition, from 0 to 1. With 0, nothing is recognized.
        """
        __tracebackhide__ = True
        options = {} if confidence is None else {"confidence": confidence}
        body = {"text": text, **options}
        return self._act("speech", text, body, lambda: self._leg.speaking_until)

    def speak(self, text_or_wav: str | Path) -> PhoneCall:
        """Speak a text, which is a tone, or a WAV file, which nothing recognizes.

        Parameters
        ----------
        text_or_wav
            The text; or the path of a WAV file with 16-bit samples, ending in ``.wav``.

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If it is not such a file.
        """
        __tracebackhide__ = True
        if not is_file(text_or_wav):
            return self.say(str(text_or_wav))
        content = Path(text_or_wav).read_bytes()
        return self._act("audio", str(text_or_wav), content, lambda: self._leg.speaking_until)

    def wait(self, seconds: float | None = None) -> PhoneCall:
        """Stay silent for simulated seconds, or until the current action ends.

        An input times out, and the silence ends a recording.
        """
        __tracebackhide__ = True
        self._require_open("wait")
        if seconds is None:
            self._wait_for_next_turn(self._actions())
        else:
            self._thread.run(self._thread.sleep(seconds))
            self._raise_apology()
        return self

    def hang_up(self) -> PhoneCall:
        """Hang up; a ringing callee declines."""
        __tracebackhide__ = True
        self._require_open("hang up")
        self._thread.run(self._thread.request("POST", f"/sim/calls/{self._leg.uuid}/hangup"))
        self._until(lambda: self._leg.is_over, "the call did not end")
        return self

    def end(self) -> None:
        """Hang up if the call is not over, and ignore failures of the flow."""
        if not self._leg.is_over:
            self._thread.run(self._thread.request("POST", f"/sim/calls/{self._leg.uuid}/hangup"))
            self._thread.run(self._thread.advance(lambda: self._leg.is_over, _PATIENCE))

    def answer(self) -> PhoneCall:
        """Answer a ringing callee's leg."""
        __tracebackhide__ = True
        self._require_open("answer")
        self._thread.run(self._thread.request("POST", f"/sim/calls/{self._leg.uuid}/answer"))
        self._until(lambda: self._leg.is_over or self._leg.joined, "the call was not connected")
        return self

    # Results

    def heard(self, *texts: str) -> bool:
        """Assert that these texts were heard in this order.

        SSML tags and differences in whitespace are ignored. Other sounds have the texts
        ``(beep)``, ``(ringing)`` and ``(stream)``.

        Raises
        ------
        AssertionError
            If one was not heard; the message contains the whole call.
        """
        __tracebackhide__ = True
        rest = " ".join(self.words)
        for text in texts:
            _, found, rest = rest.partition(" ".join(text.split()))
            if not found:
                after = " (after the previous texts)" if text != texts[0] else ""
                raise AssertionError(f"not heard{after}: {text!r}\n{self}")
        return True

    def not_heard(self, *texts: str) -> bool:
        """Assert that none of these texts was heard.

        Raises
        ------
        AssertionError
            If one was heard; the message contains the whole call.
        """
        __tracebackhide__ = True
        everything = " ".join(self.words)
        for text in texts:
            if " ".join(text.split()) in everything:
                raise AssertionError(f"heard: {text!r}\n{self}")
        return True

    @property
    def words(self) -> list[str]:
        """The texts of all sounds that were heard, in order."""
        return [_words(sound) for sound in self._leg.heard]

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._leg.is_over

    @property
    def status(self) -> str:
        """The leg's status: ``ringing``, ``answered``, ``completed``, ``busy``, …"""
        return self._leg.status

    @property
    def number(self) -> str:
        """The number of this party."""
        inbound = self._leg.direction == "inbound"
        return (self._leg.caller if inbound else self._leg.callee).address

    @property
    def other(self) -> PhoneCall:
        """The leg of the callee that the flow called last.

        Raises
        ------
        AssertionError
            If the flow called nobody.
        """
        __tracebackhide__ = True
        members = [leg for leg in self._leg.conversation.everyone if leg is not self._leg]
        callees = [leg for leg in members if leg.direction == "outbound"]
        if not callees:
            raise AssertionError(f"the flow called nobody\n{self}")
        return PhoneCall(self._thread, callees[-1])

    @property
    def agent(self) -> AgentMeasures:
        """What was measured of the voice agent that the flow connected last.

        Raises
        ------
        AssertionError
            If the flow connected no WebSocket.
        """
        __tracebackhide__ = True
        everyone = self._leg.conversation.everyone
        agents = [leg for leg in everyone if leg.websocket is not None]
        if not agents:
            raise AssertionError(f"the flow connected no WebSocket\n{self}")
        return measures_of(agents[-1], self._leg, self._thread.journal)

    @property
    def events(self) -> list[StoredEvent]:
        """The stored events of the conversation in chronological order.

        Events with the same timestamp are in the order in which Vonage sent them.
        """
        table = self._thread.platform.stack.outputs["TableName"]
        pages = self._thread.platform.moto.client("dynamodb").get_paginator("query")
        found = pages.paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": self._leg.conversation.uuid}},
        )
        items = [item for page in found for item in page["Items"]]
        items.sort(key=lambda item: (item["sk"]["S"].partition("#")[0], self._sent(item)))
        return [StoredEvent(item["kind"]["S"], json.loads(item["body"]["S"])) for item in items]

    @property
    def kept(self) -> list[StoredEvent]:
        """The old name of ``events``, an alias for one release."""
        return self.events

    @property
    def recordings(self) -> list[Recording]:
        """The finished recordings of this leg, from the bucket, in the order of their ends.

        Raises
        ------
        AssertionError
            If one is not in the bucket within 30 seconds.
        """
        __tracebackhide__ = True
        return [self._recording(uuid) for uuid in self.receive_record_events()]

    def receive_record_events(self) -> list[str]:
        """Advance time until the application has the events of each finished recording.

        Vonage sends them, and that of the transcript, some time after the end of the recording.

        Returns
        -------
        list of str
            The UUIDs of the recordings, in the order of their ends.
        """
        __tracebackhide__ = True
        uuids = [
            entry["recording_uuid"]
            for entry in self._own_entries("recording")
            if entry["state"] == "ended"
        ]
        transcripts = sum(
            one["action"] == "record" and "transcription" in one["details"]
            for one in self._own_entries("action")
            if one["state"] == "ended"
        )
        self._until(
            lambda: (
                self._webhooks("record") >= len(uuids)
                and self._webhooks("transcription") >= min(transcripts, len(uuids))
            ),
            "Vonage did not send an event for every recording and transcript",
        )
        return uuids

    def __str__(self) -> str:
        """Return the call as text, with a line for each event."""
        lines = [f"  {_clock(at - self._leg.created_at)}  {text}" for at, text in self._timeline()]
        head = f"the call of {self.number}, {self._leg.status}:"
        return "\n".join([head, *lines])

    __repr__ = __str__

    # Simulated time

    def _act(
        self, action: str, what: str, body: dict[str, Any] | bytes, until: Callable[[], float]
    ) -> PhoneCall:
        """Press or say something; `what` names it in an error."""
        __tracebackhide__ = True
        self._require_open("press digits" if action == "digits" else "speak")
        running = self._actions()
        path = f"/sim/calls/{self._leg.uuid}/{action}"
        try:
            self._thread.run(self._thread.request("POST", path, body))
        except ValueError as error:
            raise ValueError(f"{what!r}: {error}") from None
        # Exactly until then: to the next timer could be until a callee's phone stops ringing.
        remaining = until() - self._thread.platform.vonage.clock.now()
        self._thread.run(self._thread.sleep(max(0.0, remaining)))
        self._raise_apology()
        if self._current_action == "input" or self._actions() != running:
            self._wait_for_next_turn(running)
        return self

    def settle(self) -> None:
        """Advance time until it is this party's turn or the call is over."""
        __tracebackhide__ = True
        self._until(self._is_turn, "it never was the caller's turn")
        if self._current_action == "connect" and not self._leg.is_over:
            # The callee speaks first.
            self._thread.run(self._thread.sleep(SECONDS_BEFORE_SPEAKING))
            self._until(self._is_turn, "the other party does not stop speaking")

    def _wait_for_next_turn(self, running: int) -> None:
        """Wait for the end of the action that was running, and then for the next turn."""
        __tracebackhide__ = True
        self._until(
            lambda: self._leg.is_over or self._actions() > running or self._current_action is None,
            "the current action does not end by itself. Pass a time, such as wait(10).",
        )
        self.settle()

    def _until(self, done: Callable[[], bool], problem: str) -> None:
        __tracebackhide__ = True
        try:
            self._thread.run(self._thread.advance(done, _PATIENCE))
        except NoProgress:
            self._raise_apology()
            raise AssertionError(f"{problem}\n{self}") from None
        self._raise_apology()

    def _raise_apology(self) -> None:
        """Raise AssertionError if a flow failed at any webhook of the test; each failure once."""
        __tracebackhide__ = True
        if self._thread.apologies:
            entry = self._thread.apologies[0]
            self._thread.apologies.clear()
            places = "".join(f"\n    {place}" for place in entry.get("at", []))
            detail = flow_error(entry, self._thread.flows.parent).detail
            error = f"{entry.get('error', '')}: {detail}".strip(": ")
            raise AssertionError(
                f"the flow {entry.get('flow')} failed at the webhook {entry.get('route')}:"
                f" {error or 'there is no such flow'}{places}\n{self}"
            )

    def _require_open(self, action: str) -> None:
        __tracebackhide__ = True
        if self._leg.is_over:
            raise AssertionError(f"cannot {action}: the call is over\n{self}")

    def _is_turn(self) -> bool:
        leg = self._leg
        if leg.is_over:
            return True
        quiet = all(one.sound.kind == "ringing" or one is leg.music for one in leg.playbacks)
        if leg.answered_at is None or not quiet:
            return False
        now = self._thread.platform.vonage.clock.now()
        if any(member.speaking_until > now for member in leg.conversation.members):
            return False
        if self._current_action == "connect":
            return any(
                (other.joined and not other.is_over) or self._rings_for_test(other)
                for other in leg.conversation.members
                if other is not leg
            )
        return self._current_action in _TURNS or (leg.direction == "outbound" and leg.joined)

    def _rings_for_test(self, other: Leg) -> bool:
        return other.status == "ringing" and other.callee.address in self._thread.manual_callees

    # The journal

    def _own_entries(self, kind: str) -> Iterator[dict[str, Any]]:
        uuid = self._leg.uuid
        return (one for one in self._thread.journal if one["kind"] == kind and one["uuid"] == uuid)

    def _actions(self) -> int:
        """Return the number of started actions."""
        return sum(entry["state"] == "started" for entry in self._own_entries("action"))

    @property
    def _current_action(self) -> str | None:
        """The running action."""
        latest = next(reversed(list(self._own_entries("action"))), None)
        return latest["action"] if latest and latest["state"] == "started" else None

    def _webhooks(self, kind: str) -> int:
        """Return the number of webhooks of a kind."""
        return sum(entry["webhook"]["kind"] == kind for entry in self._own_entries("webhook"))

    def _sent(self, item: dict[str, Any]) -> int:
        """Return the position of an item's webhook among all webhooks."""
        bodies = (
            one["webhook"]["request"]["body"]
            for one in self._thread.journal
            if one["kind"] == "webhook_sent"
        )
        return next((n for n, body in enumerate(bodies) if body == item["body"]["S"]), 0)

    def _timeline(self) -> list[tuple[float, str]]:
        leg = self._leg
        lines = [(leg.created_at, f"{leg.caller.address} calls {leg.callee.address}")]
        lines += [(one["at"], f"({one['status']})") for one in self._own_entries("leg")]
        lines += [(one.begin, f"said    {_words(one)}") for one in leg.said]
        lines += [(one.begin, f"heard   {_words(one)}") for one in leg.heard]
        uuids = {member.uuid for member in leg.conversation.everyone} | {leg.uuid}
        lines += [
            (one["at"], f"error   {': '.join(filter(None, (one['reason'], one.get('detail'))))}")
            for one in self._thread.journal
            if one["kind"] == "error" and one.get("uuid") in uuids
        ]
        for entry in self._own_entries("webhook"):
            webhook = entry["webhook"]
            if webhook["status"] not in (200, 204):
                text = f"webhook {webhook['kind']} returned {webhook['status']}"
                lines.append((entry["at"], text))
        return sorted(lines, key=lambda line: line[0])

    def _recording(self, uuid: str) -> Recording:
        __tracebackhide__ = True
        moto, outputs = self._thread.platform.moto, self._thread.platform.stack.outputs
        key = {"pk": {"S": f"recording#{uuid}"}, "sk": {"S": "record"}}
        end = time.monotonic() + _FETCH_LIMIT
        dynamodb = moto.client("dynamodb")
        while not (found := dynamodb.get_item(TableName=outputs["TableName"], Key=key).get("Item")):
            if time.monotonic() > end:
                raise AssertionError(f"the recording {uuid} is not in the bucket\n{self}")
            self._thread.run(asyncio.sleep(0.02))  # a queue and a function fetch it
        stored = moto.client("s3").get_object(
            Bucket=outputs["BucketName"], Key=next(iter(found["key"].values()))
        )
        texts = {name: str(next(iter(value.values()))) for name, value in found.items()}
        return Recording(
            uuid,
            float(texts["seconds"]),
            int(texts["channels"]),
            texts["content_type"],
            stored["Body"].read(),
        )


def _words(sound: Sound) -> str:
    text = sound.details.get("text") or sound.details.get("digits")
    if text is None:
        return f"({sound.kind})"
    if sound.kind == "talk" and str(text).lstrip().startswith("<speak"):
        parted = re.sub(r"<(?:break|/?p|/?s)\b[^>]*>", " ", str(text))
        text = html.unescape(re.sub("<[^>]*>", "", parted))
    return " ".join(str(text).split())


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60):2}:{seconds % 60:04.1f}"
