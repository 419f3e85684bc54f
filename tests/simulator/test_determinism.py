"""The same seed and the same inputs repeat the same sequence of webhooks."""

import re
from typing import Any

from tests.simulator.harness import CALLEE, SimulatorHarness, talk
from vonage_simulator import SimulatorSettings
from vonage_simulator.command_options import parser, settings_from


async def play(harness: SimulatorHarness) -> list[tuple[str, str, str]]:
    """Run several kinds of calls; return the kind, method and content of each webhook."""
    harness.on("/input", [talk("thank you"), {"action": "record", "endOnSilence": 3}])
    menu = [
        talk("press a key", bargeIn=True),
        {"action": "input", "type": ["dtmf", "speech"], "eventUrl": [harness.url("/input")]},
    ]
    dial = [{"action": "connect", "randomFromNumber": True,
             "endpoint": [{"type": "phone", "number": CALLEE}]}]  # fmt: skip
    harness.on("/answer", menu, dial, [{"action": "conversation", "name": "room", "record": True}])
    await harness.callee(says="who is there")
    await harness.faults(duplicate_delivery=0.2, swap_started_ringing=0.5, delay_webhook=0.2)
    calls = [await harness.receive_call(caller=f"4477009008{n:02d}") for n in range(4)]
    calls.append(await harness.place_call(menu, advanced_machine_detection={"mode": "default"}))
    await harness.step(2)
    await calls[0].press("12")
    await calls[2].say("good morning everybody")
    await harness.step(30)
    for call in calls:
        await harness.control("POST", f"/calls/{call.uuid}/hangup", {})
    await harness.step(30)
    webhooks = []
    for call in (await harness.control("GET", "/calls")).json["calls"]:
        view = (await harness.control("GET", f"/calls/{call['uuid']}")).json
        webhooks += [
            (w["at"], w["kind"], w["method"], content(harness, w)) for w in view["webhooks"]
        ]
    in_order = [entry["webhook"] for entry in await journal(harness)]
    assert len(in_order) == len(webhooks)
    return [(w["kind"], w["method"], content(harness, w)) for w in in_order]


async def journal(harness: SimulatorHarness) -> list[dict[str, Any]]:
    """Return every webhook in the order in which it was sent."""
    entries: list[dict[str, Any]] = []
    for call in (await harness.control("GET", "/calls")).json["calls"]:
        events = (await harness.control("GET", f"/calls/{call['uuid']}/events")).json["events"]
        entries += [event for event in events if event["kind"] == "webhook_sent"]
    return sorted(entries, key=lambda entry: int(entry["id"]))


def content(harness: SimulatorHarness, webhook: dict[str, Any]) -> str:
    """Return a webhook without what differs between two runs: ports."""
    return re.sub(r":\d{4,5}/", "/", webhook["url"] + str(webhook["request"]["body"])).replace(
        "%3A" + harness.simulator.tls_url.rpartition(":")[2], ""
    )


async def test_the_same_seed_repeats_the_sequence_of_webhooks(make_harness: Any) -> None:
    first = await play(await make_harness(seed=5))
    second = await play(await make_harness(seed=5))
    assert len(first) > 40
    assert first == second


async def ids_of_a_call(harness: SimulatorHarness) -> set[str]:
    """Return the ids that a call and its recording have, and those of its tokens."""
    call = await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(10)
    (record,) = [body for body in harness.events() if "recording_uuid" in body]
    file_id = record["recording_url"].rpartition("/")[2].partition("?")[0]
    tokens = {webhook.claims["jti"] for webhook in harness.received}
    assert len(tokens) == len(harness.received)
    application_id = harness.simulator.application_id
    call_ids = {call.uuid, call.conversation_uuid, record["recording_uuid"], file_id}
    return tokens | call_ids | {application_id}


async def test_ids_recording_ids_and_token_ids_are_random_without_a_seed(make_harness: Any) -> None:
    first = await ids_of_a_call(await make_harness(seed=None))
    second = await ids_of_a_call(await make_harness(seed=None))
    assert len(first) > 9
    assert not first & second


async def test_ids_are_random_unless_a_seed_is_given() -> None:
    assert SimulatorSettings().seed is None
    assert settings_from(parser().parse_args([]), None).seed is None
    assert settings_from(parser().parse_args(["--seed", "3"]), None).seed == 3


async def test_faults_without_a_seed_are_random(make_harness: Any) -> None:
    harness = await make_harness(seed=None)
    await harness.faults(unsigned=0.5)
    assert (await harness.control("GET", "/faults")).json["seed"] is None
    await harness.faults(seed=4, unsigned=0.5)
    assert (await harness.control("GET", "/faults")).json["seed"] == 4


async def test_another_seed_changes_the_ids(make_harness: Any) -> None:
    first = await (await make_harness(seed=5)).receive_call([])
    second = await (await make_harness(seed=6)).receive_call([])
    assert first.uuid != second.uuid
