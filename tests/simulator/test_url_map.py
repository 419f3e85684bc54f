"""--map: what the simulator sends to one origin goes to another."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from tests.simulator.harness import SimulatorHarness, talk
from tests.simulator.test_ncco_talk_and_stream import audio_file
from vonage_simulator import WebhookTarget
from vonage_simulator.url_map import UrlMap, origin_of

MakeHarness = Callable[..., Awaitable[SimulatorHarness]]
ANSWER = WebhookTarget("https://my.app/answer?tenant=a%2Fb", "GET")
EVENT = WebhookTarget("https://my.app/event")


async def mapped(make: MakeHarness) -> tuple[SimulatorHarness, SimulatorHarness]:
    """Return a harness whose simulator calls https://my.app, and one that takes its requests."""
    target = await make()
    url_map = (("https://my.app", target.base),)
    harness = await make(url_map=url_map, answer=ANSWER)
    harness.simulator.application().event = EVENT
    return harness, target


async def test_webhooks_and_audio_go_to_the_mapped_origin(make_harness: MakeHarness) -> None:
    harness, target = await mapped(make_harness)
    target.on("/answer", [{"action": "stream", "streamUrl": ["https://my.app/prompt.wav"]}])
    target.on("/prompt.wav", audio_file(1))
    call = await harness.receive_call()
    await harness.step(1)
    assert [sound["kind"] for sound in await call.heard()] == ["stream"]
    assert {"/answer", "/event", "/prompt.wav"} == {one.path for one in target.received}
    assert target.sent_to("/answer")[0].fields["tenant"] == "a/b"


async def test_requests_keep_the_host_and_scheme_of_their_url(make_harness: MakeHarness) -> None:
    harness, target = await mapped(make_harness)
    target.on("/answer", [talk("hello")])
    await harness.receive_call()
    headers = target.sent_to("/answer")[0].headers
    assert (headers["Host"], headers["X-Forwarded-Proto"]) == ("my.app", "https")


async def test_a_redirect_names_the_host_that_it_leads_to(make_harness: MakeHarness) -> None:
    harness, target = await mapped(make_harness)
    other = await make_harness()
    moved = web.Response(status=302, headers={"Location": other.url("/prompt.wav")})
    target.on("/answer", [{"action": "stream", "streamUrl": ["https://my.app/prompt.wav"]}])
    target.on("/prompt.wav", moved)
    other.on("/prompt.wav", audio_file(1))
    call = await harness.receive_call()
    await harness.step(1)
    assert [sound["kind"] for sound in await call.heard()] == ["stream"]
    headers = other.sent_to("/prompt.wav")[0].headers
    assert other.base == f"http://{headers['Host']}"
    assert "X-Forwarded-Proto" not in headers


async def test_a_dropped_webhook_is_dropped_at_the_mapped_origin(make_harness: MakeHarness) -> None:
    harness, target = await mapped(make_harness)
    target.on("/answer", [talk("hello")])
    await harness.faults(webhook_drop_after_body={"probability": 1, "times": 1})
    await harness.receive_call()
    await harness.step(2)
    entries = [one["webhook"] for one in await harness.entries("webhook")]
    assert "Connection closed." in [one["error"] for one in entries]
    assert "Bad URL." not in [one["error"] for one in entries]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://my.app/a?b=%2F#c", "http://localhost:3000/a?b=%2F#c"),
        ("HTTPS://MY.APP:443/a", "http://localhost:3000/a"),
        ("https://user:password@my.app", "http://localhost:3000"),
        ("wss://my.app/socket", "ws://localhost:3000/socket"),
        ("http://my.app/a", "http://my.app/a"),
        ("https://my.app:8443/a", "https://my.app:8443/a"),
        ("https://my.app.example/a", "https://my.app.example/a"),
        ("ws://plain.app/socket", "wss://localhost:3443/socket"),
    ],
)
def test_only_the_same_origin_is_mapped(url: str, target: str) -> None:
    origins = {
        "https://my.app": "http://localhost:3000",
        "http://plain.app": "https://localhost:3443",
    }
    assert UrlMap(origins.items()).resolve(url)[0] == target


@pytest.mark.parametrize("text", ["my.app", "ftp://my.app", "https://my.app/path", "https://", ""])
def test_anything_but_an_origin_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        origin_of(text)
