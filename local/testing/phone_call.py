"""A call in the hand of a test: act on it, and look at what was heard and kept."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from local.testing.platform_thread import NoProgress
from vonage_simulator.leg_lifecycle import SECONDS_BEFORE_SPEAKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.testing.platform_thread import PlatformThread
    from vonage_simulator.legs import Leg, Sound

_PATIENCE = 600.0  # simulated seconds in which something must happen on a call
_FETCHING = 30.0  # real seconds until a recording is in the bucket
# Actions during which it is the caller's turn: nobody speaks but people.
_TURNS = ("input", "record", "conversation", "transfer")


class StoredEvent(NamedTuple):
    """An event as the table keeps it: its kind, and the fields that Vonage sent."""

    kind: str
    fields: dict[str, Any]


class Recording(NamedTuple):
    """A recording as the bucket keeps it; ``seconds`` is its length."""

    uuid: str
    seconds: float
    channels: int
    content_type: str
    content: bytes


# In every method that may fail a test, __tracebackhide__ has pytest show the test's own line.


class PhoneCall:
    """One side of a call: that of the caller, or of somebody whom a flow rang.

    Every act returns the call, so that acts can stand in a row, and lets simulated time go by until
    it is this side's turn again: the flow asks for keys or speech, records, or has put it through;
    or until the call is over.

    Examples
    --------
    >>> call = phone.call("dtmf_menu")            # doctest: +SKIP
    >>> call.press("1")                           # doctest: +SKIP
    >>> assert call.heard("nine to five")         # doctest: +SKIP
    """

    def __init__(self, house: PlatformThread, leg: Leg) -> None:
        self._house = house
        self._leg = leg

    # Acts

    def press(self, keys: str) -> PhoneCall:
        """Press keys: ``0`` to ``9``, ``*``, ``#``; ``p`` is a pause of half a second."""
        __tracebackhide__ = True
        return self._act("digits", {"digits": keys}, lambda: self._leg.pressing_until)

    def say(self, text: str, confidence: float | None = None) -> PhoneCall:
        """Say something. A flow that listens understands it, word for word.

        Parameters
        ----------
        text
            What is said.
        confidence
            How sure of it the recogniser is, from 0 to 1; by default it is, and with 0 it
            understands nothing.
        """
        __tracebackhide__ = True
        sure = {} if confidence is None else {"confidence": confidence}
        return self._act("speech", {"text": text, **sure}, lambda: self._leg.speaking_until)

    def wait(self, seconds: float | None = None) -> PhoneCall:
        """Do nothing: for so many simulated seconds, or until what goes on has ended.

        An input then gets neither key nor word, and a recording is ended by the silence.
        """
        __tracebackhide__ = True
        self._must_be_open("wait")
        if seconds is None:
            self._go_on(self._actions())
        else:
            self._house.run(self._house.let_pass(seconds))
            self._look_for_apologies()
        return self

    def hang_up(self) -> PhoneCall:
        """Hang up; whoever is being called declines."""
        __tracebackhide__ = True
        self._must_be_open("hang up")
        self._house.run(self._house.ask("POST", f"/sim/calls/{self._leg.uuid}/hangup"))
        self._until(lambda: self._leg.is_over, "the call did not end")
        return self

    def end(self) -> None:
        """Hang up, if it is not over, whatever the flow makes of that."""
        if not self._leg.is_over:
            self._house.run(self._house.ask("POST", f"/sim/calls/{self._leg.uuid}/hangup"))
            self._house.run(self._house.advance(lambda: self._leg.is_over, _PATIENCE))

    def answer(self) -> PhoneCall:
        """Take the call, on the side of somebody who is being called and has it ring."""
        __tracebackhide__ = True
        self._must_be_open("answer")
        self._house.run(self._house.ask("POST", f"/sim/calls/{self._leg.uuid}/answer"))
        self._until(lambda: self._leg.is_over or self._leg.joined, "the call was not put through")
        return self

    # What came of it

    def heard(self, *texts: str) -> bool:
        """See that these texts were heard, in this order.

        Tags of SSML are left out, and blanks do not matter. Other sounds are heard as ``(beep)``,
        ``(ringing)``, ``(stream)``.

        Raises
        ------
        AssertionError
            If not; it tells the whole call.
        """
        __tracebackhide__ = True
        rest = " ".join(self.words)
        for text in texts:
            _, found, rest = rest.partition(" ".join(text.split()))
            if not found:
                after = " (after the ones before it)" if text != texts[0] else ""
                raise AssertionError(f"not heard{after}: {text!r}\n{self}")
        return True

    def not_heard(self, *texts: str) -> bool:
        """See that none of these texts was heard.

        Raises
        ------
        AssertionError
            If one was; it tells the whole call.
        """
        __tracebackhide__ = True
        everything = " ".join(self.words)
        for text in texts:
            if " ".join(text.split()) in everything:
                raise AssertionError(f"heard: {text!r}\n{self}")
        return True

    @property
    def words(self) -> list[str]:
        """What was heard, one text for each sound, in order."""
        return [_words(sound) for sound in self._leg.heard]

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._leg.is_over

    @property
    def status(self) -> str:
        """Vonage's word for its state: ``ringing``, ``answered``, ``completed``, ``busy``, …"""
        return self._leg.status

    @property
    def number(self) -> str:
        """The number on this side."""
        inbound = self._leg.direction == "inbound"
        return (self._leg.caller if inbound else self._leg.callee).address

    @property
    def other(self) -> PhoneCall:
        """The other side: whoever the flow rang last for this call.

        Raises
        ------
        AssertionError
            If it rang nobody.
        """
        __tracebackhide__ = True
        members = [leg for leg in self._leg.conversation.everyone if leg is not self._leg]
        called = [leg for leg in members if leg.direction == "outbound"]
        if not called:
            raise AssertionError(f"nobody was called\n{self}")
        return PhoneCall(self._house, called[-1])

    @property
    def kept(self) -> list[StoredEvent]:
        """The events of the conversation that the table keeps, in the order of their time.

        Those of the same time are in the order in which Vonage sent them.
        """
        table = self._house.platform.stack.outputs["TableName"]
        pages = self._house.platform.cloud.client("dynamodb").get_paginator("query")
        found = pages.paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": self._leg.conversation.uuid}},
        )
        items = [item for page in found for item in page["Items"]]
        items.sort(key=lambda item: (item["sk"]["S"].partition("#")[0], self._sent(item)))
        return [StoredEvent(item["kind"]["S"], json.loads(item["body"]["S"])) for item in items]

    @property
    def recordings(self) -> list[Recording]:
        """The recordings of this side that are over, from the bucket, in the order of their end.

        Raises
        ------
        AssertionError
            If one is not there within half a minute.
        """
        __tracebackhide__ = True
        tapes = [
            entry["recording_uuid"]
            for entry in self._mine("recording")
            if entry["state"] == "ended"
        ]
        # Vonage tells of a recording some time after its end.
        told = {"record"} if tapes else set()
        self._until(
            lambda: self._told(told) >= len(tapes), "Vonage did not tell of every recording"
        )
        return [self._recording(uuid) for uuid in tapes]

    def __str__(self) -> str:
        """Give the call as a person would tell it, a line for each thing that happened."""
        lines = [f"  {_clock(at - self._leg.created_at)}  {text}" for at, text in self._story()]
        head = f"the call of {self.number}, {self._leg.status}:"
        return "\n".join([head, *lines])

    __repr__ = __str__

    # The call goes on

    def _act(self, what: str, body: dict[str, Any], until: Callable[[], float]) -> PhoneCall:
        __tracebackhide__ = True
        self._must_be_open({"digits": "press keys", "speech": "speak"}[what])
        running = self._actions()
        path = f"/sim/calls/{self._leg.uuid}/{what}"
        try:
            self._house.run(self._house.ask("POST", path, body))
        except ValueError as error:
            raise ValueError(f"{next(iter(body.values()))!r}: {error}") from None
        clock = self._house.platform.vonage.clock
        self._until(lambda: self._leg.is_over or clock.now() >= until(), "it did not end")
        if self._doing == "input" or self._actions() != running:
            self._go_on(running)
        return self

    def settle(self) -> None:
        """Let time go by until it is this side's turn."""
        __tracebackhide__ = True
        self._until(self._is_turn, "it never was the caller's turn")
        if self._doing == "connect" and not self._leg.is_over:
            # Whoever has answered speaks first.
            self._house.run(self._house.let_pass(SECONDS_BEFORE_SPEAKING))
            self._until(self._is_turn, "the other side does not stop speaking")

    def _go_on(self, running: int) -> None:
        """Wait until the action that was running has ended, and then for the next turn."""
        __tracebackhide__ = True
        self._until(
            lambda: self._leg.is_over or self._actions() > running or self._doing is None,
            "nothing ends this by itself: say for how long, such as wait(10)",
        )
        self.settle()

    def _until(self, done: Callable[[], bool], otherwise: str) -> None:
        __tracebackhide__ = True
        try:
            self._house.run(self._house.advance(done, _PATIENCE))
        except NoProgress:
            self._look_for_apologies()
            raise AssertionError(f"{otherwise}\n{self}") from None
        self._look_for_apologies()

    def _look_for_apologies(self) -> None:
        """Fail where a flow failed, at any webhook of any call of the test; each is told once."""
        __tracebackhide__ = True
        if self._house.apologies:
            entry = self._house.apologies[0]
            self._house.apologies.clear()
            places = "".join(f"\n    {place}" for place in entry.get("at", []))
            error = f"{entry.get('error', '')}: {entry.get('detail', '')}".strip(": ")
            raise AssertionError(
                f"the flow {entry.get('flow')} failed at the webhook {entry.get('route')}:"
                f" {error or 'there is no such flow'}{places}\n{self}"
            )

    def _must_be_open(self, act: str) -> None:
        __tracebackhide__ = True
        if self._leg.is_over:
            raise AssertionError(f"cannot {act}: the call is over\n{self}")

    def _is_turn(self) -> bool:
        leg = self._leg
        if leg.is_over:
            return True
        quiet = all(one.sound.kind == "ringing" or one is leg.music for one in leg.playbacks)
        if leg.answered_at is None or not quiet:
            return False
        now = self._house.platform.vonage.clock.now()
        if any(member.speaking_until > now for member in leg.conversation.members):
            return False
        if self._doing == "connect":
            return any(
                (other.joined and not other.is_over) or self._rings_by_hand(other)
                for other in leg.conversation.members
                if other is not leg
            )
        return self._doing in _TURNS or (leg.direction == "outbound" and leg.joined)

    def _rings_by_hand(self, other: Leg) -> bool:
        return other.status == "ringing" and other.callee.address in self._house.by_hand

    # What the journal says

    def _mine(self, kind: str) -> Iterator[dict[str, Any]]:
        uuid = self._leg.uuid
        return (one for one in self._house.journal if one["kind"] == kind and one["uuid"] == uuid)

    def _actions(self) -> int:
        """How many actions were begun."""
        return sum(entry["state"] == "started" for entry in self._mine("action"))

    @property
    def _doing(self) -> str | None:
        """The action that is going on."""
        latest = next(reversed(list(self._mine("action"))), None)
        return latest["action"] if latest and latest["state"] == "started" else None

    def _told(self, kinds: set[str]) -> int:
        return sum(entry["webhook"]["kind"] in kinds for entry in self._mine("webhook"))

    def _sent(self, item: dict[str, Any]) -> int:
        """As which of all webhooks an item was sent."""
        bodies = (
            one["webhook"]["request"]["body"]
            for one in self._house.journal
            if one["kind"] == "webhook_sent"
        )
        return next((n for n, body in enumerate(bodies) if body == item["body"]["S"]), 0)

    def _story(self) -> list[tuple[float, str]]:
        leg = self._leg
        told = [(leg.created_at, f"{leg.caller.address} rings {leg.callee.address}")]
        told += [(one["at"], f"({one['status']})") for one in self._mine("leg")]
        told += [(one.begin, f"said    {_words(one)}") for one in leg.said]
        told += [(one.begin, f"heard   {_words(one)}") for one in leg.heard]
        told += [(one["at"], f"error   {one['reason']}") for one in self._mine("error")]
        for entry in self._mine("webhook"):
            hook = entry["webhook"]
            if hook["status"] not in (200, 204):
                told.append((entry["at"], f"webhook {hook['kind']} answered {hook['status']}"))
        return sorted(told, key=lambda one: one[0])

    def _recording(self, uuid: str) -> Recording:
        __tracebackhide__ = True
        cloud, outputs = self._house.platform.cloud, self._house.platform.stack.outputs
        key = {"pk": {"S": f"recording#{uuid}"}, "sk": {"S": "record"}}
        end = time.monotonic() + _FETCHING
        dynamodb = cloud.client("dynamodb")
        while not (found := dynamodb.get_item(TableName=outputs["TableName"], Key=key).get("Item")):
            if time.monotonic() > end:
                raise AssertionError(f"the recording {uuid} did not come into the bucket\n{self}")
            self._house.run(asyncio.sleep(0.02))  # a queue and a function of their own fetch it
        stored = cloud.client("s3").get_object(
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
