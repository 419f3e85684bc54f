"""What a page is told as it happens, what it misses, and what becomes of one that falls behind."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientConnectionResetError, WSMsgType

from local.aws.lambda_service import LogLine
from local.local_platform import LocalPlatform, PlatformOptions
from local.webconsole.live_feed import PAGES
from tests.local.webconsole.harness import PATIENCE, FakeLine, exchange, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def default(page: ConsoleClient) -> str:
    """Give what those do who are called and not set otherwise."""
    return str((await page.get("/sim/callees"))["default"]["behaviour"])


async def test_a_page_is_told_who_it_speaks_to_first(page: ConsoleClient) -> None:
    stack = await page.get("/api/stack")
    async with await page.connect() as line:
        hello = await line.socket.receive_json()
    assert hello == {"type": "hello", "platform": stack["platform"], "reset": True}


async def test_a_call_is_told_from_its_start_to_its_end(page: ConsoleClient) -> None:
    async with await page.connect() as line:
        leg = await page.ring()
        started = await line.next("entry", kind="leg", uuid=leg["uuid"], status="started")
        assert started["conversation_uuid"] == leg["conversation_uuid"]
        await page.send("POST", f"/sim/calls/{leg['uuid']}/hangup", expect=204)
        await line.next("entry", kind="leg", uuid=leg["uuid"], status="completed")


async def test_an_answer_of_the_api_is_told_with_its_flow(page: ConsoleClient) -> None:
    async with await page.connect() as line:
        leg = await page.ring()
        webhook = (await line.next("entry", kind="webhook", uuid=leg["uuid"]))["webhook"]
        exchange_id = webhook["reply"]["headers"]["apigw-requestid"]
    async with await page.connect() as line:  # one that comes later is told as well
        told = await line.next("exchange", id=exchange_id)
    assert set(told) == {"id", "route", "function", "request_id", "status", "ms", "flow"}
    assert (told["status"], told["ms"] > 0) == (webhook["status"], True)


async def test_what_a_function_writes_is_told(page: ConsoleClient) -> None:
    async with await page.connect() as line:
        await page.ring()
        log = await line.next("log", function="AnswerFunction")
        told = await line.next("exchange", route="POST /webhooks/answer")
    assert json.loads(log["text"])["flow"] == told["flow"] == "greet"
    assert log["request_id"] == told["request_id"]


async def test_a_page_that_comes_back_is_told_what_it_missed_and_no_more(
    page: ConsoleClient,
) -> None:
    async with await page.connect() as line:
        platform = (await line.socket.receive_json())["platform"]
        leg = await page.ring()
        last = await line.next("entry", uuid=leg["uuid"])
    async with await page.connect(last["id"], platform) as line:
        assert not (await line.next("hello"))["reset"]
        assert (await line.next("entry"))["id"] == last["id"] + 1


async def test_a_page_of_another_start_is_told_everything_anew(page: ConsoleClient) -> None:
    await page.ring()
    async with await page.connect(3, "another") as line:
        assert (await line.next("hello"))["reset"]
        assert (await line.next("entry"))["id"] == 1


async def test_a_page_that_was_away_too_long_is_told_everything_that_is_kept(
    booth: ConsoleHarness,
) -> None:
    # given a journal that has forgotten what a page would hear next
    booth.vonage.entries = [{"id": 50, "kind": "leg"}]
    platform = (await booth.page.get("/api/stack"))["platform"]
    # when it comes back
    async with await booth.page.connect(10, platform) as line:
        first, second, third = [await line.socket.receive_json() for _ in range(3)]
    # then it is to begin anew
    assert (first["type"], first["reset"]) == ("hello", False)
    assert (second["type"], second["reset"]) == ("hello", True)
    assert third == {"type": "entry", "entry": {"id": 50, "kind": "leg"}}


async def test_a_page_is_closed_when_the_journal_did_not_wait_for_it(booth: ConsoleHarness) -> None:
    booth.vonage.entries = [{"id": 1}, {"id": 2}, {"id": 9}]
    async with await booth.page.connect() as line:
        assert (await line.next("entry"))["id"] == 1
        assert (await line.next("entry"))["id"] == 2
        assert await line.closed() == 1001


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "%C2%B2", "9" * 19, "1e3"])
async def test_an_entry_that_cannot_be_is_refused(page: ConsoleClient, after: str) -> None:
    told = await page.get(f"/api/socket?after={after}", expect=400)
    assert told["detail"] == "after must be the id of an entry"


async def test_the_socket_is_no_page(page: ConsoleClient) -> None:
    async with page.http.get(f"{page.url}/api/socket") as reply:
        assert reply.status == 400
        assert (await reply.json())["title"]


async def test_who_is_called_rings_while_a_page_wants_it(page: ConsoleClient) -> None:
    assert await default(page) == "answer"
    async with await page.connect() as one, await page.connect() as two:
        for line in (one, two):
            await line.socket.send_json({"type": "ring", "on": True})
        await two.next("entry", kind="callees")
        assert await default(page) == "manual"
        await one.socket.send_json({"type": "ring", "on": False})
        await one.socket.send_json({"type": "ring", "on": False})
        await one.socket.close()
        assert await default(page) == "manual"
        await two.socket.send_json({"type": "ring", "on": False})
        await until(lambda: is_default(page, "answer"))


async def is_default(page: ConsoleClient, behaviour: str) -> bool:
    return await default(page) == behaviour


async def test_nobody_rings_any_more_when_the_last_page_vanishes(page: ConsoleClient) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{page.url}/api/socket")
        await socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(page, "manual"))
        connection = socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await until(lambda: is_default(page, "answer"))


async def test_what_was_set_before_is_put_back(page: ConsoleClient) -> None:
    before = {"behaviour": "machine", "after": 2.0, "beep_after": None, "greeting": "Beep."}
    await page.send("PUT", "/sim/callees/default", before)
    async with await page.connect() as line:
        await line.socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(page, "manual"))
    await until(lambda: is_default(page, "machine"))
    assert before.items() <= (await page.get("/sim/callees"))["default"].items()
    await page.send("DELETE", "/sim/callees/default", expect=204)


async def test_what_somebody_set_meanwhile_stays(page: ConsoleClient) -> None:
    async with await page.connect() as line:
        await line.socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(page, "manual"))
        await page.send("PUT", "/sim/callees/default", {"behaviour": "busy"})
    async with await page.connect() as line:  # its turn comes after the other's
        await line.socket.send_json({"type": "ring", "on": True})
        await until(lambda: is_default(page, "manual"))
    await until(lambda: is_default(page, "busy"))
    await page.send("DELETE", "/sim/callees/default", expect=204)


@pytest.mark.parametrize(
    "message",
    ["", "ring", "[]", "null", "{}", '{"type":"ring"}', '{"type":"ring","on":1}', "[" * 4000],
)
async def test_a_page_that_says_nonsense_is_closed(page: ConsoleClient, message: str) -> None:
    async with await page.connect() as line:
        await line.socket.send_str(message)
        assert await line.closed() == 1003


async def test_a_page_that_sends_bytes_is_closed(page: ConsoleClient) -> None:
    async with await page.connect() as line:
        await line.socket.send_bytes(b"\x00")
        assert await line.closed() == 1003


async def test_a_page_that_says_too_much_is_closed(page: ConsoleClient) -> None:
    async with await page.connect() as line:
        await line.socket.send_str("x" * 5000)
        assert await line.closed() in (1009, 1006)


async def test_a_page_that_takes_nothing_is_cut_off_and_nobody_waits_for_it(
    booth: ConsoleHarness,
) -> None:
    async with await booth.page.connect() as reading, await booth.page.connect() as stalled:
        await reading.next("hello")
        connection = stalled.socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        # when the API answers more than the page could be told
        long = "x" * 10_000
        for number in range(4000):
            booth.exchanges.add(exchange(number, route=long))
            if number % 100 == 0:
                await reading.next("exchange", id=f"exchange{number}")
        # then a page that reads has been told all of it, and the other one is cut off
        await reading.next("exchange", id="exchange3999")
        connection.transport.resume_reading()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises((ClientConnectionResetError, EOFError)):
                await until_cut(stalled.socket)


async def until_cut(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Read until the connection is lost; one that was closed in order gives no error."""
    while (message := await socket.receive()).type is WSMsgType.TEXT:
        pass
    if socket.close_code == 1006 or message.type is WSMsgType.ERROR:
        raise EOFError


async def test_more_pages_than_a_person_has_are_refused(booth: ConsoleHarness) -> None:
    lines = [await booth.page.connect() for _ in range(PAGES)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await booth.page.connect()
    assert refused.value.status == 503
    for line in lines:
        await line.socket.close()
    await until(lambda: connects(booth.page))


async def connects(page: ConsoleClient) -> bool:
    try:
        async with await page.connect():
            return True
    except aiohttp.WSServerHandshakeError:
        return False


async def test_a_long_line_of_a_log_is_told_in_part(booth: ConsoleHarness) -> None:
    async with await booth.page.connect() as line:
        await line.next("hello")
        booth.listeners[0](LogLine("AnswerFunction", "id", "x" * 100_000))
        assert len((await line.next("log"))["text"]) == 16 * 1024


async def test_a_changed_flow_is_told(booth: ConsoleHarness) -> None:
    async with await booth.page.connect() as line:
        await line.next("hello")
        (booth.folder / "code" / "app.py").write_text("x = 1")
        await line.next("flows")


async def test_pages_are_let_go_and_the_bell_is_put_back_when_the_platform_ends(
    own_project: Path, tmp_path: Path
) -> None:
    told: dict[str, Any] = {}
    async with (
        LocalPlatform(own_project, PlatformOptions(folder=tmp_path / "kept")) as platform,
        aiohttp.ClientSession() as http,
    ):
        socket = await http.ws_connect(f"{platform.phone.url}/api/socket")
        await socket.send_json({"type": "ring", "on": True})
        while told.get("entry", {}).get("kind") != "callees":
            told = await socket.receive_json()
        # when the phone ends before the rest
        ending = asyncio.create_task(platform.phone.stop())
        assert await FakeLine(socket).closed() == 1001
        await ending
        async with http.get(f"{platform.vonage.http_url}/sim/callees") as reply:
            assert (await reply.json())["default"]["behaviour"] == "answer"
