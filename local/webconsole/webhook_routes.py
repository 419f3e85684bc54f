"""Webhooks made by hand: signed anew, as a command, as an event, or sent; and what flows answer."""

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
from local.webconsole.request_views import noted
from local.webconsole.responses import HttpError, read_object

if TYPE_CHECKING:
    from local.aws.request_log import RequestLog
    from local.samples.signing import Signer
    from local.webconsole.responses import JsonResponder

_CALLER = "447700900123"  # one of Ofcom's numbers for drama: nobody has it
_PATIENCE = aiohttp.ClientTimeout(total=40)  # the API itself gives up after 30 seconds


class WebhookRoutes:
    """The handlers.

    Parameters
    ----------
    api_url
        The address of the API.
    session
        The client that speaks to it.
    signer
        Signs as the simulated Vonage does.
    exchanges
        What the API was asked and answered.
    number
        The number that an answer webhook says was called.
    answers
        Writes JSON without secrets.
    """

    def __init__(
        self,
        api_url: str,
        session: aiohttp.ClientSession,
        signer: Signer,
        exchanges: RequestLog,
        number: str,
        answers: JsonResponder,
    ) -> None:
        self._api_url = api_url
        self._session = session
        self._signer = signer
        self._exchanges = exchanges
        self._number = number
        self._answers = answers

    def routes(self) -> list[web.RouteDef]:
        """Give every path of webhooks."""
        return [
            web.post("/api/webhooks/curl", self._curl),
            web.post("/api/webhooks/event", self._event),
            web.post("/api/webhooks/send", self._send),
        ]

    async def ncco(self, flow: str) -> dict[str, Any]:
        """Ask a flow through the API what a caller would hear first."""
        fields = {
            "from": _CALLER,
            "to": self._number,
            "uuid": uuid.uuid4().hex,
            "conversation_uuid": f"CON-{uuid.uuid4()}",
        }
        body = json.dumps(fields, separators=(",", ":")).encode()
        reply = await self._deliver(Sample("POST", "/webhooks/answer", f"flow={flow}", body))
        exchange = self._exchanges.get(reply["headers"].get("apigw-requestid", ""))
        log = exchange.log if exchange else ()
        return {
            "status": reply["status"],
            "ms": reply["ms"],
            "ncco": _array(reply["body"]),
            "apology": noted(log, "outcome") == "apology",
            "log": list(log),
        }

    async def _curl(self, request: web.Request) -> web.Response:
        sample = _sample(await read_object(request))
        token = self._signer.token(sample)
        return self._answers.json({"text": curl.curl(sample, token, self._api_url)})

    async def _event(self, request: web.Request) -> web.Response:
        sample = _sample(await read_object(request))
        made = lambda_event.event(sample, self._signer.token(sample), time.time())
        return self._answers.json({"text": json.dumps(made, indent=2)})

    async def _send(self, request: web.Request) -> web.Response:
        return self._answers.json(await self._deliver(_sample(await read_object(request))))

    async def _deliver(self, sample: Sample) -> dict[str, Any]:
        """Send a webhook to the API; give ``status``, ``ms``, ``headers`` and ``body``."""
        headers = {"Authorization": f"Bearer {self._signer.token(sample)}"}
        if sample.method == "POST":
            headers["Content-Type"] = "application/json"
        question = "?" if sample.query else ""
        begun = time.monotonic()
        try:
            async with self._session.request(
                sample.method,
                URL(f"{self._api_url}{sample.path}{question}{sample.query}", encoded=True),
                data=sample.body or None,
                headers=headers,
                timeout=_PATIENCE,
                allow_redirects=False,
            ) as reply:
                body = await reply.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HttpError(502, "The API does not answer", str(error)) from None
        return {
            "status": reply.status,
            "ms": round((time.monotonic() - begun) * 1000, 1),
            "headers": {name.lower(): value for name, value in reply.headers.items()},
            "body": body.decode("utf-8", "replace"),
        }


def _sample(fields: dict[str, Any]) -> Sample:
    try:
        return make_sample(fields)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, "Bad Request", str(error)) from None


def _array(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
