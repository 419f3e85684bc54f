"""Each kind of event goes to the URL that one rule chooses, whatever the origin of its leg."""

from typing import Any

import pytest

from tests.simulator.harness import (
    CALLEE,
    NUMBER,
    HarnessCall,
    HarnessWebhook,
    SimulatorHarness,
    talk,
)
from tests.simulator.test_websocket_leg import settle, socket  # noqa: F401 a fixture

# How the leg began, and the path that its events go to.
ORIGINS = {
    "inbound": "/event",
    "API": "/event",
    "API with event_url": "/call-events",
    "connect": "/event",
    "connect with eventUrl": "/leg-events",
}
OUTBOUND = [name for name in ORIGINS if name != "inbound"]
OWN = "/own"

# Events of an action: the action, and a field that only its event has.
ACTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "input": ({"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 1}}, "dtmf"),
    "input without type": ({"action": "input", "timeOut": 1}, "timed_out"),
    "asynchronous input": ({"action": "input", "type": ["dtmf"], "mode": "asynchronous"}, "dtmf"),
    "record": ({"action": "record", "timeOut": 3}, "recording_url"),
    "conversation record": (
        {"action": "conversation", "name": "room", "record": True},
        "recording_url",
    ),
}


async def begin(
    harness: SimulatorHarness, origin: str, endpoint: dict[str, Any], detection: dict[str, Any]
) -> HarnessCall:
    """Begin a call with a leg of this origin, and return the leg."""
    wait = {"action": "wait", "timeout": 600}
    if origin == "inbound":
        return await harness.receive_call([wait])
    if origin.startswith("API"):
        path = ORIGINS[origin]
        options: dict[str, Any] = {}
        if "event_url" in origin:
            options["event_url"] = [harness.url(path)]
        if detection:
            options |= {"advanced_machine_detection": detection}
        return await harness.place_call([wait], to=[endpoint], **options)
    connect: dict[str, Any] = {"action": "connect", "from": NUMBER, "endpoint": [endpoint]}
    if "eventUrl" in origin:
        connect["eventUrl"] = [harness.url(ORIGINS[origin])]
    if detection:
        connect["advancedMachineDetection"] = detection
    await harness.receive_call([connect])
    return await harness.called_leg()


async def leg_of(
    harness: SimulatorHarness,
    origin: str,
    endpoint: dict[str, Any] | None = None,
    **detection: Any,
) -> HarnessCall:
    """Begin a call with a leg of this origin, let it be answered, and return the leg."""
    phone = {"type": "phone", "number": CALLEE}
    leg = await begin(harness, origin, endpoint or phone, detection)
    await settle(harness, 2)
    return leg


async def run(harness: SimulatorHarness, leg: HarnessCall, *actions: dict[str, Any]) -> None:
    """Run an NCCO on the leg, press a digit, and let its events arrive."""
    destination = {"type": "ncco", "ncco": [*actions, {"action": "wait", "timeout": 60}]}
    assert (await leg.put({"action": "transfer", "destination": destination})).status == 204
    await leg.press("5")
    await harness.step(8)
    await leg.hang_up()
    await harness.step(10)


def paths(harness: SimulatorHarness, name: str) -> set[str]:
    """Return the paths that received a webhook with this field."""
    return {webhook.path for webhook in harness.received if name in fields_of(webhook)}


def paths_of_status(harness: SimulatorHarness, leg: HarnessCall, status: str) -> set[str]:
    """Return the paths that received a status of the leg."""
    return {
        webhook.path
        for webhook in harness.received
        if fields_of(webhook).get("status") == status
        and leg.uuid in (fields_of(webhook).get("uuid"), fields_of(webhook).get("call_uuid"))
    }


def fields_of(webhook: HarnessWebhook) -> dict[str, Any]:
    return {} if webhook.path == "/answer" else webhook.fields


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("kind", ACTIONS)
async def test_event_of_an_action_goes_to_the_event_url_of_the_leg(
    harness: SimulatorHarness, origin: str, kind: str
) -> None:
    action, name = ACTIONS[kind]
    await run(harness, await leg_of(harness, origin), action)
    assert paths(harness, name) == {ORIGINS[origin]}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("kind", ACTIONS)
async def test_event_of_an_action_goes_to_its_own_event_url(
    harness: SimulatorHarness, origin: str, kind: str
) -> None:
    action, name = ACTIONS[kind]
    own = {"eventUrl": [harness.url(OWN)]}
    await run(harness, await leg_of(harness, origin), action | own)
    assert paths(harness, name) == {OWN}


@pytest.mark.parametrize("origin", ORIGINS)
async def test_event_of_notify_goes_to_its_own_event_url(
    harness: SimulatorHarness, origin: str
) -> None:
    notify = {"action": "notify", "payload": {"step": 1}, "eventUrl": [harness.url(OWN)]}
    await run(harness, await leg_of(harness, origin), notify)
    assert paths(harness, "payload") == {OWN}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    ("transcription", "record", "expected"),
    [
        pytest.param(None, None, None, id="the leg's"),
        pytest.param(None, "/own-record", "/own-record", id="the record action's"),
        pytest.param(OWN, "/own-record", OWN, id="its own"),
    ],
)
async def test_event_of_a_transcription_goes_to_its_own_event_url_or_that_of_the_record_action(
    harness: SimulatorHarness,
    origin: str,
    transcription: str | None,
    record: str | None,
    expected: str | None,
) -> None:
    def named(path: str | None) -> dict[str, Any]:
        return {} if path is None else {"eventUrl": [harness.url(path)]}

    action = {"action": "record", "timeOut": 3, "transcription": named(transcription)}
    await run(harness, await leg_of(harness, origin), action | named(record))
    assert paths(harness, "transcription_url") == {expected or ORIGINS[origin]}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    "actions",
    [
        pytest.param([talk("hello")], id="by the API"),
        pytest.param([{"action": "conversation", "name": "room"}], id="by a conversation action"),
    ],
)
async def test_event_of_a_transfer_goes_to_the_event_url_of_the_leg(
    harness: SimulatorHarness, origin: str, actions: list[dict[str, Any]]
) -> None:
    await run(harness, await leg_of(harness, origin), *actions)
    assert paths(harness, "conversation_uuid_to") == {ORIGINS[origin]}


@pytest.mark.parametrize("origin", ORIGINS)
async def test_event_of_an_error_goes_to_the_event_url_of_the_leg(
    harness: SimulatorHarness, origin: str
) -> None:
    unknown = {"action": "transfer", "conversationId": "CON-unknown"}
    await run(harness, await leg_of(harness, origin), unknown)
    assert paths(harness, "reason") == {ORIGINS[origin]}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("status", ["started", "ringing", "answered", "completed"])
async def test_event_of_a_status_goes_to_the_event_url_of_the_leg(
    harness: SimulatorHarness, origin: str, status: str
) -> None:
    leg = await leg_of(harness, origin)
    await leg.hang_up()
    await harness.step(1)
    assert paths_of_status(harness, leg, status) == {ORIGINS[origin]}


@pytest.mark.parametrize("origin", OUTBOUND)
@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("busy", "busy"),
        ("reject", "rejected"),
        ("unavailable", "unanswered"),
        ("invalid", "failed"),
        ("no_answer", "timeout"),
    ],
)
async def test_event_of_an_unanswered_leg_goes_to_its_event_url(
    harness: SimulatorHarness, origin: str, behaviour: str, status: str
) -> None:
    await harness.callee(behaviour=behaviour)
    leg = await leg_of(harness, origin)
    await harness.step(70)
    assert paths_of_status(harness, leg, status) == {ORIGINS[origin]}


@pytest.mark.parametrize("origin", OUTBOUND)
@pytest.mark.parametrize(("behaviour", "status"), [("machine", "machine"), ("answer", "human")])
async def test_event_of_machine_detection_goes_to_the_event_url_of_the_leg(
    harness: SimulatorHarness, origin: str, behaviour: str, status: str
) -> None:
    await harness.callee(behaviour=behaviour)
    leg = await leg_of(harness, origin, mode="default")
    await harness.step(20)
    assert paths_of_status(harness, leg, status) == {ORIGINS[origin]}
    assert len(harness.sent_to(ORIGINS[origin])) > 3
    assert paths(harness, "sub_state") == ({ORIGINS[origin]} if status == "machine" else set())


@pytest.mark.parametrize("origin", OUTBOUND)
async def test_event_of_a_disconnected_websocket_goes_to_the_event_url_of_the_leg(
    harness: SimulatorHarness,
    origin: str,
    socket: Any,  # noqa: F811 the imported fixture
) -> None:
    server, uri = socket
    endpoint = {"type": "websocket", "uri": uri, "content-type": "audio/l16;rate=16000"}
    leg = await leg_of(harness, origin, endpoint)
    await server.socket.close()
    await settle(harness, 2)
    assert paths_of_status(harness, leg, "disconnected") == {ORIGINS[origin]}
