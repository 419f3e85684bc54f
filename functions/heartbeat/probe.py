"""One beat: a signed answer webhook through the public address, and a look at the NCCO.

Nobody is called, and nothing is kept: an answer webhook leaves no event, and only the events of a
leg make a call.
"""

from __future__ import annotations

import hashlib
import json
import uuid
import warnings
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import jwt

from voicekit import ncco
from voicekit.signing_secrets import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.signature import SigningSecrets
    from voicekit.signing_secrets import SigningSecretCache

LEG = "00000000-0000-0000-0000-000000000000"
"""Leg and conversation of every beat. A conversation of Vonage's begins with ``CON-``: what counts
calls goes by that, so that beats are not counted."""

_CALLER = "447700900000"  # one of Ofcom's numbers for drama, which nobody has
_SECONDS = 5.0  # Vonage waits no longer for an NCCO
_MOST_BYTES = 256 * 1024


class ProbeResult(NamedTuple):
    """What came of a beat: ``heard`` or ``silent``, the status if there was one, and the reason."""

    outcome: str
    status: int | None = None
    detail: str | None = None


class ProbeResponse(NamedTuple):
    """What a request was answered with."""

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
    """Ask for an NCCO as Vonage does when somebody rings.

    Parameters
    ----------
    url
        The answer URL that Vonage has.
    number
        The number that is rung; where there is none, the default flow answers anyway.
    secrets
        The signature secrets. Where the signature is refused they are fetched anew, since they may
        have been rotated.
    send
        Posts a body to a URL with an Authorization header.
    now
        The time in seconds since 1970.
    """
    body = _webhook(number)
    try:
        answer = send(url, body, _authorization(body, secrets.get(_SECONDS), now()))
        newer = secrets.refresh(_SECONDS) if answer.status == 401 else None
        if newer is not None:
            answer = send(url, body, _authorization(body, newer, now()))
    except SecretUnavailable as error:
        return ProbeResult("silent", detail=str(error))
    except (OSError, HTTPException) as error:  # a certificate that is over is an OSError, too
        return ProbeResult("silent", detail=f"no answer ({type(error).__name__})")
    return _evaluate(answer)


def send(url: str, body: bytes, authorization: str) -> ProbeResponse:
    """Post a body. A redirect is not followed, since Vonage is not promised to follow one.

    Raises
    ------
    OSError, HTTPException
        If there is no answer.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=_SECONDS)
    try:
        headers = {"Content-Type": "application/json", "Authorization": authorization}
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        return ProbeResponse(answer.status, answer.read(_MOST_BYTES))
    finally:
        connection.close()


def _webhook(number: str) -> bytes:
    fields = {"from": _CALLER, "to": number or "unknown", "uuid": LEG, "conversation_uuid": LEG}
    return json.dumps(fields).encode()


def _authorization(body: bytes, secrets: SigningSecrets, now: float) -> str:
    claims = {
        "iat": int(now),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": secrets.api_key,
        "application_id": secrets.application_id,
    }
    with warnings.catch_warnings():
        # Vonage hands out secrets of 16 characters; we cannot refuse them.
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return f"Bearer {jwt.encode(claims, secrets.secrets[0], algorithm='HS256')}"


def _evaluate(answer: ProbeResponse) -> ProbeResult:
    """Say whether a caller would hear something, if only the apology: that has its own alarm."""
    if answer.status != 200:
        return ProbeResult("silent", answer.status, "not 200")
    try:
        actions = ncco.check(json.loads(answer.body))
    except (ValueError, RecursionError) as error:
        return ProbeResult("silent", answer.status, f"no valid NCCO ({type(error).__name__})")
    if not actions:
        return ProbeResult("silent", answer.status, "the NCCO is empty")
    return ProbeResult("heard", answer.status)
