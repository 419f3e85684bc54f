"""Payload format 2.0: convert HTTP requests to events, and functions' results to responses.

API Gateway developer guide: working with Lambda proxy integrations for HTTP APIs.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web
from multidict import CIMultiDict

from local.aws.constants import ACCOUNT

if TYPE_CHECKING:
    from local.aws.stack import Route

_TEXT = ("application/json", "application/javascript", "application/xml")
# Headers that a function cannot set, because they belong to the gateway's connection.
_CONNECTION_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


class InvalidResponse(Exception):
    """API Gateway does not accept a function's result; the message states the reason."""


def build_event(
    request: web.BaseRequest,
    body: bytes,
    route: Route,
    path_parameters: dict[str, str],
    identity: dict[str, Any] | None,
    request_id: str,
    now: float,
) -> dict[str, Any]:
    """Build the event for a request.

    Parameters
    ----------
    request
        The request, after its headers were read.
    body
        Its body.
    route
        The matched route.
    path_parameters
        The values of the route's parameters.
    identity
        The signer, on an AWS_IAM route.
    request_id
        The value of the response header ``apigw-requestid``.
    now
        Seconds since 1970.
    """
    raw_path, _, query = request.raw_path.partition("?")
    source = request.remote or "127.0.0.1"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": unquote(raw_path),
        "rawQueryString": query,
        "headers": _headers(request, source),
        "requestContext": _context(request, route, source, request_id, now),
    }
    if cookies := request.headers.getall("Cookie", []):
        event["cookies"] = [one.strip() for line in cookies for one in line.split(";")]
    if parameters := _joined(parse_qsl(query, keep_blank_values=True)):
        event["queryStringParameters"] = parameters
    if path_parameters:
        event["pathParameters"] = path_parameters
    if identity is not None:
        event["requestContext"]["authorizer"] = {"iam": identity}
    event["isBase64Encoded"] = False
    if body:
        text = _as_text(request, body)
        event["body"] = base64.b64encode(body).decode() if text is None else text
        event["isBase64Encoded"] = text is None
    return event


def _headers(request: web.BaseRequest, source: str) -> dict[str, str]:
    pairs = [(name.lower(), value) for name, value in request.headers.items()]
    headers = _joined([pair for pair in pairs if pair[0] != "cookie"])
    host, _, port = request.headers["Host"].rpartition(":")
    return {
        **headers,
        "x-amzn-trace-id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
        "x-forwarded-for": ", ".join(filter(None, (headers.get("x-forwarded-for"), source))),
        "x-forwarded-port": port if host else "80",
        "x-forwarded-proto": "http",
    }


def _context(
    request: web.BaseRequest, route: Route, source: str, request_id: str, now: float
) -> dict[str, Any]:
    domain = request.headers["Host"]
    return {
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": unquote(request.raw_path.partition("?")[0]),
            "protocol": f"HTTP/{request.version.major}.{request.version.minor}",
            "sourceIp": source,
            "userAgent": request.headers.get("User-Agent", ""),
        },
        "requestId": request_id,
        "routeKey": route.key,
        "stage": "$default",
        "time": request_time(now),
        "timeEpoch": int(now * 1000),
    }


def request_time(now: float) -> str:
    """Format a time, in seconds since 1970, as in requestContext.time."""
    moment = time.gmtime(now)
    # Not strftime's %b, which depends on the locale.
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month = months[moment.tm_mon - 1]
    return f"{moment.tm_mday:02}/{month}/" + time.strftime("%Y:%H:%M:%S +0000", moment)


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return one entry per name; the values of a repeated name are joined by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _as_text(request: web.BaseRequest, body: bytes) -> str | None:
    """Return the body as text; None if API Gateway sends it as base64."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT) or "Content-Encoding" in request.headers:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def build_response(result: Any) -> web.Response:
    """Build the response for a function's result.

    An object with ``statusCode`` is the whole response; anything else is the body of a 200.

    Raises
    ------
    InvalidResponse
        If the result has a ``statusCode`` and API Gateway would reject it.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))
        return web.Response(
            body=text.encode("utf-8", "replace"), headers={"Content-Type": "application/json"}
        )
    return web.Response(
        status=_status(result["statusCode"]),
        body=_body(result),
        headers=_response_headers(result),
    )


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError):
        raise InvalidResponse("statusCode is not a number") from None
    if not 100 <= status <= 599:
        raise InvalidResponse("statusCode is not between 100 and 599")
    return status


def _body(result: dict[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise InvalidResponse("body is not a string")
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidResponse("body is not base64") from None


def _response_headers(result: dict[str, Any]) -> CIMultiDict[str]:
    pairs = result.get("headers") or {}
    cookies = result.get("cookies") or []
    if not isinstance(pairs, dict) or not isinstance(cookies, list):
        raise InvalidResponse("headers must be an object and cookies a list")
    headers: CIMultiDict[str] = CIMultiDict({"Content-Type": "text/plain;charset=UTF-8"})
    for name, value in pairs.items():
        if isinstance(value, (dict, list)) or value is None:
            raise InvalidResponse(f"the header {name} is not a string")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if any(mark in f"{name}{text}" for mark in "\r\n\0"):
            raise InvalidResponse("a header contains a line break or a null character")
        if name.lower() not in _CONNECTION_HEADERS:
            headers[name] = text
    for cookie in cookies:
        if any(mark in str(cookie) for mark in "\r\n\0"):
            raise InvalidResponse("a cookie contains a line break or a null character")
        headers.add("Set-Cookie", str(cookie))
    return headers
