"""The live feed: what it sends, how pages resume it, and what happens to slow pages."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientConnectionResetError, WSMsgType

from local.aws.lambda_service import LogLine
from local.local_platform import LocalPlatform, PlatformOptions
from tests.local.webconsole.harness import TIMEOUT, FeedConnection, logged_request, until
from vonage_simulator.console.live_feed import MAX_PAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def default(client: ConsoleClient) -> str:
    """Return the default callee's behavior."""
    return str((await client.get("/sim/callees"))["default"]["behaviour"])


async def test_sends_hello_first(client: ConsoleClient) -> None:
    stack = await client.get("/api/stack")
    async with await client.connect() as feed:
        hello = await feed.socket.receive_json()
    assert hello == {"type": "hello", "platform": stack["platform"], "reset": True}


async def test_sends_a_calls_entries_from_started_to_completed(client: ConsoleClient) -> None:
    async with await client.connect() as feed:
        leg = await client.place_call()
        started = await feed.next("entry", kind="leg", uuid=leg["uuid"], status="started")
        assert started["conversation_uuid"] == leg["conversation_uuid"]
        await client.send("POST", f"/sim/calls/{leg['uuid']}/hangup", expect=204)
        await feed.next("entry", kind="leg", uuid=leg["uuid"], status="completed")


async def test_sends_the_claims_of_a_webhooks_token_without_its_signature(
    client: ConsoleClient,
) -> None:
    async with await client.connect() as feed:
        leg = await client.place_call()
        for kind in ("webhook_sent", "webhook"):
            sent = (await feed.next("entry", kind=kind, uuid=leg["uuid"]))["webhook"]["request"]
            head, claims, signature = sent["headers"]["Authorization"].split(".")
            assert (head[:7], signature) == ("Bearer ", "(hidden)")
            assert "payload_hash" in json.loads(base64.urlsafe_b64decode(claims + "=="))


async def test_sends_api_requests_with_their_flow_also_to_later_pages(
    client: ConsoleClient,
) -> None:
    async with await client.connect() as feed:
        leg = await client.place_call()
        webhook = (await feed.next("entry", kind="webhook", uuid=leg["uuid"]))["webhook"]
        exchange_id = webhook["reply"]["headers"]["apigw-requestid"]
    async with await client.connect() as feed:  # a page that connects later
        request = await feed.next("exchange", id=exchange_id)
    assert (request["flow"], request["level"]) == ("reception", "ok")
    assert (request["status"], request["ms"] > 0) == (webhook["status"], True)


async def test_sends_the_functions_log_lines(client: ConsoleClient) -> None:
    async with await client.connect() as feed:
        await client.place_call()
        log = await feed.next("log", function="AnswerFunction")
        request = await feed.next("exchange", route="POST /webhooks/answer")
    assert json.loads(log["text"])["flow"] == request["flow"] == "reception"
    assert log["request_id"] == request["request_id"]


async def test_sends_only_the_missed_entries_after_a_reconnect(
    client: ConsoleClient,
) -> None:
    async with await client.connect() as feed:
        platform = (await feed.socket.receive_json())["platform"]
        leg = await client.place_call()
        last = await feed.next("entry", uuid=leg["uuid"])
    async with await client.connect(last["id"], platform) as feed:
        assert not (await feed.next("hello"))["reset"]
        assert (await feed.next("entry"))["id"] == last["id"] + 1


async def test_resends_everything_to_a_page_of_an_earlier_start(client: ConsoleClient) -> None:
    await client.place_call()
    async with await client.connect(3, "another") as feed:
        assert (await feed.next("hello"))["reset"]
        assert (await feed.next("entry"))["id"] == 1


async def test_resets_a_page_whose_next_entry_is_no_longer_in_the_journal(
    harness: ConsoleHarness,
) -> None:
    # given a journal without the page's next entry
    harness.vonage.entries = [{"id": 50, "kind": "leg"}]
    platform = (await harness.client.get("/api/stack"))["platform"]
    # when the page reconnects
    async with await harness.client.connect(10, platform) as feed:
        first, second, third = [await feed.socket.receive_json() for _ in range(3)]
    # then the second hello resets it
    assert (first["type"], first["reset"]) == ("hello", False)
    assert (second["type"], second["reset"]) == ("hello", True)
    assert third == {"type": "entry", "entry": {"id": 50, "kind": "leg"}}


async def test_closes_if_the_journal_skips_entries(harness: ConsoleHarness) -> None:
    harness.vonage.entries = [{"id": 1}, {"id": 2}, {"id": 9}]
    async with await harness.client.connect() as feed:
        assert (await feed.next("entry"))["id"] == 1
        assert (await feed.next("entry"))["id"] == 2
        assert await feed.closed() == 1001


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "%C2%B2", "9" * 19, "1e3"])
async def test_rejects_an_invalid_entry_id(client: ConsoleClient, after: str) -> None:
    error = await client.get(f"/api/socket?after={after}", expect=400)
    assert error["detail"] == "after must be the id of an entry"


async def test_rejects_a_request_that_is_not_a_websocket(client: ConsoleClient) -> None:
    async with client.http.get(f"{client.url}/api/socket") as response:
        assert response.status == 400
        assert (await response.json())["title"]


async def test_callees_ring_while_at_least_one_page_asks_for_it(client: ConsoleClient) -> None:
    assert await default(client) == "answer"
    async with await client.connect() as one, await client.connect() as two:
        for feed in (one, two):
            await feed.socket.send_json({"type": "ring", "on": True})
        await two.next("entry", kind="callees")
        assert await default(client) == "manual"
        await one.socket.send_json({"type": "ring", "on": False})
        await one.socket.send_json({"type": "ring", "on": False})
        await one.socket.close()
        assert await default(client) == "manual"
        await two.socket.send_json({"type": "ring", "on": False})
        await until(lambda: is_default(client, "answer"))


async def is_default(client: ConsoleClient, behavior: str) -> bool:
    return await default(client) == behavior


async def test_callees_stop_ringing_when_the_last_page_is_lost(client: ConsoleClient) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{client.url}/api/socket")
        await socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(client, "manual"))
        connection = socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await until(lambda: is_default(client, "answer"))


async def test_restores_the_callees_previous_behavior(client: ConsoleClient) -> None:
    before = {"behaviour": "machine", "after": 2.0, "beep_after": None, "greeting": "Beep."}
    await client.send("PUT", "/sim/callees/default", before)
    async with await client.connect() as feed:
        await feed.socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(client, "manual"))
    await until(lambda: is_default(client, "machine"))
    assert before.items() <= (await client.get("/sim/callees"))["default"].items()
    await client.send("DELETE", "/sim/callees/default", expect=204)


async def test_keeps_a_callee_behavior_that_another_client_set(client: ConsoleClient) -> None:
    async with await client.connect() as feed:
        await feed.socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(client, "manual"))
        await client.send("PUT", "/sim/callees/default", {"behaviour": "busy"})
    async with await client.connect() as feed:  # takes effect after the first page's
        await feed.socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(client, "manual"))
    await until(lambda: is_default(client, "busy"))
    await client.send("DELETE", "/sim/callees/default", expect=204)


@pytest.mark.parametrize(
    "message",
    ["", "ring", "[]", "null", "{}", '{"type":"ring"}', '{"type":"ring","on":1}', "[" * 4000],
)
async def test_closes_on_an_invalid_message(client: ConsoleClient, message: str) -> None:
    async with await client.connect() as feed:
        await feed.socket.send_str(message)
        assert await feed.closed() == 1003


async def test_closes_on_a_binary_message(client: ConsoleClient) -> None:
    async with await client.connect() as feed:
        await feed.socket.send_bytes(b"\x00")
        assert await feed.closed() == 1003


async def test_closes_on_an_oversized_message(client: ConsoleClient) -> None:
    async with await client.connect() as feed:
        await feed.socket.send_str("x" * 5000)
        assert await feed.closed() in (1009, 1006)


async def test_aborts_a_page_that_does_not_read_without_delaying_others(
    harness: ConsoleHarness,
) -> None:
    async with await harness.client.connect() as reading, await harness.client.connect() as stalled:
        await reading.next("hello")
        connection = stalled.socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        # when the API gets more requests than the queue holds
        long = "x" * 10_000
        for number in range(4000):
            harness.request_log.add(logged_request(number, route=long))
            if number % 100 == 0:
                await reading.next("exchange", id=f"exchange{number}")
        # then the reading page gets all of them, and the other page is disconnected
        await reading.next("exchange", id="exchange3999")
        connection.transport.resume_reading()
        async with asyncio.timeout(TIMEOUT):
            with pytest.raises((ClientConnectionResetError, EOFError)):
                await until_cut(stalled.socket)


async def until_cut(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Read until the connection is lost, and raise EOFError unless it was closed."""
    while (message := await socket.receive()).type is WSMsgType.TEXT:
        pass
    if socket.close_code == 1006 or message.type is WSMsgType.ERROR:
        raise EOFError


async def test_rejects_more_than_the_maximum_number_of_pages(harness: ConsoleHarness) -> None:
    feeds = [await harness.client.connect() for _ in range(MAX_PAGES)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await harness.client.connect()
    assert refused.value.status == 503
    for feed in feeds:
        await feed.socket.close()
    await until(lambda: connects(harness.client))


async def connects(client: ConsoleClient) -> bool:
    try:
        async with await client.connect():
            return True
    except aiohttp.WSServerHandshakeError:
        return False


async def test_truncates_a_long_log_line(harness: ConsoleHarness) -> None:
    async with await harness.client.connect() as feed:
        await feed.next("hello")
        harness.listeners[0](LogLine("AnswerFunction", "id", "x" * 100_000))
        assert len((await feed.next("log"))["text"]) == 16 * 1024


async def test_reports_a_changed_file(harness: ConsoleHarness) -> None:
    async with await harness.client.connect() as feed:
        await feed.next("hello")
        (harness.folder / "code" / "app.py").write_text("x = 1")
        await feed.next("flows")


async def test_closes_pages_and_restores_callees_when_the_console_stops(
    own_project: Path, tmp_path: Path
) -> None:
    message: dict[str, Any] = {}
    async with (
        LocalPlatform(own_project, PlatformOptions(folder=tmp_path / "platform")) as platform,
        aiohttp.ClientSession() as http,
    ):
        socket = await http.ws_connect(f"{platform.phone.url}/api/socket")
        await socket.send_json({"type": "ring", "on": True})
        while message.get("entry", {}).get("kind") != "callees":
            message = await socket.receive_json()
        # when the console stops before the rest of the platform
        stopping = asyncio.create_task(platform.phone.stop())
        assert await FeedConnection(socket).closed() == 1001
        await stopping
        async with http.get(f"{platform.vonage.http_url}/sim/callees") as response:
            assert (await response.json())["default"]["behaviour"] == "answer"
