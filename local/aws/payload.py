"""Payload format 2.0: what a request becomes for a function, and an answer for the client.

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
# What a function may not set: the connection is the gateway's.
_OF_THE_CONNECTION = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


class InvalidResponse(Exception):
    """A function's answer is not of the shape that API Gateway takes; the text says why."""


def event(
    request: web.BaseRequest,
    body: bytes,
    route: Route,
    path_parameters: dict[str, str],
    identity: dict[str, Any] | None,
    request_id: str,
    now: float,
) -> dict[str, Any]:
    """Make the event of a request.

    Parameters
    ----------
    request
        The request, its headers complete.
    body
        Its body.
    route
        The route that took it.
    path_parameters
        The values of the route's parameters.
    identity
        Who signed it, on an AWS_IAM route.
    request_id
        What the answer's header ``apigw-requestid`` will say.
    now
        Seconds since 1970.
    """
    raw_path, _, query = request.raw_path.partition("?")
    source = request.remote or "127.0.0.1"
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": unquote(raw_path),
        "rawQueryString": query,
        "headers": _headers(request, source),
        "requestContext": _context(request, route, source, request_id, now),
    }
    if cookies := request.headers.getall("Cookie", []):
        made["cookies"] = [one.strip() for line in cookies for one in line.split(";")]
    if parameters := _joined(parse_qsl(query, keep_blank_values=True)):
        made["queryStringParameters"] = parameters
    if path_parameters:
        made["pathParameters"] = path_parameters
    if identity is not None:
        made["requestContext"]["authorizer"] = {"iam": identity}
    made["isBase64Encoded"] = False
    if body:
        text = _as_text(request, body)
        made["body"] = base64.b64encode(body).decode() if text is None else text
        made["isBase64Encoded"] = text is None
    return made


def _headers(request: web.BaseRequest, source: str) -> dict[str, str]:
    pairs = [(name.lower(), value) for name, value in request.headers.items()]
    made = _joined([pair for pair in pairs if pair[0] != "cookie"])
    host, _, port = request.headers["Host"].rpartition(":")
    return {
        **made,
        "x-amzn-trace-id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
        "x-forwarded-for": ", ".join(filter(None, (made.get("x-forwarded-for"), source))),
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
    """Write a moment, seconds since 1970, as requestContext.time does."""
    moment = time.gmtime(now)
    # Not strftime's %b, which speaks the machine's language.
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month = months[moment.tm_mon - 1]
    return f"{moment.tm_mday:02}/{month}/" + time.strftime("%Y:%H:%M:%S +0000", moment)


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Make one entry per name, the values of a repeated name with commas between them."""
    made: dict[str, str] = {}
    for name, value in pairs:
        made[name] = f"{made[name]},{value}" if name in made else value
    return made


def _as_text(request: web.BaseRequest, body: bytes) -> str | None:
    """Give the body as text, or None where API Gateway would send it as base64."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT) or "Content-Encoding" in request.headers:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def response(answer: Any) -> web.Response:
    """Make the response of a function's answer.

    An object with ``statusCode`` is the whole response; anything else is the body of a 200.

    Raises
    ------
    AnswerError
        If it has ``statusCode`` and API Gateway would not take it.
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        text = answer if isinstance(answer, str) else json.dumps(answer, separators=(",", ":"))
        return web.Response(
            body=text.encode("utf-8", "replace"), headers={"Content-Type": "application/json"}
        )
    return web.Response(
        status=_status(answer["statusCode"]),
        body=_body(answer),
        headers=_answer_headers(answer),
    )


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError):
        raise InvalidResponse("a statusCode that is no number") from None
    if not 100 <= status <= 599:
        raise InvalidResponse("a statusCode outside 100 to 599")
    return status


def _body(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise InvalidResponse("a body that is not text")
    if not answer.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidResponse("a body that is not base64") from None


def _answer_headers(answer: dict[str, Any]) -> CIMultiDict[str]:
    given = answer.get("headers") or {}
    cookies = answer.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise InvalidResponse("headers or cookies of the wrong kind")
    made: CIMultiDict[str] = CIMultiDict({"Content-Type": "text/plain;charset=UTF-8"})
    for name, value in given.items():
        if isinstance(value, (dict, list)) or value is None:
            raise InvalidResponse(f"a header {name} that is not text")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if any(mark in f"{name}{text}" for mark in "\r\n\0"):
            raise InvalidResponse("a header with a line break")
        if name.lower() not in _OF_THE_CONNECTION:
            made[name] = text
    for cookie in cookies:
        if any(mark in str(cookie) for mark in "\r\n\0"):
            raise InvalidResponse("a cookie with a line break")
        made.add("Set-Cookie", str(cookie))
    return made
