"""The log of the API's latest requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.aws.request_log import LoggedRequest, RequestLog

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


def request(number: int, body: bytes = b"") -> LoggedRequest:
    return LoggedRequest(f"id{number}", "GET /x", "X", None, (), None, 200, {}, body, 1.0)


async def test_a_request_is_logged_by_the_id_in_its_response(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    async with http.post("/probe?do=log", data="{}", headers={"X-One": "1"}) as response:
        assert response.status == 200
    logged = platform.gateway.request_log.get(response.headers["Apigw-Requestid"])
    assert logged is not None
    assert (logged.route, logged.function, logged.status) == ("POST /probe", "Probe", 200)
    assert logged.body == b"logged"
    assert logged.headers["content-type"] == response.headers["Content-Type"]
    assert logged.event is not None
    assert logged.event["headers"]["x-one"] == "1"
    assert logged.event["requestContext"]["requestId"] == logged.id
    assert logged.log[0] == "printed"
    assert json.loads(logged.log[1])["requestId"] == logged.request_id
    assert logged.ms > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "invoked"),
    [
        ("GET", "/probe?do=raise", 500, True),
        ("GET", "/broken", 500, True),
        ("PUT", "/owner/1", 403, False),
    ],
)
async def test_a_failed_request_is_logged(
    platform: LocalPlatform,
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    status: int,
    invoked: bool,
) -> None:
    async with http.request(method, path) as response:
        assert response.status == status
    logged = platform.gateway.request_log.get(response.headers["Apigw-Requestid"])
    assert logged is not None
    assert logged.status == status
    assert (logged.request_id is not None, logged.event is not None) == (invoked, invoked)


async def test_a_request_without_a_route_is_not_logged(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    async with http.get("/nowhere") as response:
        assert response.status == 404
    assert platform.gateway.request_log.get(response.headers["Apigw-Requestid"]) is None


async def test_the_oldest_requests_are_dropped() -> None:
    log = RequestLog(limit=3)
    for number in range(5):
        log.add(request(number))
    assert [one.id for one in log] == ["id2", "id3", "id4"]
    assert log.get("id0") is None


async def test_the_total_size_is_limited() -> None:
    log = RequestLog(byte_limit=100)
    for number in range(5):
        log.add(request(number, b"x" * 40))
    assert [one.id for one in log] == ["id3", "id4"]


async def test_the_newest_request_is_kept_at_any_size() -> None:
    log = RequestLog(byte_limit=100)
    log.add(request(1))
    log.add(request(2, b"x" * 1000))
    log.add(request(3))
    assert [one.id for one in log] == ["id3"]


async def test_a_listener_gets_each_request() -> None:
    log, received = RequestLog(), list[LoggedRequest]()
    log.listen(received.append)
    log.add(request(1))
    assert [one.id for one in received] == ["id1"]
