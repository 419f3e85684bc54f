"""The journal and the control API hide the input of URLs with the parameter `secret`."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import NUMBER, SimulatorHarness, talk

DIGITS = "73519462880147359264"
WORDS = "the purple elephant"


def secret_input(harness: SimulatorHarness, *kinds: str, **more: Any) -> dict[str, Any]:
    return {
        "action": "input",
        "type": [*kinds],
        **({"dtmf": {"maxDigits": 20}} if "dtmf" in kinds else {}),
        "eventUrl": [harness.url("/input?flow=pin&secret=1")],
        **more,
    }


async def everything_shown(harness: SimulatorHarness) -> str:
    """Return everything that the control API shows, except what the application's server said."""
    entries = [
        entry
        for kind in ("digit", "speech", "webhook_sent", "webhook", "action", "leg", "error")
        for entry in await harness.entries(kind)
    ]
    legs = (await harness.control("GET", "/calls")).json["calls"]
    views = [(await harness.control("GET", f"/calls/{leg['uuid']}")).json for leg in legs]
    return json.dumps([entries, views])


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_secret_digits_reach_only_the_application(
    harness: SimulatorHarness, method: str
) -> None:
    call = await harness.receive_call([secret_input(harness, "dtmf", eventMethod=method)])
    await call.press(DIGITS)
    await harness.step(10)
    (webhook,) = harness.sent_to("/input")
    assert DIGITS in (webhook.query_string + webhook.raw.decode())
    shown = await everything_shown(harness)
    assert DIGITS not in shown
    assert webhook.claims["payload_hash"] not in shown
    assert webhook.headers["Authorization"] not in shown
    assert {entry["digit"] for entry in await harness.entries("digit")} == {"secret"}
    (sent,) = [
        entry["webhook"]
        for entry in await harness.entries("webhook")
        if "secret=1" in entry["webhook"]["url"]
    ]
    assert "secret" in (sent["request"]["body"] or sent["url"].partition("secret=1")[2])


async def test_digits_pressed_during_the_prompt_of_a_secret_input_are_hidden(
    harness: SimulatorHarness,
) -> None:
    prompt = talk("Please enter your number.", bargeIn=True)
    call = await harness.receive_call([talk("Hello."), prompt, secret_input(harness, "dtmf")])
    await call.press(DIGITS)
    await harness.step(30)
    assert {entry["digit"] for entry in await harness.entries("digit")} == {"secret"}
    assert harness.sent_to("/input") != []


async def test_secret_words_reach_only_the_application(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([secret_input(harness, "speech")])
    await call.say(WORDS)
    await harness.step(30)
    assert WORDS in harness.sent_to("/input")[0].raw.decode()
    assert WORDS not in await everything_shown(harness)


async def test_the_digits_of_a_secret_asynchronous_input_are_hidden(
    harness: SimulatorHarness,
) -> None:
    live = {**secret_input(harness, "dtmf"), "mode": "asynchronous"}
    del live["dtmf"]
    call = await harness.receive_call([live, talk("Hello. " * 50)])
    await call.press("58")
    await harness.step(2)
    received = [webhook.fields["dtmf"]["digits"] for webhook in harness.sent_to("/input")]
    assert received == ["5", "8"]
    assert {entry["digit"] for entry in await harness.entries("digit")} == {"secret"}
    shown = [entry["webhook"]["request"]["body"] for entry in await harness.entries("webhook")]
    digits = [json.loads(body)["dtmf"]["digits"] for body in shown if body and '"dtmf"' in body]
    assert digits == ["secret", "secret"]


async def test_a_fallback_request_hides_the_secret_of_the_webhook_that_failed(
    make_harness: Callable[..., Awaitable[SimulatorHarness]],
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/input", web.Response(status=500))
    call = await harness.receive_call([secret_input(harness, "dtmf")])
    await call.press(DIGITS)
    await harness.step(10)
    (webhook,) = harness.sent_to("/fallback")
    assert webhook.fields["dtmf"]["digits"] == DIGITS
    shown = await everything_shown(harness)
    assert "/fallback" in shown
    assert DIGITS not in shown


@pytest.mark.parametrize("query", ["", "?not_secret=1", "?flow=secret"])
async def test_other_inputs_are_shown(harness: SimulatorHarness, query: str) -> None:
    ncco = [secret_input(harness, "dtmf", eventUrl=[harness.url(f"/input{query}")])]
    call = await harness.receive_call(ncco, to=NUMBER)
    await call.press(DIGITS)
    await harness.step(10)
    assert DIGITS in await everything_shown(harness)
    assert [entry["digit"] for entry in await harness.entries("digit")] == list(DIGITS)
