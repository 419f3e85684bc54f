"""Routes that sign a webhook and send it, or export it as a curl command or a Lambda event."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from yarl import URL

from local.samples import curl, lambda_event
from local.samples.signing import Sample, make_sample
from local.webconsole.webhook_result import CONSOLE_USER_AGENT, log_fields, webhook_result
from vonage_simulator.console.responses import HttpError, read_object

if TYPE_CHECKING:
    from pathlib import Path

    from local.aws.request_log import RequestLog
    from local.samples.signing import Signer
    from vonage_simulator.console.responses import JsonResponder

_CALLER = "447700900123"  # a number that Ofcom reserves for drama
_TIMEOUT = aiohttp.ClientTimeout(total=40)  # the API itself times out after 30 seconds


class WebhookRoutes:
    """Routes that build, sign and send webhooks.

    Parameters
    ----------
    api_url
        The address of the API.
    session
        The HTTP client for it.
    signer
        Signs as the simulator does.
    request_log
        The recent requests to the API.
    code
        The folder of the functions.
    number
        The called number in answer webhooks.
    responder
        Builds JSON responses without secrets.
    """

    def __init__(
        self,
        api_url: str,
        session: aiohttp.ClientSession,
        signer: Signer,
        request_log: RequestLog,
        code: Path,
        number: str,
        responder: JsonResponder,
    ) -> None:
        self._api_url = api_url
        self._session = session
        self._signer = signer
        self._request_log = request_log
        self._code = code
        self._number = number
        self._responder = responder

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of webhooks."""
        return [
            web.post("/api/webhooks/curl", self._curl),
            web.post("/api/webhooks/event", self._event),
            web.post("/api/webhooks/send", self._send),
        ]

    async def fetch_ncco(self, flow: str) -> dict[str, Any]:
        """Send an answer webhook for a flow; return its NCCO, duration and log lines."""
        fields = {
            "from": _CALLER,
            "to": self._number,
            "uuid": uuid.uuid4().hex,
            "conversation_uuid": f"CON-{uuid.uuid4()}",
        }
        body = json.dumps(fields, separators=(",", ":")).encode()
        response = await self._deliver(Sample("POST", "/webhooks/answer", f"flow={flow}", body))
        logged = self._request_log.get(response["headers"].get("apigw-requestid", ""))
        log = logged.log if logged else ()
        return {
            "status": response["status"],
            "ms": response["ms"],
            "ncco": _parse_array(response["body"]),
            "apology": log_fields(log).get("outcome") == "apology",
            "result": webhook_result(logged, self._code)._asdict() if logged else None,
            "log": list(log),
        }

    async def _curl(self, request: web.Request) -> web.Response:
        sample = _sample(await read_object(request))
        token = self._signer.token(sample)
        return self._responder.json({"text": curl.curl(sample, token, self._api_url)})

    async def _event(self, request: web.Request) -> web.Response:
        sample = _sample(await read_object(request))
        event = lambda_event.event(sample, self._signer.token(sample), time.time())
        return self._responder.json({"text": json.dumps(event, indent=2)})

    async def _send(self, request: web.Request) -> web.Response:
        return self._responder.json(await self._deliver(_sample(await read_object(request))))

    async def _deliver(self, sample: Sample) -> dict[str, Any]:
        """Send a webhook to the API; return ``status``, ``ms``, ``headers`` and ``body``."""
        headers = {
            "Authorization": f"Bearer {self._signer.token(sample)}",
            "User-Agent": CONSOLE_USER_AGENT,
        }
        if sample.method == "POST":
            headers["Content-Type"] = "application/json"
        separator = "?" if sample.query else ""
        start = time.monotonic()
        try:
            async with self._session.request(
                sample.method,
                URL(f"{self._api_url}{sample.path}{separator}{sample.query}", encoded=True),
                data=sample.body or None,
                headers=headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HttpError(502, "The API is not responding", str(error)) from None
        return {
            "status": response.status,
            "ms": round((time.monotonic() - start) * 1000, 1),
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": body.decode("utf-8", "replace"),
        }


def _sample(fields: dict[str, Any]) -> Sample:
    try:
        return make_sample(fields)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, "Bad Request", str(error)) from None


def _parse_array(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
