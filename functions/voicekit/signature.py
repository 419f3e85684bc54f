"""Verifies that a webhook comes from Vonage: an HS256 token over the body or the query string.

SignatureError
  Unsigned        no Authorization header came: Vonage may repeat the request, signed
  Forged          anything else is wrong: do not believe the request
    UnknownKey    no secret that we hold made this signature: perhaps it was rotated
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FUTURE_SKEW = 30  # seconds that Vonage's clock may be ahead of ours
_LATEST = 1e11  # seconds since 1970: some three thousand years
_MAX_PARAMETERS = 200
# One token and nothing else: header, payload and signature in base64url without padding.
_BEARER = re.compile(r"bearer ([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)


class SignatureError(Exception):
    """A webhook that cannot be believed; the text says why and goes to the log alone."""


class MissingSignature(SignatureError):
    """The request carries no Authorization header."""


class InvalidSignature(SignatureError):
    """The token is malformed, old, somebody else's, or does not fit the request."""


class UnknownKey(InvalidSignature):
    """None of the secrets made this signature."""


class SigningSecrets(NamedTuple):
    """Who may sign, and for which account and application."""

    secrets: tuple[str, ...]
    api_key: str
    application_id: str

    def __repr__(self) -> str:
        return f"SigningSecrets(api_key={self.api_key!r})"


class SignedParts(NamedTuple):
    """The parts of a request that a signature covers.

    ``own_parameters`` are the names of the query parameters that our own URL carried before Vonage
    added its fields to it; they count on GET alone.
    """

    method: str
    query: str
    body: bytes
    own_parameters: frozenset[str]


def verify(
    authorization: str | None,
    request: SignedParts,
    secrets: SigningSecrets,
    *,
    now: float,
    max_age: int,
) -> bool:
    """Check the signature of a webhook.

    Parameters
    ----------
    authorization
        The Authorization header, None where there is none.
    request
        What the signature covers.
    secrets
        The signature secrets of the account, newest first, and who else must be named.
    now, max_age
        The time in seconds since 1970, and the greatest age of a token in seconds.

    Returns
    -------
    bool
        Whether the payload hash fits. On POST it does, or Forged is raised. On GET the form of the
        hash is known from one article of Vonage's support alone, so the caller decides.

    Raises
    ------
    Unsigned
        If there is no Authorization header.
    UnknownKey
        If no secret fits.
    Forged
        If anything else is wrong.
    """
    return verified_claims(authorization, request, secrets, now=now, max_age=max_age)[1] is not None


def verified_claims(
    authorization: str | None,
    request: SignedParts,
    secrets: SigningSecrets,
    *,
    now: float,
    max_age: int,
) -> tuple[dict[str, Any], str | None]:
    """Verify a webhook as `verify` does, and return its claims and what its payload hash covers.

    The latter is ``body``; on GET ``texts`` for the parameters as text, ``nested`` for parameters
    with JSON values decoded, or None if the hash matches neither.
    """
    if authorization is None:
        raise MissingSignature("no Authorization header")
    bearer = _BEARER.fullmatch(authorization)
    if bearer is None:
        raise InvalidSignature("the Authorization header is not one bearer token")
    claims = _claims(bearer[1], secrets.secrets)
    _check_claims(claims, secrets, now, max_age)
    expected = claims.get("payload_hash")
    if not isinstance(expected, str) or not expected.isascii():
        raise InvalidSignature("payload_hash is missing")
    if request.method != "GET":
        if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest(), expected.lower()):
            raise InvalidSignature("payload_hash does not fit the body")
        return claims, "body"
    for covers, text in _query_forms(request.query, request.own_parameters):
        if hmac.compare_digest(hashlib.sha256(text).hexdigest(), expected.lower()):
            return claims, covers
    return claims, None


def fingerprint(secret: str) -> str:
    """Name a secret without giving it away: enough to tell two apart, too little to find one."""
    return hashlib.sha256(b"signature secret " + secret.encode()).hexdigest()[:8]


def parameters(query: str) -> list[tuple[str, str]]:
    """Give the parameters of a raw query string in the order in which they came.

    Raises
    ------
    ValueError
        If there are more than 200, which is many times what Vonage sends.
    """
    return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)


def _claims(token: str, secrets: Sequence[str]) -> dict[str, Any]:
    """Give the claims of a token that one of the secrets signed (RFC 7515, HS256 and no other)."""
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    told = _part(header)
    if told.get("alg") != "HS256":
        raise InvalidSignature("the token is not signed with HS256")
    # What `crit` names must be understood, and nothing is (section 4.1.11). Vonage's header is made
    # of texts; what is none, such as `b64`, would change the meaning of the rest.
    if "crit" in told or not all(isinstance(value, str) for value in told.values()):
        raise InvalidSignature("the token's header says more than it may")
    for secret in filter(None, secrets):
        digest = hmac.digest(secret.encode(), signed.encode(), "sha256")
        made = base64.urlsafe_b64encode(digest).rstrip(b"=")
        if hmac.compare_digest(made, signature.encode()):
            return _part(payload)
    raise UnknownKey("no secret made this signature")


def _part(text: str) -> dict[str, Any]:
    """Read a part of a token: a JSON object in base64url."""
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except (ValueError, RecursionError) as error:
        raise InvalidSignature(f"the token is malformed ({type(error).__name__})") from None
    if not isinstance(value, dict):
        raise InvalidSignature("a part of the token is not an object")
    return value


def _check_claims(
    claims: dict[str, Any], secrets: SigningSecrets, now: float, max_age: int
) -> None:
    if claims.get("iss") != "Vonage":
        raise InvalidSignature("iss is not Vonage")
    if not isinstance(claims.get("jti"), str):
        raise InvalidSignature("jti is missing")
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise InvalidSignature("iat is missing")
    if not 0 <= issued < _LATEST:  # NaN fits nowhere, and no clock reads what overflows a float
        raise InvalidSignature("iat is no time")
    if now - issued > max_age:
        raise InvalidSignature("the token is too old")
    if issued - now > _FUTURE_SKEW:
        raise InvalidSignature("the token is from the future")
    for name, ours in (("api_key", secrets.api_key), ("application_id", secrets.application_id)):
        if name in claims and claims[name] != ours:
            raise InvalidSignature(f"{name} is not ours")


def _query_forms(query: str, own: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Give each form in which Vonage may have hashed a query string.

    Documented is the compact JSON object of the parameters in order. Open is whether our own
    parameters belong to it, and whether nested values are text or JSON (support article
    19033783342876).
    """
    try:
        everything = parameters(query)
    except ValueError:
        return
    theirs = [(name, value) for name, value in everything if name not in own]
    for pairs in (everything, theirs):
        yield "texts", compact_json(dict(pairs))
        yield "nested", compact_json({name: _nested(value) for name, value in pairs})


def _nested(value: str) -> object:
    if value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def compact_json(fields: dict[str, Any]) -> bytes:
    """Return the JSON over which Vonage hashes the query parameters of a GET request.

    Raises
    ------
    InvalidSignature
        If a value is nested too deep.
    """
    try:
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise InvalidSignature("a parameter is nested too deep") from None
    return text.encode("utf-8", "surrogatepass")
