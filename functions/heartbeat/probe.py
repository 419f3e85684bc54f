"""Send one signed synthetic answer webhook, and check the NCCO in the response.

No phone rings and nothing is stored: the application stores no answer webhook.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from voicekit import ncco
from voicekit.signing_secrets import SecretUnavailable
from voicekit.webhook_signer import sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.signing_secrets import SigningSecretCache

LEG = "00000000-0000-0000-0000-000000000000"
"""Leg and conversation of every synthetic call.

The ids of Vonage's conversations begin with ``CON-``. Metrics that count calls require that prefix,
so they do not count synthetic calls.
"""

_CALLER = "447700900000"  # reserved by Ofcom for drama, so it belongs to nobody
_SECONDS = 5.0  # Vonage does not wait longer for an NCCO
_MAX_BYTES = 256 * 1024


class ProbeResult(NamedTuple):
    """The outcome (``heard`` or ``silent``), the status if there was a response, and the reason."""

    outcome: str
    status: int | None = None
    detail: str | None = None


class ProbeResponse(NamedTuple):
    """The HTTP response to a probe."""

    status: int
    body: bytes


def probe(
    url: str,
    number: str,
    secrets: SigningSecretCache,
    *,
    send: Callable[[str, bytes, str], ProbeResponse],
    now: Callable[[], float],
) -> ProbeResult:
    """Request an NCCO as Vonage does for an inbound call.

    Parameters
    ----------
    url
        The answer URL in the Vonage application.
    number
        The called number. If it is empty, the default flow answers.
    secrets
        The signature secrets. After 401 they are refreshed, because they may have been rotated.
    send
        Posts a body to a URL with an Authorization header.
    now
        Returns the seconds since 1970.
    """
    body = _webhook(number)
    try:
        response = send(url, body, sign(secrets.get(_SECONDS), "POST", "", body, now()))
        newer = secrets.refresh(_SECONDS) if response.status == 401 else None
        if newer is not None:
            response = send(url, body, sign(newer, "POST", "", body, now()))
    except SecretUnavailable as error:
        return ProbeResult("silent", detail=str(error))
    except (OSError, HTTPException) as error:  # an expired certificate is an OSError, too
        return ProbeResult("silent", detail=f"no response ({type(error).__name__})")
    return _evaluate(response)


def send(url: str, body: bytes, authorization: str) -> ProbeResponse:
    """Post a body, without following redirects: Vonage does not document that it follows them.

    Raises
    ------
    OSError, HTTPException
        If there is no response.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=_SECONDS)
    try:
        headers = {"Content-Type": "application/json", "Authorization": authorization}
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        return ProbeResponse(response.status, response.read(_MAX_BYTES))
    finally:
        connection.close()


def _webhook(number: str) -> bytes:
    fields = {"from": _CALLER, "to": number or "unknown", "uuid": LEG, "conversation_uuid": LEG}
    return json.dumps(fields).encode()


def _evaluate(response: ProbeResponse) -> ProbeResult:
    """Return whether a caller would hear something; an apology counts, it has its own alarm."""
    if response.status != 200:
        return ProbeResult("silent", response.status, "not 200")
    try:
        actions = ncco.check(json.loads(response.body))
    except (ValueError, RecursionError) as error:
        return ProbeResult("silent", response.status, f"invalid NCCO ({type(error).__name__})")
    if not actions:
        return ProbeResult("silent", response.status, "the NCCO is empty")
    return ProbeResult("heard", response.status)
