"""Sign webhooks as Vonage does, or in any invalid way that a test needs.

This module doesn't use the application's verifier, so that the two can't share a mistake.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Collection

_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512", "RS256": "sha256"}


class VonageSignature(NamedTuple):
    """The credentials of a Vonage account and application, generated at run time."""

    signature_secret: str
    api_key: str
    application_id: str

    def secret_string(self, **changes: str) -> str:
        """Return the value of the stack's secret Signing, with changes."""
        return json.dumps({"previous_signature_secret": "", **self._asdict(), **changes})


def account() -> VonageSignature:
    """Generate the credentials of an account."""
    return VonageSignature(secrets.token_hex(24), secrets.token_hex(4), str(uuid.uuid4()))


def query_hash_text(query: str, *, nested: bool = False, without: Collection[str] = ()) -> bytes:
    """Return the text that Vonage hashes for a query string: its parameters as compact JSON.

    Parameters
    ----------
    query
        The raw query string.
    nested
        Whether to include JSON objects and arrays as such, not as text.
    without
        The names of parameters to omit.
    """
    fields: dict[str, Any] = {
        name: json.loads(value) if nested and value[:1] in ("{", "[") else value
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name not in without
    }
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def bearer(
    ours: VonageSignature,
    payload: bytes,
    *,
    secret: str | None = None,
    alg: object = "HS256",
    header: dict[str, Any] | None = None,
    claims: object = None,
    without: Collection[str] = (),
    **changes: Any,
) -> str:
    """Return the Authorization header that Vonage sends with a webhook.

    Parameters
    ----------
    ours
        The account that signs.
    payload
        The body, or the result of `query_hash_text`.
    secret
        The secret to use instead of the account's.
    alg
        The algorithm in the token's header; ``none`` leaves the signature empty.
    header
        More fields of the token's header.
    claims
        All claims, of any JSON type.
    without
        Claims to omit.
    changes
        Claims to change: ``iat``, ``iss``, ``jti``, ``api_key``, ``application_id``,
        ``payload_hash``, or any other.
    """
    if claims is None:
        valid = {
            "iat": int(time.time()),
            "jti": str(uuid.uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(payload).hexdigest(),
            "api_key": ours.api_key,
            "application_id": ours.application_id,
            **changes,
        }
        claims = {name: value for name, value in valid.items() if name not in without}
    parts = [{"alg": alg, "typ": "JWT", **(header or {})}, claims]
    signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"Bearer {signed}.{_signature(signed, secret or ours.signature_secret, alg)}"


def _signature(signed: str, secret: str, alg: object) -> str:
    if alg == "none":
        return ""
    return _base64(hmac.digest(secret.encode(), signed.encode(), _HASHES.get(str(alg), "sha256")))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
