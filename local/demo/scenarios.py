"""The scenarios of the demo: each page of Vonage's Voice code snippets, and a business line."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.demo.call_driver import ScenarioFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.demo.call_driver import CallDriver, CallerLeg

SECOND_CALLER = "447700900124"
SPEED = 10.0  # of the simulator's clock, so that the demo is short

# One Vonage number for each flow.
NUMBERS = {
    flow: f"4477009002{index:02}"
    for index, flow in enumerate(
        (
            *("greet", "connect", "conference", "dtmf_menu", "speech", "record_call"),
            *("record_split", "record_conversation", "voicemail", "track_progress", "reception"),
        )
    )
}
_BUSINESS_LINE = "A business line"
_HOLD = [{"action": "talk", "text": "Please hold the line."}, {"action": "wait", "timeout": 120}]


@dataclass(frozen=True)
class Scenario:
    """One or two calls: the parties' actions, and what must be heard and stored.

    Attributes
    ----------
    title
        The page of Vonage's snippets, and a variant after a colon.
    by
        The part of this application: a flow, a function, or a request to the admin API.
    play
        Runs the scenario and returns the leg that the demo prints.
    heard
        Texts that must be heard on that leg.
    recordings
        The number of recordings that must be in the bucket at the end.
    channels
        The number of channels of each recording.
    flow
        The flow of the number that callers dial.
    mails
        How the subjects of the mails must begin; without any, mails are not compared.
    """

    title: str
    by: str
    play: Callable[[CallDriver], Awaitable[CallerLeg]]
    heard: tuple[str, ...] = ()
    recordings: int = 0
    channels: int = 1
    flow: str = "greet"
    mails: tuple[str, ...] = ()

    @property
    def snippet(self) -> str:
        """The title without the variant."""
        return self.title.partition(":")[0]

    @property
    def is_of_snippets(self) -> bool:
        """Whether the title is a page of Vonage's snippets."""
        return self.snippet != _BUSINESS_LINE


async def _pause(seconds: float) -> None:
    """Wait for seconds of the simulator's clock."""
    await asyncio.sleep(seconds / SPEED)


# Inbound calls


async def _listen(driver: CallDriver) -> CallerLeg:
    leg = await driver.call()
    await leg.over()
    return leg


async def _talk(driver: CallDriver) -> CallerLeg:
    await driver.set_callee("answer")
    leg = await driver.call()
    callee = await driver.callee()
    await callee.say("Hello, who is there?")
    await leg.hear("who is there")
    await leg.say("It is me.")
    await callee.hear("It is me")
    await leg.hang_up()
    return leg


async def _reach_busy_callee(driver: CallDriver) -> CallerLeg:
    await driver.set_callee("busy")
    return await _listen(driver)


async def _confer(driver: CallDriver) -> CallerLeg:
    first = await driver.call()
    second = await driver.call(SECOND_CALLER)
    for leg in (first, second):
        await leg.hear("connect you to the conference")
    await _pause(1)
    await first.say("Good morning, everybody.")
    await second.hear("Good morning, everybody")
    for leg in (first, second):
        await leg.hang_up()
    return second


async def _choose_from_menu(driver: CallDriver) -> CallerLeg:
    leg = await driver.call()
    await leg.hear("Hello, and thank you")
    await leg.press("7")
    await leg.hear("not one of the choices")
    await leg.press("1")
    await leg.over()
    return leg


async def _speak(driver: CallDriver) -> CallerLeg:
    leg = await driver.call()
    await leg.hear("Please say something")
    await leg.say("good morning")
    await leg.over()
    return leg


async def _leave_message(driver: CallDriver) -> CallerLeg:
    leg = await driver.call()
    await leg.hear("beep")
    await leg.say("This is a message. Please call me back.")
    await _pause(4)
    await leg.press("#")
    await leg.over()
    return leg


async def _download_recording(driver: CallDriver) -> CallerLeg:
    """Leave a message, and download the recording from the admin API's link."""
    leg = await _leave_message(driver)
    recording = await _recording_of(driver, leg)
    link = (await driver.request("GET", f"/recordings/{recording}"))["url"]
    async with driver.http.get(link) as response:
        content = await response.read()
    if response.status != 200 or len(content) < 1000:
        raise ScenarioFailed(f"the link returned {response.status} and {len(content)} bytes")
    return leg


async def _recording_of(driver: CallDriver, leg: CallerLeg) -> str:
    for _ in range(100):
        timeline = await driver.request("GET", f"/calls/{leg.uuid}/events")
        found = [
            event["fields"]["recording_uuid"]
            for event in timeline["events"]
            if event["kind"] == "record"
        ]
        if found:
            return str(found[0])
        await asyncio.sleep(0.1)
    raise ScenarioFailed("the timeline of the call has no recording")


# The business line


async def _leave_voicemail(driver: CallDriver) -> CallerLeg:
    """Leave a message after nobody answered, and play it with the link in the mail."""
    await driver.set_callee("no_answer")
    leg = await _leave_message(driver)
    mail = await driver.mail("Voicemail from")
    link = next(word for word in mail["text"].split() if "/listen/" in word)
    async with driver.http.get(link) as response:
        content = await response.read()
    if response.content_type != "audio/mpeg" or len(content) < 1000:
        raise ScenarioFailed(f"the link in the mail returned {response.status}")
    return leg


async def _give_up(driver: CallDriver) -> CallerLeg:
    """Hang up while the second number rings."""
    await driver.set_callee("no_answer")
    leg = await driver.call()
    await driver.ringing_callee()
    await leg.hang_up()
    await driver.mail("Missed call from")
    return leg


# Outbound calls, and requests that change a call


async def _call_with_flow(driver: CallDriver) -> CallerLeg:
    leg = await driver.place(flow="greet")
    await leg.over()
    return leg


async def _call_with_ncco(driver: CallDriver) -> CallerLeg:
    text = "This is a text to speech call from Vonage."
    leg = await driver.place(ncco=[{"action": "talk", "text": text}])
    await leg.over()
    return leg


async def _call_on_hold(driver: CallDriver) -> CallerLeg:
    leg = await driver.place(ncco=_HOLD)
    await leg.hear("hold the line")
    return leg


async def _transfer(driver: CallDriver) -> CallerLeg:
    leg = await _call_on_hold(driver)
    destination = {"type": "ncco", "flow": "greet"}
    change = {"action": "transfer", "destination": destination}
    await driver.request("PUT", f"/calls/{leg.uuid}", change)
    await leg.over()
    return leg


async def _transfer_inline(driver: CallDriver) -> CallerLeg:
    leg = await _call_on_hold(driver)
    text = "This is a transfer action using an inline NCCO"
    destination = {"type": "ncco", "ncco": [{"action": "talk", "text": text}]}
    change = {"action": "transfer", "destination": destination}
    await driver.request("PUT", f"/calls/{leg.uuid}", change)
    await leg.over()
    return leg


async def _conference_of_two(driver: CallDriver) -> tuple[CallerLeg, CallerLeg]:
    """Return the legs of a caller and a callee in one conference."""
    caller = await driver.call()
    callee = await driver.place(flow="conference")
    for leg in (caller, callee):
        await leg.hear("connect you to the conference")
    await _pause(1)
    return caller, callee


async def _mute(driver: CallDriver) -> CallerLeg:
    caller, callee = await _conference_of_two(driver)
    await _silence(driver, "mute", speaker=callee, listener=caller, target=callee)
    return caller


async def _earmuff(driver: CallDriver) -> CallerLeg:
    caller, callee = await _conference_of_two(driver)
    await _silence(driver, "earmuff", speaker=caller, listener=callee, target=callee)
    return callee


async def _silence(
    driver: CallDriver, action: str, *, speaker: CallerLeg, listener: CallerLeg, target: CallerLeg
) -> None:
    """Mute or earmuff a leg, undo it, and check what the listener hears."""
    await driver.request("PUT", f"/calls/{target.uuid}", {"action": action})
    await speaker.say("Nobody hears this.")
    await _pause(4)
    await driver.request("PUT", f"/calls/{target.uuid}", {"action": f"un{action}"})
    await speaker.say("Everybody hears this.")
    await listener.hear("Everybody hears this")
    if await listener.has_heard("Nobody hears this"):
        raise ScenarioFailed(f"{action}: the listener heard the speaker")
    for leg in (speaker, listener):
        await leg.hang_up()


def _play_into_call(
    action: str, body: dict[str, Any], heard: str
) -> Callable[[CallDriver], Awaitable[CallerLeg]]:
    async def play(driver: CallDriver) -> CallerLeg:
        leg = await _call_on_hold(driver)
        await driver.request("PUT", f"/calls/{leg.uuid}/{action}", body)
        await leg.hear(heard)
        await leg.hang_up()
        return leg

    return play


async def _stream(driver: CallDriver) -> CallerLeg:
    return await _play_into_call("stream", {"stream_url": [await driver.upload_sound()]}, "stream")(
        driver
    )


async def _retrieve_call(driver: CallDriver) -> CallerLeg:
    leg = await _call_on_hold(driver)
    call = await driver.request("GET", f"/calls/{leg.uuid}")
    if (call["uuid"], call["status"]) != (leg.uuid, "answered"):
        raise ScenarioFailed(f"GET /calls/{{uuid}} returned the status {call['status']}")
    await leg.hang_up()
    return leg


async def _retrieve_calls(driver: CallDriver) -> CallerLeg:
    leg = await _call_on_hold(driver)
    page = await driver.request("GET", "/calls?status=answered")
    if [call["uuid"] for call in page["calls"]] != [leg.uuid]:
        raise ScenarioFailed(f"GET /calls returned {len(page['calls'])} calls; expected 1")
    await leg.hang_up()
    return leg


def _flow(title: str, name: str, play: Any, *heard: str, **more: Any) -> Scenario:
    return Scenario(title, f"flow {name}", play, heard, flow=name, **more)


def _admin_api(title: str, request: str, play: Any, *heard: str, flow: str = "greet") -> Scenario:
    return Scenario(title, request, play, heard, flow=flow)


SCENARIOS = (
    _flow("Receive an inbound call", "greet", _listen, "4 4 7 7 0 0 9 0 0 1 2 3"),
    _flow("Connect an inbound call", "connect", _talk, "who is there"),
    _flow("Connect an inbound call: busy", "connect", _reach_busy_callee, "The line is busy"),
    _flow("Connect callers into a conference", "conference", _confer, "Good morning, everybody"),
    _flow("Handle user input with DTMF", "dtmf_menu", _choose_from_menu, "from nine to five"),
    _flow("Handle user input with ASR", "speech", _speak, "you said good morning"),
    _flow("Record a call", "record_call", _talk, "is recorded", recordings=1),
    _flow(
        "Record a call with split audio",
        "record_split",
        _talk,
        "is recorded",
        recordings=1,
        channels=2,
    ),
    _flow("Record a conversation", "record_conversation", _confer, "It is recorded", recordings=1),
    _flow("Record a message", "voicemail", _leave_message, "Thank you", recordings=1),
    _flow("Track NCCO progress", "track_progress", _listen, "loud and clear"),
    Scenario(
        "Download a recording",
        "function fetch_recording",
        _download_recording,
        ("Thank you",),
        recordings=1,
        flow="voicemail",
    ),
    _admin_api("Make an outbound call", "POST /calls", _call_with_flow, "Thank you for calling"),
    _admin_api(
        "Make an outbound call with an NCCO",
        "POST /calls",
        _call_with_ncco,
        "This is a text to speech call from Vonage",
    ),
    _admin_api("Transfer a call", "PUT /calls/{uuid}", _transfer, "hold the line", "Thank you"),
    _admin_api(
        "Transfer a call with an inline NCCO",
        "PUT /calls/{uuid}",
        _transfer_inline,
        "This is a transfer action using an inline NCCO",
    ),
    _admin_api("Mute a call", "PUT /calls/{uuid}", _mute, "Everybody hears", flow="conference"),
    _admin_api(
        "Earmuff a call", "PUT /calls/{uuid}", _earmuff, "Everybody hears", flow="conference"
    ),
    _admin_api(
        "Play text-to-speech into a call",
        "PUT /calls/{uuid}/talk",
        _play_into_call("talk", {"text": "Hello from Vonage"}, "Hello from Vonage"),
        "Hello from Vonage",
    ),
    _admin_api(
        "Play an audio stream into a call",
        "PUT /calls/{uuid}/stream",
        _stream,
        "(stream)",
    ),
    _admin_api(
        "Play DTMF into a call",
        "PUT /calls/{uuid}/dtmf",
        _play_into_call("dtmf", {"digits": "1713"}, "dtmf"),
        "1713",
    ),
    _admin_api("Retrieve information for a call", "GET /calls/{uuid}", _retrieve_call),
    _admin_api("Retrieve information for all calls", "GET /calls", _retrieve_calls),
    _flow(
        f"{_BUSINESS_LINE}: nobody answers",
        "reception",
        _leave_voicemail,
        "leave a message",
        "Thank you for your message",
        recordings=1,
        mails=("Voicemail from",),
    ),
    _flow(
        f"{_BUSINESS_LINE}: the caller gives up",
        "reception",
        _give_up,
        "Thank you for calling",
        mails=("Missed call from",),
    ),
)
