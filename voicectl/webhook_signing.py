"""Signed webhooks, as Vonage signs them: checking one that came, and signing one of one's own.

Vonage webhooks guide, signed webhooks: a JWT signed with HS256, with a hash of what is sent.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a payload hash was found to cover; None where it fits nothing that is known.
Hash = Literal["body", "texts", "nested"]
MAX_AGE = 300
"""Seconds after which a token is not believed."""
_FUTURE_SKEW = 30
_BEARER = re.compile(r"bearer ([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)
_MAX_PARAMETERS = 200


class WebhookRejected(Exception):
    """The webhook is not Vonage's; the text says why."""


class WebhookSigner(NamedTuple):
    """An account's signature secret, and the account and application that a token names."""

    secret: str
    api_key: str
    application_id: str

    def __repr__(self) -> str:
        return f"Signer(api_key={self.api_key!r})"


class VerifiedWebhook(NamedTuple):
    """A webhook that Vonage signed: the claims, and what the payload hash covers."""

    claims: dict[str, Any]
    covers: Hash | None


def sign(signer: WebhookSigner, method: str, query: str, body: bytes, now: float) -> str:
    """Give the value of the Authorization header for a webhook."""
    content = body if method == "POST" else _compact(dict(_pairs(query)))
    claims = {
        "iat": int(now),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(content).hexdigest(),
        "api_key": signer.api_key,
        "application_id": signer.application_id,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return f"Bearer {jwt.encode(claims, signer.secret, algorithm='HS256')}"


def verify(
    authorization: str, signer: WebhookSigner, method: str, query: str, body: bytes, now: float
) -> VerifiedWebhook:
    """Check a webhook's signature, claims and age; of the hash, say what it covers.

    Raises
    ------
    Forged
        If the signature or a claim is wrong, or if it is a POST whose hash does not fit.
    """
    bearer = _BEARER.fullmatch(authorization)
    if bearer is None:
        raise WebhookRejected("the Authorization header is not one bearer token")
    claims = _claims(bearer[1], signer.secret)
    issued, expected = claims.get("iat"), claims.get("payload_hash")
    if claims.get("iss") != "Vonage":
        raise WebhookRejected("iss is not Vonage")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise WebhookRejected("iat is missing")
    if not -_FUTURE_SKEW <= now - issued <= MAX_AGE:
        raise WebhookRejected("the token is too old, or from the future")
    for name in ("api_key", "application_id"):
        if claims.get(name, getattr(signer, name)) != getattr(signer, name):
            raise WebhookRejected(f"{name} is another one")
    if not isinstance(expected, str) or not expected.isascii():
        raise WebhookRejected("payload_hash is missing")
    covers = _covers(expected.lower(), method, query, body)
    if covers is None and method != "GET":
        raise WebhookRejected("payload_hash does not fit the body")
    return VerifiedWebhook(claims, covers)


def _claims(token: str, secret: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            # Vonage hands out secrets of 16 characters; we cannot refuse them.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            payload = jwt.PyJWS(algorithms=["HS256"]).decode(token, secret, algorithms=["HS256"])
        claims = json.loads(payload)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise WebhookRejected(f"the signature is another one ({type(error).__name__})") from None
    if not isinstance(claims, dict):
        raise WebhookRejected("the claims are not an object")
    return claims


def _covers(expected: str, method: str, query: str, body: bytes) -> Hash | None:
    if method != "GET":
        return "body" if _is_hash(expected, body) else None
    try:
        texts = dict(_pairs(query))
    except ValueError:
        return None
    if _is_hash(expected, _compact(texts)):
        return "texts"
    nested = {name: _nested(value) for name, value in texts.items()}
    return "nested" if _is_hash(expected, _compact(nested)) else None


def _is_hash(expected: str, content: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(content).hexdigest(), expected)


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)


def _nested(value: str) -> object:
    try:
        return json.loads(value) if value[:1] in ("{", "[") else value
    except (ValueError, RecursionError):
        return value


def _compact(fields: Mapping[str, object]) -> bytes:
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")
