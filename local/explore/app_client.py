"""Invoke the webhook functions directly, with requests signed as Vonage signs webhooks."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from local.aws.api_gateway import match
from local.explore.flow_errors import flow_error
from local.samples import lambda_event
from local.samples.signing import make_sample

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from local.aws.lambda_service import Result
    from local.aws.stack import Route
    from local.samples.signing import Signer

# A number that Ofcom reserves for drama.
CALLER = "447700900789"
# The problem of a webhook during which the flow fails.
APOLOGY = "the caller hears an apology"


@dataclass(frozen=True)
class FlowResponse:
    """The response to a webhook.

    ``ncco`` is None if there is none. ``problem`` is a problem for Vonage or for a caller.
    """

    ncco: tuple[dict[str, Any], ...] | None = None
    problem: str = ""


class ExternalUrl(Exception):
    """The URL is not one of this application, so its response is unknown."""


@dataclass(frozen=True)
class AppClient:
    """A client of a running platform's webhook functions, with one call.

    Attributes
    ----------
    api_url
        The URL of the API; other URLs are not requested.
    routes
        The API's routes.
    signer
        Signs webhooks as the simulated Vonage does.
    invoke
        Invokes a function by its logical id.
    code
        The folder of the functions.
    number
        The called number.
    language
        The language of the called number's line, a BCP-47 tag.
    """

    api_url: str
    routes: Sequence[Route]
    signer: Signer
    invoke: Callable[[str, Any], Awaitable[Result]]
    code: Path
    number: str
    language: str = "en-US"
    leg: str = field(default_factory=lambda: uuid.uuid4().hex)
    conversation: str = field(default_factory=lambda: f"CON-{uuid.uuid4()}")

    async def answer(self, flow: str) -> FlowResponse:
        """Send the answer webhook and return the response."""
        url = _with_flow(flow, f"{self.api_url}/webhooks/answer")
        return await self.send(url, "POST", {"endpoint_type": "phone", **self._call_fields()})

    async def event(self, flow: str, url: str | None, method: str, **fields: Any) -> FlowResponse:
        """Send an event to a URL, by default the event webhook, and return the response.

        If the URL names no flow, ``flow`` handles it, as the flow of the called number.

        Raises
        ------
        ExternalUrl
            If the URL is not one of this application.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        target = _with_flow(flow, url or f"{self.api_url}/webhooks/event")
        return await self.send(target, method, {**self._call_fields(), **fields, "timestamp": now})

    async def send(self, url: str, method: str, fields: Mapping[str, Any]) -> FlowResponse:
        """Send a signed webhook and return the response."""
        if not url.startswith(f"{self.api_url}/"):
            raise ExternalUrl(url)
        parts = urlsplit(url)
        content = {"method": method, "path": parts.path, "query": parts.query, "body": dict(fields)}
        try:
            sample = make_sample(content)
        except ValueError as error:
            return FlowResponse(problem=f"{url}: {error}")
        found = match(self.routes, method, parts.path)
        if found is None:
            return FlowResponse(problem=f"the API has no route {method} {parts.path}")
        event = lambda_event.event(sample, self.signer.token(sample), time.time())
        # The flow builds its webhook URLs from this name.
        event["requestContext"]["domainName"] = urlsplit(self.api_url).netloc
        result = await self.invoke(found[0].function, event)
        if result.error is not None:
            message = result.error.get("errorMessage", "")
            return FlowResponse(problem=f"{found[0].function}: {message}")
        return _response(result.payload, result.log, self.code)

    def _call_fields(self) -> dict[str, str]:
        return {
            "from": CALLER,
            "to": self.number,
            "uuid": self.leg,
            "conversation_uuid": self.conversation,
        }


def _with_flow(flow: str, url: str) -> str:
    query = urlsplit(url).query
    if "flow" in parse_qs(query):
        return url
    return f"{url}{'&' if query else '?'}{urlencode({'flow': flow})}"


def _response(payload: Mapping[str, Any], log: tuple[str, ...], code: Path) -> FlowResponse:
    status = int(payload.get("statusCode", 200))
    if status not in (200, 204):
        return FlowResponse(problem=f"the webhook returns {status}: {payload.get('body', '')}")
    if apology := _apology(log, code):
        return FlowResponse(problem=apology)
    text = str(payload.get("body") or "")
    ncco = json.loads(text) if text else None
    # After an empty response or an empty array to an event, the running NCCO continues.
    return FlowResponse(tuple(ncco) if isinstance(ncco, list) and ncco else None)


def _apology(log: tuple[str, ...], code: Path) -> str:
    """Return the reason for an apology from the function's log; empty if there was none."""
    for line in log:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("outcome") == "apology":
            place, detail = flow_error(entry, code)
            error = f"{entry.get('error', '')} {detail}".strip()
            return f"{APOLOGY}: {error}" + (f" ({place})" if place else "")
    return ""
