"""The proxy forwards everything below /sim, and nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.local.webconsole.harness import SPEED, TIMEOUT, raw, until

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform
    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_forwards_every_method_with_query_body_and_response(
    harness: ConsoleHarness, method: str
) -> None:
    response = await harness.client.send(method, "/sim/x/y%20z?a=1&b=%2F", {"to": "1"}, expect=418)
    assert response == {"title": "odd"}
    ((sent, path, headers, body),) = harness.vonage.requests
    assert (sent, path, json.loads(body)) == (method, "/sim/x/y%20z?a=1&b=%2F", {"to": "1"})
    assert headers["content-type"] == "application/json"


async def test_does_not_forward_headers_that_identify_the_browser(harness: ConsoleHarness) -> None:
    names = ("Origin", "Cookie", "Authorization", "Referer", "X-Forwarded-For")
    headers = [f"{name}: {harness.client.url}" for name in names]
    await raw(harness.client.url, "GET /sim/calls", *headers)
    assert not {name.lower() for name in names} & set(harness.vonage.requests[0][2])


async def test_returns_html_as_octet_stream_and_drops_cookies(harness: ConsoleHarness) -> None:
    async with harness.client.http.get(f"{harness.client.url}/sim/page") as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
    async with harness.client.http.get(f"{harness.client.url}/sim/calls") as response:
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/sim/../v1/calls",
        "/sim/./../v1/calls",
        "/sim/%2e%2e/v1/calls",
        "/sim/%2E%2E%2Fv1/calls",
        "/sim/..%2fv1/calls",
        "/sim/..%5cv1/calls",
        "/sim/..\\v1/calls",
        "/%73im/../v1/calls",
        "//sim/calls",
        "/simulated",
        "/sim%2fcalls",
        "/v1/calls",
        "/v2/applications",
        "/account/numbers",
    ],
)
async def test_forwards_no_path_outside_sim(harness: ConsoleHarness, path: str) -> None:
    for method in ("GET", "POST"):
        status, _ = await raw(harness.client.url, f"{method} {path}")
        assert status == 404
    assert not harness.vonage.requests


async def test_ignores_another_host_in_the_request_line(harness: ConsoleHarness) -> None:
    for target in ("http://127.0.0.1:1/sim/calls", "//127.0.0.1:1/sim/calls", "*"):
        status, _ = await raw(harness.client.url, f"GET {target}")
        assert status in (400, 404, 418)
    assert all(path == "/sim/calls" for _, path, _, _ in harness.vonage.requests)


async def test_forwards_the_simulators_errors(client: ConsoleClient) -> None:
    response = await client.send("POST", "/sim/calls", {"from": "1"}, expect=400)
    assert response["title"]
    await client.get("/sim/calls/nobody", 404)


async def test_forwards_the_event_stream_without_delay(client: ConsoleClient) -> None:
    async with client.http.get(f"{client.url}/sim/events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        leg = await client.place_call()
        async with asyncio.timeout(TIMEOUT):
            while leg["uuid"].encode() not in await stream.content.readline():
                pass


async def test_returns_502_if_the_simulator_is_not_running(harness: ConsoleHarness) -> None:
    await harness.end_vonage()
    response = await harness.client.get("/sim/calls", 502)
    assert response["title"] == "The simulator is not responding"


async def test_relays_audio_both_ways_and_the_simulators_close_code(
    harness: ConsoleHarness,
) -> None:
    url = f"{harness.client.url}/sim/calls/known/audio"
    async with harness.client.http.ws_connect(url) as socket:
        audio = bytes(range(256)) * 125
        await socket.send_bytes(audio)
        assert await socket.receive_bytes(timeout=TIMEOUT) == audio
        await socket.send_json({"code": 4000})
        message = await socket.receive(timeout=TIMEOUT)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4000)


async def test_relays_a_pages_close_code_to_the_simulator(harness: ConsoleHarness) -> None:
    async with harness.client.http.ws_connect(
        f"{harness.client.url}/sim/calls/known/audio"
    ) as socket:
        await socket.close(code=1000)
    await until(lambda: has_closed(harness, "1000"))


async def test_closes_the_simulators_websocket_if_the_page_is_lost(harness: ConsoleHarness) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{harness.client.url}/sim/calls/known/audio")
        connection = socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await until(lambda: has_closed(harness))


async def has_closed(harness: ConsoleHarness, code: str | None = None) -> bool:
    return any(one[0] == "CLOSED" and code in (None, one[1]) for one in harness.vonage.requests)


async def test_closes_the_websocket_on_an_oversized_message(harness: ConsoleHarness) -> None:
    async with harness.client.http.ws_connect(
        f"{harness.client.url}/sim/calls/known/audio"
    ) as socket:
        await socket.send_bytes(bytes(300 * 1024))
        message = await socket.receive(timeout=TIMEOUT)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_rejects_a_websocket_that_the_simulator_rejects(
    real: LocalPlatform, client: ConsoleClient
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.http.ws_connect(f"{client.url}/sim/calls/nobody/audio")
    assert refused.value.status == 404


async def test_relays_speech_to_the_call_and_closes_when_the_call_ends(
    client: ConsoleClient,
) -> None:
    # given a call with a microphone, with the clock at real time
    await client.send("POST", "/sim/clock", {"speed": 1})
    try:
        async with await client.connect() as feed:
            leg = (await client.place_call())["uuid"]
            await feed.next("entry", kind="leg", uuid=leg, status="answered")
            url = f"{client.url}/sim/calls/{leg}/audio"
            async with client.http.ws_connect(url) as microphone:
                # when audio is sent
                await microphone.send_bytes(b"\x00\x40" * 3200)
                # then the call has a voice entry, and hanging up closes the microphone's WebSocket
                await feed.next("entry", kind="voice", uuid=leg, state="started")
                await client.send("POST", f"/sim/calls/{leg}/hangup", expect=204)
                message = await microphone.receive(timeout=TIMEOUT)
                assert message.type is aiohttp.WSMsgType.CLOSE
                assert microphone.close_code == 1000
    finally:
        await client.send("POST", "/sim/clock", {"speed": SPEED})
