"""The HTTP API: events, responses, limits and authorization."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from local.aws.api_gateway import match
from local.aws.stack import Route
from local.aws.throttle import RouteThrottle

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def raw(platform: LocalPlatform, request: bytes) -> tuple[int, bytes]:
    """Send raw bytes, and return the status and the body of the response."""
    address = urlsplit(platform.api_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request)
    response = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def echo(platform: LocalPlatform, request: str, *headers: str, body: bytes = b"") -> Any:
    """Send a request to a function that returns its event, and return the event."""
    host = urlsplit(platform.api_url).netloc
    lines = [f"{request} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    status, answer = await raw(platform, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    assert status == 200, answer
    return json.loads(answer)


async def test_an_event_has_the_fields_of_payload_2_0(platform: LocalPlatform) -> None:
    event = await echo(platform, "GET /probe?b=2&a=1", "User-Agent: caller/1")
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"] == "GET /probe"
    assert event["rawPath"] == "/probe"
    assert event["isBase64Encoded"] is False
    assert context["domainName"] == urlsplit(platform.api_url).netloc
    assert context["stage"] == "$default"
    assert context["http"] == {
        "method": "GET",
        "path": "/probe",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "caller/1",
    }
    assert set(context) == {
        *("accountId", "apiId", "domainName", "domainPrefix", "http"),
        *("requestId", "routeKey", "stage", "time", "timeEpoch"),
    }


async def test_fields_for_what_a_request_lacks_are_absent(platform: LocalPlatform) -> None:
    event = await echo(platform, "GET /probe")
    assert not {"body", "cookies", "pathParameters", "queryStringParameters"} & set(event)
    assert event["rawQueryString"] == ""


async def test_the_raw_query_string_is_unchanged(platform: LocalPlatform) -> None:
    event = await echo(platform, "GET /probe?z=%7B%22a%22%3A1%7D&a=x+y&z=2&empty=")
    assert event["rawQueryString"] == "z=%7B%22a%22%3A1%7D&a=x+y&z=2&empty="


async def test_repeated_parameters_are_joined_and_decoded(platform: LocalPlatform) -> None:
    event = await echo(platform, "GET /probe?z=%C3%A9&a=x+y&z=2")
    assert event["queryStringParameters"] == {"z": "é,2", "a": "x y"}


async def test_header_names_are_lower_case_and_repeated_ones_joined(
    platform: LocalPlatform,
) -> None:
    event = await echo(platform, "GET /probe", "X-One: a", "X-ONE: b", "Authorization: Bearer t")
    assert event["headers"]["x-one"] == "a,b"
    assert event["headers"]["authorization"] == "Bearer t"


async def test_cookies_are_not_among_the_headers(platform: LocalPlatform) -> None:
    event = await echo(platform, "GET /probe", "Cookie: a=1; b=2")
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


async def test_path_parameters_are_decoded(platform: LocalPlatform) -> None:
    event = await echo(platform, "GET /items/one%20two")
    assert event["pathParameters"] == {"uuid": "one two"}
    assert event["routeKey"] == "GET /items/{uuid}"


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8"])
async def test_a_text_body_is_not_encoded(platform: LocalPlatform, kind: str) -> None:
    event = await echo(platform, "POST /probe", f"Content-Type: {kind}", body='{"a":"é"}'.encode())
    assert (event["body"], event["isBase64Encoded"]) == ('{"a":"é"}', False)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Type: application/octet-stream"], b"\x00\xff"),
        (["Content-Type: application/json"], b"\xff{}"),
        (["Content-Type: application/json", "Content-Encoding: br"], b"{}"),
        ([], b"{}"),
    ],
)
async def test_any_other_body_is_base64(
    platform: LocalPlatform, headers: list[str], body: bytes
) -> None:
    event = await echo(platform, "POST /probe", *headers, body=body)
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (body, True)


async def respond(http: aiohttp.ClientSession, result: Any) -> tuple[int, bytes, Any]:
    """Make the function return ``result``, and return the status, body and headers."""
    async with http.post("/probe?do=reply", data=json.dumps(result), headers=JSON) as response:
        return response.status, await response.read(), response.headers


async def test_a_result_with_a_status_code_is_the_whole_response(
    http: aiohttp.ClientSession,
) -> None:
    result = {
        "statusCode": "201",
        "headers": {"x-number": 5, "X-Flag": True, "content-type": "text/x"},
        "cookies": ["a=1", "b=2"],
        "body": "é",
    }
    status, body, headers = await respond(http, result)
    assert (status, body) == (201, "é".encode())
    assert (headers["X-Number"], headers["x-flag"]) == ("5", "true")
    assert headers["Content-Type"] == "text/x"
    assert headers.getall("Set-Cookie") == ["a=1", "b=2"]


async def test_a_base64_body_is_decoded(http: aiohttp.ClientSession) -> None:
    body = base64.b64encode(b"\x00\xff").decode()
    result = {"statusCode": 200, "body": body, "isBase64Encoded": True}
    assert (await respond(http, result))[:2] == (200, b"\x00\xff")


@pytest.mark.parametrize(
    ("result", "body"),
    [([{"a": 1}], b'[{"a":1}]'), ({"a": 1}, b'{"a":1}'), ("text", b"text"), (None, b"null")],
)
async def test_any_other_result_is_the_body_of_a_200(
    http: aiohttp.ClientSession, result: Any, body: bytes
) -> None:
    status, sent, headers = await respond(http, result)
    assert (status, sent, headers["Content-Type"]) == (200, body, "application/json")


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "cookies": "a=1"},
    ],
)
async def test_a_malformed_result_is_500(http: aiohttp.ClientSession, result: Any) -> None:
    status, body, _ = await respond(http, result)
    assert (status, body) == (500, b'{"message":"Internal Server Error"}')


@pytest.mark.parametrize(
    "path",
    [
        "/probe?do=raise",
        "/probe?do=die",
        "/probe?do=exit",
        "/probe?do=huge",
        "/hasty?do=sleep",
        "/broken",
    ],
)
async def test_a_failed_function_is_500(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as response:
        assert response.status == 500
        assert await response.read() == b'{"message":"Internal Server Error"}'


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("DELETE", "/probe")])
async def test_an_unknown_route_is_404(http: aiohttp.ClientSession, method: str, path: str) -> None:
    async with http.request(method, path) as response:
        assert response.status == 404
        assert await response.read() == b'{"message":"Not Found"}'


async def test_an_any_route_matches_every_method(http: aiohttp.ClientSession) -> None:
    async with http.delete("/hasty") as response:
        assert (await response.json())["routeKey"] == "ANY /hasty"


@pytest.mark.parametrize(
    ("path", "method", "key"),
    [
        ("/a/b", "GET", "GET /a/b"),
        ("/a/c", "GET", "GET /a/{x}"),
        ("/a/c", "PUT", "ANY /a/{x}"),
        ("/a/c/d", "GET", "GET /a/{rest+}"),
        ("/z", "GET", "$default"),
    ],
)
async def test_the_most_specific_route_wins(path: str, method: str, key: str) -> None:
    def route(method: str, path: str) -> Route:
        return Route(method, path, "F", iam=False, rate=None, burst=None)

    routes = [
        route("ANY", "$default"),
        route("GET", "/a/{rest+}"),
        route("ANY", "/a/{x}"),
        route("GET", "/a/{x}"),
        route("GET", "/a/b"),
    ]
    found = match(routes, method, path)
    assert found is not None
    assert found[0].key == key


@pytest.mark.parametrize(("size", "status"), [(9_000, 200), (10_240, 431), (200_000, 431)])
async def test_headers_over_10_240_bytes_are_431(
    http: aiohttp.ClientSession, size: int, status: int
) -> None:
    async with http.get("/probe", headers={"X-Big": "x" * size}) as response:
        assert response.status == status


@pytest.mark.parametrize("size", [6_400_000, 11_000_000])
async def test_a_body_over_the_limit_of_lambda_or_the_gateway_is_413(
    http: aiohttp.ClientSession, size: int
) -> None:
    body = io.BytesIO(b"x" * size)
    async with http.post("/probe", data=body, headers=JSON) as response:
        assert response.status == 413


async def test_a_chunked_body_over_the_limit_is_413(http: aiohttp.ClientSession) -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 1_000_000

    async with http.post("/probe", data=chunks()) as response:
        assert response.status == 413


async def test_a_throttled_route_is_429(http: aiohttp.ClientSession) -> None:
    statuses = []
    for _ in range(3):
        async with http.get("/throttled") as response:
            statuses.append(response.status)
            body = await response.read()
    assert statuses == [200, 200, 429]
    assert body == b'{"message":"Too Many Requests"}'


async def test_a_throttle_refills_at_its_rate() -> None:
    now = [0.0]
    throttle = RouteThrottle(2, 1, lambda: now[0])
    taken = [throttle.take(), throttle.take()]
    now[0] = 0.5
    assert [*taken, throttle.take()] == [True, False, True]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", ""])
async def test_another_host_name_is_403(platform: LocalPlatform, host: str) -> None:
    request = f"GET /probe HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert (await raw(platform, request.encode()))[0] == 403


async def test_localhost_is_accepted_as_host(platform: LocalPlatform) -> None:
    port = urlsplit(platform.api_url).port
    request = f"GET /probe HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    assert (await raw(platform, request.encode()))[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
async def test_another_origin_is_403(http: aiohttp.ClientSession, origin: str) -> None:
    async with http.get("/probe", headers={"Origin": origin}) as response:
        assert response.status == 403


def signed(platform: LocalPlatform, body: bytes, **changed: str) -> dict[str, str]:
    """Sign PUT /owner/one?b=2&a=%20x with botocore, and return the headers."""
    key = changed.get("key", platform.credentials.aws_access_key_id)
    secret = changed.get("secret", platform.credentials.aws_secret_access_key)
    url = f"{platform.api_url}/owner/one?b=2&a=%20x"
    request = AWSRequest("PUT", url, data=body, headers={"Content-Type": "application/json"})
    region = changed.get("region", "eu-west-1")
    SigV4Auth(Credentials(key, secret, changed.get("token")), "execute-api", region).add_auth(
        request
    )
    return dict(request.headers)


async def put(http: aiohttp.ClientSession, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    url = URL("/owner/one?b=2&a=%20x", encoded=True)
    async with http.put(url, data=body, headers=headers) as response:
        return response.status, await response.json()


async def test_a_signed_request_reaches_an_iam_route_with_its_identity(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    status, event = await put(http, b"{}", signed(platform, b"{}"))
    assert status == 200
    iam = event["requestContext"]["authorizer"]["iam"]
    assert iam["accessKey"] == platform.credentials.aws_access_key_id
    assert iam["userArn"] == "arn:aws:iam::123456789012:user/local"


async def test_the_session_token_of_functions_is_accepted(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    token = platform.credentials.aws_session_token
    assert (await put(http, b"{}", signed(platform, b"{}", token=token)))[0] == 200


@pytest.mark.parametrize(
    "changed",
    [{"key": "AKIAOTHER"}, {"secret": "other"}, {"region": "us-east-1"}, {"token": "other"}],
)
async def test_an_iam_route_rejects_an_invalid_signature(
    platform: LocalPlatform, http: aiohttp.ClientSession, changed: dict[str, str]
) -> None:
    status, body = await put(http, b"{}", signed(platform, b"{}", **changed))
    assert (status, body) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize(
    "change",
    [
        {"X-Amz-Date": "20200101T000000Z"},
        {"X-Amz-Date": "never"},
        {"Authorization": "AWS4-HMAC-SHA256 nonsense"},
        {"Authorization": "Bearer x"},
        {"Content-Type": "text/plain"},
        {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"},
    ],
)
async def test_an_iam_route_rejects_an_altered_request(
    platform: LocalPlatform, http: aiohttp.ClientSession, change: dict[str, str]
) -> None:
    headers = signed(platform, b"{}") | change
    if "Content-Type" in change:
        claim = headers["Authorization"].replace("=host", "=content-type;host")
        headers["Authorization"] = claim
    assert (await put(http, b"{}", headers))[0] == 403


async def test_an_iam_route_rejects_another_body(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    assert (await put(http, b'{"a":1}', signed(platform, b"{}")))[0] == 403


async def test_an_iam_route_rejects_an_unsigned_request(http: aiohttp.ClientSession) -> None:
    assert (await put(http, b"{}", {}))[0] == 403
