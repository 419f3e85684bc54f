"""The scenes of the demonstration: one for each page of Vonage's Voice code snippets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.demo.call_driver import ScenarioFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.demo.call_driver import CallDriver, CallerLeg

SECOND_CALLER = "447700900124"
SPEED = 10.0  # of the simulated Vonage's clock: nobody has to listen in real time

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
_HOLD = [{"action": "talk", "text": "Please hold the line."}, {"action": "wait", "timeout": 120}]


@dataclass(frozen=True)
class Scenario:
    """One call, or two: what the people on it do, and what must be heard and kept.

    Attributes
    ----------
    title
        The page of Vonage's snippets.
    by
        What of this application does it: a flow, a function, or a request to the owner's API.
    play
        Plays it, and gives the line that the demonstration tells of.
    heard
        What must be heard there.
    channels
        How many channels each recording of it has.
    recordings
        How many recordings must be in the bucket at the end.
    """

    title: str
    by: str
    play: Callable[[CallDriver], Awaitable[CallerLeg]]
    heard: tuple[str, ...] = ()
    recordings: int = 0
    channels: int = 1
    flow: str = "greet"

    @property
    def snippet(self) -> str:
        """The page without what sets one scene of it apart from another."""
        return self.title.partition(":")[0]


async def _pause(seconds: float) -> None:
    """Let so many seconds of the simulated Vonage's clock go by."""
    await asyncio.sleep(seconds / SPEED)


# Calls that somebody makes


async def _listen_to_the_end(stage: CallDriver) -> CallerLeg:
    line = await stage.ring()
    await line.over()
    return line


async def _talk_with_somebody(stage: CallDriver) -> CallerLeg:
    await stage.second_number_is("answer")
    line = await stage.ring()
    friend = await stage.called()
    await friend.say("Hello, who is there?")
    await line.hear("who is there")
    await line.say("It is me.")
    await friend.hear("It is me")
    await line.hang_up()
    return line


async def _find_nobody(stage: CallDriver) -> CallerLeg:
    await stage.second_number_is("busy")
    return await _listen_to_the_end(stage)


async def _meet(stage: CallDriver) -> CallerLeg:
    first = await stage.ring()
    second = await stage.ring(SECOND_CALLER)
    for line in (first, second):
        await line.hear("connect you to the conference")
    await _pause(1)
    await first.say("Good morning, everybody.")
    await second.hear("Good morning, everybody")
    for line in (first, second):
        await line.hang_up()
    return second


async def _choose(stage: CallDriver) -> CallerLeg:
    line = await stage.ring()
    await line.hear("Hello, and thank you")
    await line.press("7")
    await line.hear("not one of the choices")
    await line.press("1")
    await line.over()
    return line


async def _speak(stage: CallDriver) -> CallerLeg:
    line = await stage.ring()
    await line.hear("Please say something")
    await line.say("good morning")
    await line.over()
    return line


async def _leave_a_message(stage: CallDriver) -> CallerLeg:
    line = await stage.ring()
    await line.hear("beep")
    await line.say("This is a message. Please call me back.")
    await _pause(4)
    await line.press("#")
    await line.over()
    return line


async def _download(stage: CallDriver) -> CallerLeg:
    """Leave a message, and fetch the recording by the link that the owner's API gives."""
    line = await _leave_a_message(stage)
    recording = await _recording_of(stage, line)
    link = (await stage.owner("GET", f"/recordings/{recording}"))["url"]
    async with stage.http.get(link) as reply:
        content = await reply.read()
    if reply.status != 200 or len(content) < 1000:
        raise ScenarioFailed(f"the link gave {reply.status} and {len(content)} bytes")
    return line


async def _recording_of(stage: CallDriver, line: CallerLeg) -> str:
    for _ in range(100):
        told = await stage.owner("GET", f"/calls/{line.uuid}/events")
        found = [
            event["fields"]["recording_uuid"]
            for event in told["events"]
            if event["kind"] == "record"
        ]
        if found:
            return str(found[0])
        await asyncio.sleep(0.1)
    raise ScenarioFailed("the timeline of the call tells of no recording")


# Calls that the owner makes and steers


async def _call_with_a_flow(stage: CallDriver) -> CallerLeg:
    line = await stage.place(flow="greet")
    await line.over()
    return line


async def _call_with_an_ncco(stage: CallDriver) -> CallerLeg:
    text = "This is a text to speech call from Vonage."
    line = await stage.place(ncco=[{"action": "talk", "text": text}])
    await line.over()
    return line


async def _held(stage: CallDriver) -> CallerLeg:
    line = await stage.place(ncco=_HOLD)
    await line.hear("hold the line")
    return line


async def _transfer(stage: CallDriver) -> CallerLeg:
    line = await _held(stage)
    destination = {"type": "ncco", "flow": "greet"}
    change = {"action": "transfer", "destination": destination}
    await stage.owner("PUT", f"/calls/{line.uuid}", change)
    await line.over()
    return line


async def _transfer_inline(stage: CallDriver) -> CallerLeg:
    line = await _held(stage)
    text = "This is a transfer action using an inline NCCO"
    destination = {"type": "ncco", "ncco": [{"action": "talk", "text": text}]}
    change = {"action": "transfer", "destination": destination}
    await stage.owner("PUT", f"/calls/{line.uuid}", change)
    await line.over()
    return line


async def _two_in_conference(stage: CallDriver) -> tuple[CallerLeg, CallerLeg]:
    """Give somebody who rang, and somebody who was called, in one conference."""
    caller = await stage.ring()
    called = await stage.place(flow="conference")
    for line in (caller, called):
        await line.hear("connect you to the conference")
    await _pause(1)
    return caller, called


async def _mute(stage: CallDriver) -> CallerLeg:
    caller, called = await _two_in_conference(stage)
    await _hide(stage, "mute", speaker=called, listener=caller, steered=called)
    return caller


async def _earmuff(stage: CallDriver) -> CallerLeg:
    caller, called = await _two_in_conference(stage)
    await _hide(stage, "earmuff", speaker=caller, listener=called, steered=called)
    return called


async def _hide(
    stage: CallDriver, action: str, *, speaker: CallerLeg, listener: CallerLeg, steered: CallerLeg
) -> None:
    """Keep what is said from being heard, then let it through; hang up."""
    await stage.owner("PUT", f"/calls/{steered.uuid}", {"action": action})
    await speaker.say("Nobody hears this.")
    await _pause(4)
    await stage.owner("PUT", f"/calls/{steered.uuid}", {"action": f"un{action}"})
    await speaker.say("Everybody hears this.")
    await listener.hear("Everybody hears this")
    if await listener.has_heard("Nobody hears this"):
        raise ScenarioFailed(f"{action}: what was said was heard")
    for line in (speaker, listener):
        await line.hang_up()


def _play_into_the_call(
    what: str, body: dict[str, Any], heard: str
) -> Callable[[CallDriver], Awaitable[CallerLeg]]:
    async def play(stage: CallDriver) -> CallerLeg:
        line = await _held(stage)
        await stage.owner("PUT", f"/calls/{line.uuid}/{what}", body)
        await line.hear(heard)
        await line.hang_up()
        return line

    return play


async def _stream(stage: CallDriver) -> CallerLeg:
    return await _play_into_the_call("stream", {"stream_url": [await stage.sound()]}, "stream")(
        stage
    )


async def _look_at_a_call(stage: CallDriver) -> CallerLeg:
    line = await _held(stage)
    call = await stage.owner("GET", f"/calls/{line.uuid}")
    if (call["uuid"], call["status"]) != (line.uuid, "answered"):
        raise ScenarioFailed(f"GET /calls/{{uuid}} tells of a call that is {call['status']}")
    await line.hang_up()
    return line


async def _look_at_all_calls(stage: CallDriver) -> CallerLeg:
    line = await _held(stage)
    page = await stage.owner("GET", "/calls?status=answered")
    if [call["uuid"] for call in page["calls"]] != [line.uuid]:
        raise ScenarioFailed(f"GET /calls tells of {len(page['calls'])} calls and not of one")
    await line.hang_up()
    return line


def _flow(title: str, name: str, play: Any, *heard: str, **more: int) -> Scenario:
    return Scenario(title, f"flow {name}", play, heard, flow=name, **more)


def _owner(title: str, request: str, play: Any, *heard: str, flow: str = "greet") -> Scenario:
    return Scenario(title, request, play, heard, flow=flow)


SCENARIOS = (
    _flow("Receive an inbound call", "greet", _listen_to_the_end, "4 4 7 7 0 0 9 0 0 1 2 3"),
    _flow("Connect an inbound call", "connect", _talk_with_somebody, "who is there"),
    _flow("Connect an inbound call: nobody answers", "connect", _find_nobody, "The line is busy"),
    _flow("Connect callers into a conference", "conference", _meet, "Good morning, everybody"),
    _flow("Handle user input with DTMF", "dtmf_menu", _choose, "from nine to five"),
    _flow("Handle user input with ASR", "speech", _speak, "you said good morning"),
    _flow("Record a call", "record_call", _talk_with_somebody, "is recorded", recordings=1),
    _flow(
        "Record a call with split audio",
        "record_split",
        _talk_with_somebody,
        "is recorded",
        recordings=1,
        channels=2,
    ),
    _flow("Record a conversation", "record_conversation", _meet, "It is recorded", recordings=1),
    _flow("Record a message", "voicemail", _leave_a_message, "Thank you", recordings=1),
    _flow("Track NCCO progress", "track_progress", _listen_to_the_end, "loud and clear"),
    Scenario(
        "Download a recording",
        "function fetch_recording",
        _download,
        ("Thank you",),
        recordings=1,
        flow="voicemail",
    ),
    _owner("Make an outbound call", "POST /calls", _call_with_a_flow, "Thank you for calling"),
    _owner(
        "Make an outbound call with an NCCO",
        "POST /calls",
        _call_with_an_ncco,
        "This is a text to speech call from Vonage",
    ),
    _owner("Transfer a call", "PUT /calls/{uuid}", _transfer, "hold the line", "Thank you"),
    _owner(
        "Transfer a call with an inline NCCO",
        "PUT /calls/{uuid}",
        _transfer_inline,
        "This is a transfer action using an inline NCCO",
    ),
    _owner("Mute a call", "PUT /calls/{uuid}", _mute, "Everybody hears", flow="conference"),
    _owner("Earmuff a call", "PUT /calls/{uuid}", _earmuff, "Everybody hears", flow="conference"),
    _owner(
        "Play text-to-speech into a call",
        "PUT /calls/{uuid}/talk",
        _play_into_the_call("talk", {"text": "Hello from Vonage"}, "Hello from Vonage"),
        "Hello from Vonage",
    ),
    _owner(
        "Play an audio stream into a call",
        "PUT /calls/{uuid}/stream",
        _stream,
        "(stream)",
    ),
    _owner(
        "Play DTMF into a call",
        "PUT /calls/{uuid}/dtmf",
        _play_into_the_call("dtmf", {"digits": "1713"}, "dtmf"),
        "1713",
    ),
    _owner("Retrieve information for a call", "GET /calls/{uuid}", _look_at_a_call),
    _owner("Retrieve information for all calls", "GET /calls", _look_at_all_calls),
)
