"""The simulator's door through the phone: everything below /sim, and nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.local.webconsole.harness import PATIENCE, SPEED, raw, until

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform
    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_every_method_goes_through_with_query_body_and_answer(
    booth: ConsoleHarness, method: str
) -> None:
    told = await booth.page.send(method, "/sim/x/y%20z?a=1&b=%2F", {"to": "1"}, expect=418)
    assert told == {"title": "odd"}
    ((sent, path, headers, body),) = booth.vonage.requests
    assert (sent, path, json.loads(body)) == (method, "/sim/x/y%20z?a=1&b=%2F", {"to": "1"})
    assert headers["content-type"] == "application/json"


async def test_what_tells_of_the_browser_does_not_go_through(booth: ConsoleHarness) -> None:
    given = ("Origin", "Cookie", "Authorization", "Referer", "X-Forwarded-For")
    headers = [f"{name}: {booth.page.url}" for name in given]
    await raw(booth.page.url, "GET /sim/calls", *headers)
    assert not {name.lower() for name in given} & set(booth.vonage.requests[0][2])


async def test_what_could_be_a_page_comes_back_as_none(booth: ConsoleHarness) -> None:
    async with booth.page.http.get(f"{booth.page.url}/sim/page") as reply:
        assert reply.headers["Content-Type"] == "application/octet-stream"
    async with booth.page.http.get(f"{booth.page.url}/sim/calls") as reply:
        assert "Set-Cookie" not in reply.headers


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
async def test_nothing_but_the_simulators_own_door_is_reached(
    booth: ConsoleHarness, path: str
) -> None:
    for method in ("GET", "POST"):
        status, _ = await raw(booth.page.url, f"{method} {path}")
        assert status == 404
    assert not booth.vonage.requests


async def test_another_host_in_the_request_line_leads_nowhere(booth: ConsoleHarness) -> None:
    for target in ("http://127.0.0.1:1/sim/calls", "//127.0.0.1:1/sim/calls", "*"):
        status, _ = await raw(booth.page.url, f"GET {target}")
        assert status in (400, 404, 418)
    assert all(path == "/sim/calls" for _, path, _, _ in booth.vonage.requests)


async def test_the_simulators_refusals_come_through(page: ConsoleClient) -> None:
    told = await page.send("POST", "/sim/calls", {"from": "1"}, expect=400)
    assert told["title"]
    await page.get("/sim/calls/nobody", 404)


async def test_the_stream_of_events_comes_through_as_it_happens(page: ConsoleClient) -> None:
    async with page.http.get(f"{page.url}/sim/events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        leg = await page.ring()
        async with asyncio.timeout(PATIENCE):
            while leg["uuid"].encode() not in await stream.content.readline():
                pass


async def test_a_simulator_that_is_gone_is_told(booth: ConsoleHarness) -> None:
    await booth.end_vonage()
    told = await booth.page.get("/sim/calls", 502)
    assert told["title"] == "The simulated Vonage does not answer"


async def test_sound_goes_both_ways_and_ends_as_the_simulator_ends_it(
    booth: ConsoleHarness,
) -> None:
    url = f"{booth.page.url}/sim/calls/known/audio"
    async with booth.page.http.ws_connect(url) as socket:
        sound = bytes(range(256)) * 125
        await socket.send_bytes(sound)
        assert await socket.receive_bytes(timeout=PATIENCE) == sound
        await socket.send_json({"code": 4000})
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4000)


async def test_a_page_that_hangs_up_ends_it_at_the_simulator(booth: ConsoleHarness) -> None:
    async with booth.page.http.ws_connect(f"{booth.page.url}/sim/calls/known/audio") as socket:
        await socket.close(code=1000)
    await until(lambda: has_closed(booth, "1000"))


async def test_a_page_that_vanishes_ends_it_at_the_simulator(booth: ConsoleHarness) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{booth.page.url}/sim/calls/known/audio")
        connection = socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await until(lambda: has_closed(booth))


async def has_closed(booth: ConsoleHarness, code: str | None = None) -> bool:
    return any(one[0] == "CLOSED" and code in (None, one[1]) for one in booth.vonage.requests)


async def test_more_sound_than_anybody_says_at_once_is_closed(booth: ConsoleHarness) -> None:
    async with booth.page.http.ws_connect(f"{booth.page.url}/sim/calls/known/audio") as socket:
        await socket.send_bytes(bytes(300 * 1024))
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_a_socket_that_the_simulator_refuses_is_refused(
    real: LocalPlatform, page: ConsoleClient
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await page.http.ws_connect(f"{page.url}/sim/calls/nobody/audio")
    assert refused.value.status == 404


async def test_a_voice_goes_through_to_the_call_and_the_line_ends_with_it(
    page: ConsoleClient,
) -> None:
    # given somebody on the line with a microphone, at the speed of real time
    await page.send("POST", "/sim/clock", {"speed": 1})
    try:
        async with await page.connect() as line:
            leg = (await page.ring())["uuid"]
            await line.next("entry", kind="leg", uuid=leg, status="answered")
            url = f"{page.url}/sim/calls/{leg}/audio"
            async with page.http.ws_connect(url) as microphone:
                # when they say something
                await microphone.send_bytes(b"\x00\x40" * 3200)
                # then it is heard in the call, and the microphone's line ends with the call
                await line.next("entry", kind="voice", uuid=leg, state="started")
                await page.send("POST", f"/sim/calls/{leg}/hangup", expect=204)
                message = await microphone.receive(timeout=PATIENCE)
                assert message.type is aiohttp.WSMsgType.CLOSE
                assert microphone.close_code == 1000
    finally:
        await page.send("POST", "/sim/clock", {"speed": SPEED})
