"""Asks the application's functions as Vonage's webhooks do, with no call and in no time."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from local.aws.api_gateway import match
from local.samples import lambda_event as events
from local.samples.signing import make_sample

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from local.aws.lambda_service import Result
    from local.aws.stack import Route
    from local.samples.signing import Signer

# A number of Ofcom's for drama: nobody has it.
CALLER = "447700900789"
# What is said of a webhook at which the flow failed.
APOLOGY = "the caller hears an apology"


@dataclass(frozen=True)
class FlowResponse:
    """What a webhook was answered: ``ncco`` is None where it carries none, ``fault`` says what
    Vonage, or a caller, would find wrong with it.
    """

    ncco: tuple[dict[str, Any], ...] | None = None
    fault: str = ""


class Elsewhere(Exception):
    """The address is not this application's, so nothing is known of what it answers."""


@dataclass(frozen=True)
class AppClient:
    """The functions of a running platform, and one caller who rings it.

    Attributes
    ----------
    api_url
        The address of the API: what leads elsewhere is not asked.
    routes
        Its routes.
    signer
        Signs webhooks as the simulated Vonage does.
    invoke
        Invokes a function by its logical id.
    number
        The number that is rung.
    """

    api_url: str
    routes: Sequence[Route]
    signer: Signer
    invoke: Callable[[str, Any], Awaitable[Result]]
    number: str
    leg: str = field(default_factory=lambda: uuid.uuid4().hex)
    conversation: str = field(default_factory=lambda: f"CON-{uuid.uuid4()}")

    async def answer(self, flow: str) -> FlowResponse:
        """Ask the answer webhook what a flow does first."""
        url = _leading_to(flow, f"{self.api_url}/webhooks/answer")
        return await self.ask(url, "POST", {"endpoint_type": "phone", **self._who()})

    async def event(self, flow: str, url: str | None, method: str, **fields: Any) -> FlowResponse:
        """Report something to an address of the application, or to its event webhook.

        Where the address names no flow, the flow of the number answers: ``flow``.

        Raises
        ------
        Elsewhere
            If the address belongs to somebody else.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        target = _leading_to(flow, url or f"{self.api_url}/webhooks/event")
        return await self.ask(target, method, {**self._who(), **fields, "timestamp": now})

    async def ask(self, url: str, method: str, fields: Mapping[str, Any]) -> FlowResponse:
        """Send one signed webhook and read what came back."""
        if not url.startswith(f"{self.api_url}/"):
            raise Elsewhere(url)
        parts = urlsplit(url)
        content = {"method": method, "path": parts.path, "query": parts.query, "body": dict(fields)}
        try:
            sample = make_sample(content)
        except ValueError as error:
            return FlowResponse(fault=f"{url}: {error}")
        found = match(self.routes, method, parts.path)
        if found is None:
            return FlowResponse(fault=f"{method} {parts.path} is no route of the API")
        event = events.event(sample, self.signer.token(sample), time.time())
        # Addresses that the flow makes lead back here.
        event["requestContext"]["domainName"] = urlsplit(self.api_url).netloc
        result = await self.invoke(found[0].function, event)
        if result.error is not None:
            return FlowResponse(
                fault=f"{found[0].function}: {result.error.get('errorMessage', '')}"
            )
        return _read(result.payload, result.log)

    def _who(self) -> dict[str, str]:
        return {
            "from": CALLER,
            "to": self.number,
            "uuid": self.leg,
            "conversation_uuid": self.conversation,
        }


def _leading_to(flow: str, url: str) -> str:
    query = urlsplit(url).query
    if "flow" in parse_qs(query):
        return url
    return f"{url}{'&' if query else '?'}{urlencode({'flow': flow})}"


def _read(payload: Mapping[str, Any], log: tuple[str, ...]) -> FlowResponse:
    status = int(payload.get("statusCode", 200))
    if status not in (200, 204):
        return FlowResponse(fault=f"the webhook is answered {status}: {payload.get('body', '')}")
    if said := _apology(log):
        return FlowResponse(fault=said)
    text = str(payload.get("body") or "")
    ncco = json.loads(text) if text else None
    # An event may be answered with nothing, or with an empty array: what runs goes on.
    return FlowResponse(tuple(ncco) if isinstance(ncco, list) and ncco else None)


def _apology(log: tuple[str, ...]) -> str:
    """Say why the caller would hear an apology, as the function's own log tells it."""
    for line in log:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("outcome") == "apology":
            at = next(iter(reversed(entry.get("at", []))), "")
            what = " ".join(str(entry.get(name, "")) for name in ("error", "detail")).strip()
            return f"{APOLOGY}: {what}" + (f" ({at})" if at else "")
    return ""
