"""What the gateway keeps of the API's requests and answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.aws.request_log import LoggedRequest, RequestLog

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


def exchange(number: int, body: bytes = b"") -> LoggedRequest:
    return LoggedRequest(f"id{number}", "GET /x", "X", None, (), None, 200, {}, body, 1.0)


async def test_an_exchange_is_kept_by_the_id_that_its_answer_names(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    async with http.post("/probe?do=log", data="{}", headers={"X-One": "1"}) as reply:
        assert reply.status == 200
    kept = platform.gateway.exchanges.get(reply.headers["Apigw-Requestid"])
    assert kept is not None
    assert (kept.route, kept.function, kept.status) == ("POST /probe", "Probe", 200)
    assert kept.body == b"logged"
    assert kept.headers["content-type"] == reply.headers["Content-Type"]
    assert kept.event is not None
    assert kept.event["headers"]["x-one"] == "1"
    assert kept.event["requestContext"]["requestId"] == kept.id
    assert kept.log[0] == "printed"
    assert json.loads(kept.log[1])["requestId"] == kept.request_id
    assert kept.ms > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "invoked"),
    [
        ("GET", "/probe?do=raise", 500, True),
        ("GET", "/broken", 500, True),
        ("PUT", "/owner/1", 403, False),
    ],
)
async def test_an_exchange_that_failed_is_kept(
    platform: LocalPlatform,
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    status: int,
    invoked: bool,
) -> None:
    async with http.request(method, path) as reply:
        assert reply.status == status
    kept = platform.gateway.exchanges.get(reply.headers["Apigw-Requestid"])
    assert kept is not None
    assert kept.status == status
    assert (kept.request_id is not None, kept.event is not None) == (invoked, invoked)


async def test_a_request_that_no_route_takes_is_not_kept(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    async with http.get("/nowhere") as reply:
        assert reply.status == 404
    assert platform.gateway.exchanges.get(reply.headers["Apigw-Requestid"]) is None


async def test_the_oldest_are_forgotten() -> None:
    exchanges = RequestLog(kept=3)
    for number in range(5):
        exchanges.add(exchange(number))
    assert [one.id for one in exchanges] == ["id2", "id3", "id4"]
    assert exchanges.get("id0") is None


async def test_they_take_no_more_memory_than_they_may() -> None:
    exchanges = RequestLog(kept_bytes=100)
    for number in range(5):
        exchanges.add(exchange(number, b"x" * 40))
    assert [one.id for one in exchanges] == ["id3", "id4"]


async def test_the_newest_is_kept_however_large() -> None:
    exchanges = RequestLog(kept_bytes=100)
    exchanges.add(exchange(1))
    exchanges.add(exchange(2, b"x" * 1000))
    exchanges.add(exchange(3))
    assert [one.id for one in exchanges] == ["id3"]


async def test_a_listener_is_told_of_each() -> None:
    exchanges, told = RequestLog(), list[LoggedRequest]()
    exchanges.listen(told.append)
    exchanges.add(exchange(1))
    assert [one.id for one in told] == ["id1"]
