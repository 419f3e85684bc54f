"""``python -m local.demo``: plays every call flow as a real call on the local platform.

Somebody rings the number, listens, presses keys, speaks and hangs up; what was heard and what was
kept is printed, and the exit status tells whether each call went as it should.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.layers import LayerError
from local.platform import Options, Platform
from local.stack_file import AlreadyRunning
from local.template import TemplateError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CALLER = "447700900123"
SECOND_CALLER = "447700900124"
SPEED = 10.0  # of the simulated Vonage's clock: nobody has to listen in real time
PATIENCE = 30.0  # seconds of real time within which anything that is waited for must happen


# One rented number for each flow.
NUMBERS = {
    flow: f"4477009002{index:02}"
    for index, flow in enumerate(
        (
            *("greet", "connect", "conference", "dtmf_menu", "speech", "record_call"),
            *("record_split", "record_conversation", "voicemail", "track_progress"),
        )
    )
}
# The one door whose webhooks are not kept as events: an answer has no side effect.
NOT_KEPT = "/webhooks/answer"


class Disappointment(Exception):
    """What should have happened on a call did not; the text says what."""


@dataclass
class Line:
    """A leg on the simulated Vonage, as the person on it has it in the hand."""

    http: aiohttp.ClientSession
    url: str
    uuid: str
    conversation: str

    async def look(self) -> dict[str, Any]:
        """Say what happened on this leg so far."""
        async with self.http.get(f"{self.url}/sim/calls/{self.uuid}") as response:
            response.raise_for_status()
            found: dict[str, Any] = await response.json()
            return found

    async def hear(self, words: str) -> None:
        """Wait until these words have been said to the end, or a ``beep`` has sounded."""
        await _until(lambda: self._has_heard(words), f"{words!r} was not heard on the line in time")

    async def press(self, digits: str) -> None:
        """Press keys."""
        await self._do("digits", digits=digits)

    async def say(self, text: str) -> None:
        """Say something."""
        await self._do("speech", text=text)

    async def hang_up(self) -> None:
        """Hang up."""
        await self._do("hangup")

    async def over(self) -> None:
        """Wait until the call has ended."""
        await _until(self._is_over, "the call did not end in time")

    async def _do(self, what: str, **body: str) -> None:
        async with self.http.post(f"{self.url}/sim/calls/{self.uuid}/{what}", json=body) as reply:
            if reply.status >= 400:
                raise Disappointment(f"{what}: {await reply.text()}")

    async def _has_heard(self, words: str) -> bool:
        now = [sound for sound in (await self.look())["heard"] if sound["to_ms"] is not None]
        return any(words == sound["kind"] or words in str(sound.get("text", "")) for sound in now)

    async def _is_over(self) -> bool:
        return bool((await self.look())["over"])


@dataclass(frozen=True)
class Scene:
    """One call: which flow, what the people on it do, and what must be heard and kept."""

    flow: str
    title: str
    play: Callable[[Stage], Awaitable[None]]
    heard: tuple[str, ...]
    recordings: int = 0


@dataclass
class Stage:
    """Where a scene is played."""

    http: aiohttp.ClientSession
    url: str
    number: str
    second_number: str
    lines: list[Line] = field(default_factory=list)

    async def ring(self, caller: str = CALLER) -> Line:
        """Ring the number of the scene's flow."""
        body = {"from": caller, "to": self.number}
        async with self.http.post(f"{self.url}/sim/calls", json=body) as response:
            response.raise_for_status()
            made = await response.json()
        self.lines.append(Line(self.http, self.url, made["uuid"], made["conversation_uuid"]))
        return self.lines[-1]

    async def second_number_is(self, behaviour: str) -> None:
        """Set what happens when the second number is called."""
        url = f"{self.url}/sim/callees/{self.second_number}"
        async with self.http.put(url, json={"behaviour": behaviour, "after": 2}) as response:
            response.raise_for_status()

    async def called(self) -> Line:
        """Give the line of whoever was called and answered, waiting for it."""
        await _until(self._somebody_answered, "nobody at the second number answered in time")
        return self.lines[-1]

    async def _somebody_answered(self) -> bool:
        async with self.http.get(f"{self.url}/sim/calls") as response:
            legs = (await response.json())["calls"]
        answered = [
            leg
            for leg in legs
            if leg["direction"] == "outbound" and leg["answered_at"] and not leg["over"]
        ]
        for leg in answered:
            line = Line(self.http, self.url, leg["uuid"], leg["conversation_uuid"])
            self.lines.append(line)
        return bool(answered)


async def _listen_to_the_end(stage: Stage) -> None:
    await (await stage.ring()).over()


async def _talk_with_somebody(stage: Stage) -> None:
    await stage.second_number_is("answer")
    line = await stage.ring()
    friend = await stage.called()
    await friend.say("Hello, who is there?")
    await line.hear("who is there")
    await line.say("It is me.")
    await friend.hear("It is me")
    await line.hang_up()
    await line.over()


async def _find_nobody(stage: Stage) -> None:
    await stage.second_number_is("busy")
    await (await stage.ring()).over()


async def _meet(stage: Stage) -> None:
    first = await stage.ring()
    second = await stage.ring(SECOND_CALLER)
    await second.hear("connect you to the conference")
    await first.hear("connect you to the conference")
    await asyncio.sleep(1 / SPEED)
    await first.say("Good morning, everybody.")
    await second.hear("Good morning, everybody")
    for line in (first, second):
        await line.hang_up()
        await line.over()


async def _choose(stage: Stage) -> None:
    line = await stage.ring()
    await line.hear("Hello, and thank you")
    await line.press("7")
    await line.hear("not one of the choices")
    await line.press("1")
    await line.over()


async def _speak(stage: Stage) -> None:
    line = await stage.ring()
    await line.hear("Please say something")
    await line.say("good morning")
    await line.over()


async def _leave_a_message(stage: Stage) -> None:
    line = await stage.ring()
    await line.hear("beep")
    await line.say("This is a message. Please call me back.")
    await asyncio.sleep(4 / SPEED)
    await line.press("#")
    await line.over()


SCENES = (
    Scene("greet", "Receive an inbound call", _listen_to_the_end, ("4 4 7 7 0 0 9 0 0 1 2 3",)),
    Scene("connect", "Connect an inbound call", _talk_with_somebody, ("who is there",)),
    Scene("connect", "… and nobody answers", _find_nobody, ("The line is busy",)),
    Scene("conference", "Connect callers into a conference", _meet, ("wait while we connect you",)),
    Scene("dtmf_menu", "Handle user input with DTMF", _choose, ("from nine to five",)),
    Scene("speech", "Handle user input with ASR", _speak, ("you said good morning",)),
    Scene("record_call", "Record a call", _talk_with_somebody, ("is recorded", "who is there"), 1),
    Scene(
        "record_split",
        "Record a call with split audio",
        _talk_with_somebody,
        ("is recorded", "who is there"),
        1,
    ),
    Scene("record_conversation", "Record a conversation", _meet, ("It is recorded",), 1),
    Scene("voicemail", "Record a message", _leave_a_message, ("Thank you for your message",), 1),
    Scene("track_progress", "Track NCCO progress", _listen_to_the_end, ("loud and clear",)),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a scene; ``problem`` is None if all went as it should."""

    scene: Scene
    script: list[tuple[str, str]]
    acknowledged: int
    kept: int
    recordings: int
    state: str
    answer_ms: float
    problem: str | None


class Books:
    """What the simulated Vonage delivered and what the stack keeps, counted."""

    def __init__(self, platform: Platform, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._vonage = platform.vonage.http_url
        self._dynamodb = platform.cloud.client("dynamodb")
        self._table = platform.stack.outputs["TableName"]
        self._s3 = platform.cloud.client("s3")
        self._bucket = platform.stack.outputs["BucketName"]

    async def legs(self) -> list[dict[str, Any]]:
        """Give every leg that Vonage knows, with its webhooks."""
        async with self._http.get(f"{self._vonage}/sim/calls") as response:
            uuids = [leg["uuid"] for leg in (await response.json())["calls"]]
        return [await Line(self._http, self._vonage, uuid, "").look() for uuid in uuids]

    async def acknowledged(self) -> int:
        """Count the webhooks that are to be kept and that the application acknowledged."""
        hooks = [hook for leg in await self.legs() for hook in leg["webhooks"]]
        return sum(hook["status"] in (200, 204) and NOT_KEPT not in hook["url"] for hook in hooks)

    async def items(self) -> list[dict[str, Any]]:
        """Give all events of the table."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
        found = await asyncio.to_thread(lambda: [item for page in pages for item in page["Items"]])
        items = [
            {name: text for name, one in item.items() for text in one.values()} for item in found
        ]
        return [item for item in items if item["kind"] != "archive"]

    async def recordings(self) -> int:
        """Count the recordings in the bucket."""
        answer = await asyncio.to_thread(self._s3.list_objects_v2, Bucket=self._bucket)
        return int(answer["KeyCount"])


async def _play(platform: Platform, http: aiohttp.ClientSession, scene: Scene) -> Outcome:
    books = Books(platform, http)
    events, jobs = len(await books.items()), await books.recordings()
    acknowledged = await books.acknowledged()
    second = platform.template.parameters["SecondNumber"]
    stage = Stage(http, platform.vonage.http_url, NUMBERS[scene.flow], second)
    problem = None

    async def settled() -> bool:
        legs = await books.legs()
        told = all(any(_reports(hook, "completed") for hook in leg["webhooks"]) for leg in legs)
        return (
            told
            and await books.acknowledged() == len(await books.items())
            and await books.recordings() >= jobs + scene.recordings
        )

    try:
        await scene.play(stage)
        await _until(settled, "not everything that happened was kept in time")
    except Disappointment as error:
        problem = str(error)
    looks = [await line.look() for line in stage.lines]
    heard = " ".join(_words(sound) for sound in looks[0]["heard"])
    missing = [words for words in scene.heard if words not in heard]
    if missing and not problem:
        problem = f"not heard: {missing[0]}"
    answers = [
        hook["ms"] for look in looks for hook in look["webhooks"] if "/answer" in hook["url"]
    ]
    return Outcome(
        scene,
        _script(looks[0]),
        await books.acknowledged() - acknowledged,
        len(await books.items()) - events,
        await books.recordings() - jobs,
        _state(await books.items(), stage.lines[0]),
        max(answers, default=0.0),
        problem,
    )


def _reports(hook: dict[str, Any], status: str) -> bool:
    sent = json.loads(hook["request"]["body"])
    return sent.get("status") == status and hook["status"] in (200, 204)


def _words(sound: dict[str, Any]) -> str:
    if sound["kind"] in ("talk", "speech"):
        return re.sub("<[^>]*>", "", str(sound["text"]))
    return {"beep": "(beep)", "ringing": "(ringing)"}.get(
        sound["kind"], str(sound.get("digits", ""))
    )


def _actions(hook: dict[str, Any]) -> str:
    """Name the actions of the NCCO that a webhook was answered with, empty where there was none."""
    if hook["status"] != 200:
        return ""
    return ", ".join(action["action"] for action in json.loads(hook["reply"]["body"]))


def _script(look: dict[str, Any]) -> list[tuple[str, str]]:
    """Tell who said what on a leg and which NCCOs came, in the order of time."""
    lines = [(sound["from_ms"], "line", _words(sound)) for sound in look["heard"]]
    lines += [(sound["from_ms"], "caller", _words(sound)) for sound in look["said"]]
    for hook in look["webhooks"]:
        sent_ms = round((hook["at"] - look["created_at"]) * 1000)
        lines.append((sent_ms, "NCCO", _actions(hook)))
    return [(who, text) for _, who, text in sorted(lines) if text]


def _state(items: list[dict[str, Any]], line: Line) -> str:
    leg = line.uuid.replace("-", "")
    told = {item["status"] for item in items if item.get("leg") == leg and "status" in item}
    return next((status for status in ("completed", "answered", "started") if status in told), "-")


async def _until(holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not await holds():
        if time.monotonic() > end:
            raise Disappointment(otherwise)
        await asyncio.sleep(0.1)


def _tell(console: Console, outcome: Outcome) -> None:
    """Print what happened on a call."""
    grid = Table.grid(padding=(0, 2))
    for who, text in outcome.script:
        grid.add_row(f"  [dim]{who}[/]", escape(text))
    console.print(grid)
    if outcome.problem:
        console.print(f"  [red]{escape(outcome.problem)}[/]")


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table(caption="webhooks: acknowledged; kept: in the table; ms: until the first NCCO")
    table.add_column("flow", no_wrap=True)
    for title in ("webhooks", "kept", "recordings", "state", "ms", ""):
        table.add_column(title, justify="right")
    for one in outcomes:
        table.add_row(
            one.scene.flow,
            str(one.acknowledged),
            str(one.kept),
            str(one.recordings or ""),
            one.state,
            f"{one.answer_ms:.0f}",
            "[red]failed[/]" if one.problem else "[green]ok[/]",
        )
    return table


async def _run(console: Console) -> int:
    routes = ",".join(f"{number}={flow}" for flow, number in NUMBERS.items())
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            parameters={"NumberFlows": routes},
            speed=SPEED,
            folder=Path(folder),
            say=console.print,
        )
        console.print("starting the platform")
        async with Platform(Path(), options) as platform, aiohttp.ClientSession() as http:
            outcomes = []
            for scene in SCENES:
                console.print(f"\n[bold]{scene.flow}[/] {NUMBERS[scene.flow]}  {scene.title}")
                outcomes.append(await _play(platform, http, scene))
                _tell(console, outcomes[-1])
    console.print(_summary(outcomes))
    failed = sum(outcome.problem is not None for outcome in outcomes)
    console.print(f"{len(outcomes) - failed} of {len(outcomes)} calls went as they should")
    return 1 if failed else 0


def main() -> int:
    """Play every scene; give the exit status."""
    try:
        return asyncio.run(_run(Console()))
    except KeyboardInterrupt:
        return 130
    except (AlreadyRunning, TemplateError, LayerError, OSError) as error:
        Console(stderr=True).print(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
