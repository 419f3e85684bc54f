"""Signed tokens in our own URLs: compact JWTs with HS256, bound to a purpose and a subject.

Anyone can read what a token contains; only the signature secrets of Vonage can make one. Each
purpose has a key of its own, so a token of one purpose, or a webhook's, is invalid for another.
"""

from __future__ import annotations

import hmac
import re

from voicekit.named_tuple import NamedTuple
from voicekit.signature import InvalidSignature, hs256_claims, hs256_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


class InvalidToken(Exception):
    """A token that is malformed, changed, expired, or for another purpose or subject."""


class TokenClaims(NamedTuple):
    """What a valid token is bound to, and what it contains."""

    subject: str
    data: dict[str, Any]


def make_token(
    secret: str, purpose: str, subject: str, data: dict[str, Any], expires_at: int
) -> str:
    """Return a token. The same arguments make the same token.

    Parameters
    ----------
    secret
        The newest signature secret.
    purpose
        What the token is for, such as ``state``.
    subject
        What the token belongs to, such as a conversation.
    data
        JSON that `read_token` returns. It is not encrypted.
    expires_at
        When the token stops being valid, in seconds since 1970.

    Raises
    ------
    ValueError
        If the secret is empty, or data cannot be JSON in UTF-8.
    TypeError
        If data has a value that JSON does not know.
    """
    if not secret:
        raise ValueError("the signature secret is empty")
    claims = {"aud": purpose, "sub": subject, "exp": expires_at, "data": data}
    return hs256_token(claims, _key(secret, purpose))


def read_token(
    token: str, secrets: Sequence[str], purpose: str, subject: str | None, now: float
) -> TokenClaims:
    """Verify a token and return what it contains.

    Parameters
    ----------
    token
        The token, not trusted.
    secrets
        The signature secrets that are valid, the newest first (`SigningSecrets.for_tokens`).
    purpose, subject
        What the token must be bound to; None accepts any subject.
    now
        The time, in seconds since 1970.

    Raises
    ------
    InvalidToken
        If the token is malformed, changed, expired, or for another purpose or subject.
    """
    if not _TOKEN.fullmatch(token):
        raise InvalidToken("the token is malformed")
    try:
        claims = hs256_claims(token, [_key(secret, purpose) for secret in secrets if secret])
    except InvalidSignature as error:
        raise InvalidToken(str(error)) from None
    if claims.get("aud") != purpose:
        raise InvalidToken("the token is for another purpose")
    bound_to, data, expires_at = claims.get("sub"), claims.get("data"), claims.get("exp")
    if not isinstance(bound_to, str) or not isinstance(data, dict) or type(expires_at) is not int:
        raise InvalidToken("the token has a claim of the wrong type")
    if subject is not None and bound_to != subject:
        raise InvalidToken("the token belongs to another subject")
    if now >= expires_at:
        raise InvalidToken("the token has expired")
    return TokenClaims(bound_to, data)


def _key(secret: str, purpose: str) -> bytes:
    """Return the key of a purpose: HKDF-SHA256 without a salt, one block (RFC 5869)."""
    extracted = hmac.digest(bytes(32), secret.encode(), "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")
