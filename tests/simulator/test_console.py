"""The web console of the simulator by itself: its page, its feed, and the way to /sim."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from vonage_simulator import Simulator, SimulatorSettings
from vonage_simulator.console import ConsoleServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="session")
NUMBER = "447700900001"


@pytest_asyncio.fixture(loop_scope="session")
async def console() -> AsyncIterator[ConsoleServer]:
    """A console of a simulator without an application program."""
    async with Simulator(SimulatorSettings(numbers=(NUMBER,))) as simulator:
        numbers = [{"number": NUMBER, "flow": None}]
        server = ConsoleServer({"numbers": numbers, "vonage_url": simulator.http_url})
        await server.start(socket.create_server(("127.0.0.1", 0)))
        yield server
        await server.stop()


async def test_every_file_that_the_page_imports_is_served(console: ConsoleServer) -> None:
    async with aiohttp.ClientSession(console.url) as http:
        waiting, seen = ["index.html", "app.js", "style.css", "views.css"], set[str]()
        while waiting:
            name = waiting.pop()
            async with http.get(f"/page/{name}") as response:
                assert response.status == 200, name
                text = await response.text()
            seen.add(name)
            if name.endswith(".js") and name != "preact.js":
                imported = {
                    part.partition('"')[0] for part in text.split('from "./')[1:] if "\n" in part
                }
                waiting += imported - seen - set(waiting)
    assert {"extensions.js", "rows.js", "preact.js"} <= seen


async def test_a_page_places_a_call_and_gets_its_entries(console: ConsoleServer) -> None:
    async with aiohttp.ClientSession(console.url) as http:
        async with http.get("/api/stack") as response:
            assert (await response.json())["numbers"] == [{"number": NUMBER, "flow": None}]
        async with http.ws_connect("/api/socket") as feed:
            hello = json.loads(await feed.receive_str())
            assert (hello["type"], hello["reset"]) == ("hello", True)
            body = {"from": "447700900999", "to": NUMBER}
            async with http.post("/sim/calls", json=body) as response:
                uuid = (await response.json())["uuid"]
            while True:
                message = json.loads(await feed.receive_str())
                if message.get("entry", {}).get("uuid") == uuid:
                    break
        assert message["type"] == "entry"


async def test_another_website_gets_nothing(console: ConsoleServer) -> None:
    async with (
        aiohttp.ClientSession(console.url) as http,
        http.get("/api/stack", headers={"Origin": "https://example.com"}) as response,
    ):
        assert response.status == 403
