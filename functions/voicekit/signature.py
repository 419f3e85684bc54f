"""Verify the signature of Vonage's webhooks: an HS256 JWT over the body or the query string.

SignatureError
├── MissingSignature       no Authorization header: Vonage may repeat the request, signed
└── InvalidSignature       any other error: reject the request
    └── UnknownKey         none of our secrets made this signature: it may have been rotated
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import re
from urllib.parse import parse_qsl

from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_FUTURE_SKEW = 30  # seconds that Vonage's clock may be ahead of ours
_MAX_TIME = 1e11  # seconds since 1970: some three thousand years
_MAX_PARAMETERS = 200
# Exactly one token: header, payload and signature in base64url without padding.
_BEARER = re.compile(r"bearer ([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)


class SignatureError(Exception):
    """A webhook without a valid signature; the reason is only for the log."""


class MissingSignature(SignatureError):
    """The request has no Authorization header."""


class InvalidSignature(SignatureError):
    """The token is malformed, expired, of another account, or does not match the request."""


class UnknownKey(InvalidSignature):
    """None of the secrets made this signature."""


class SigningSecrets(NamedTuple):
    """The secrets that may sign, with the account and application that a token must name.

    ``retired`` is the secret before the last rotation. It signs no webhook.
    """

    secrets: tuple[str, ...]
    api_key: str
    application_id: str
    retired: str = ""

    @property
    def for_tokens(self) -> tuple[str, ...]:
        """The secrets whose tokens of ours are valid, the newest first.

        With the retired one, a rotation breaks no link and no call.
        """
        return (*self.secrets, self.retired) if self.retired else self.secrets

    def __repr__(self) -> str:
        return f"SigningSecrets(api_key={self.api_key!r})"


class SignedParts(NamedTuple):
    """The parts of a request that a signature covers.

    ``own_parameters`` are the names of the query parameters of our own URL, to which Vonage adds
    its fields. Only GET requests use them.
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
    """Verify the signature of a webhook.

    Parameters
    ----------
    authorization
        The Authorization header, None if it is missing.
    request
        What the signature covers.
    secrets
        The signature secrets, newest first, with the account and application.
    now, max_age
        The time in seconds since 1970, and the maximum age of a token in seconds.

    Returns
    -------
    bool
        Whether the payload hash matches. A mismatch on POST raises InvalidSignature. On GET, the
        only source for the format of the hash is a support article, so the caller decides.

    Raises
    ------
    MissingSignature
        If there is no Authorization header.
    UnknownKey
        If no secret made the signature.
    InvalidSignature
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
        raise InvalidSignature("the Authorization header is not a single bearer token")
    claims = hs256_claims(bearer[1], (secret.encode() for secret in secrets.secrets))
    _check_claims(claims, secrets, now, max_age)
    expected = claims.get("payload_hash")
    if not isinstance(expected, str) or not expected.isascii():
        raise InvalidSignature("payload_hash is missing")
    if request.method != "GET":
        if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest(), expected.lower()):
            raise InvalidSignature("payload_hash does not match the body")
        return claims, "body"
    for covers, text in _query_forms(request.query, request.own_parameters):
        if hmac.compare_digest(hashlib.sha256(text).hexdigest(), expected.lower()):
            return claims, covers
    return claims, None


@functools.lru_cache(maxsize=4)
def fingerprint(secret: str) -> str:
    """Return a short digest that distinguishes secrets and does not reveal them.

    Blanks and line breaks around a secret do not count, as in verification.
    """
    return hashlib.sha256(b"signature secret " + secret.strip().encode()).hexdigest()[:8]


def rehearse(secret: str) -> None:
    """Verify a token of our own, so that the first webhook finds loaded what OpenSSL loads late."""
    key = secret.encode()
    hs256_claims(hs256_token({}, key), [key])
    fingerprint(secret)


def parameters(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a raw query string in their order.

    Raises
    ------
    ValueError
        If there are more than 200, many times the number that Vonage sends.
    """
    return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)


def hs256_token(claims: dict[str, Any], key: bytes) -> str:
    """Return a JWT signed with HS256.

    Raises
    ------
    ValueError, TypeError
        If the claims cannot be JSON in UTF-8.
    """
    header = {"alg": "HS256", "typ": "JWT"}
    parts = (
        json.dumps(part, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        for part in (header, claims)
    )
    signed = ".".join(_base64url(part.encode()) for part in parts)
    return f"{signed}.{_base64url(hmac.digest(key, signed.encode(), 'sha256'))}"


def hs256_claims(token: str, keys: Iterable[bytes]) -> dict[str, Any]:
    """Return the claims of a JWT that one of the keys signed (RFC 7515, only HS256).

    Parameters
    ----------
    token
        Three parts in base64url without padding, not trusted.
    keys
        The keys that are valid.

    Raises
    ------
    UnknownKey
        If none of the keys made the signature.
    InvalidSignature
        If the token is malformed, or uses anything but HS256.
    """
    signed, _, signature = token.rpartition(".")
    encoded_header, _, payload = signed.partition(".")
    _check_header(encoded_header)
    for key in filter(None, keys):
        expected = _base64url(hmac.digest(key, signed.encode(), "sha256"))
        if hmac.compare_digest(expected, signature):
            return _json_part(payload)
    raise UnknownKey("no secret made this signature")


@functools.lru_cache(maxsize=4)  # Vonage sends the same header in every token
def _check_header(encoded: str) -> None:
    header = _json_part(encoded)
    if header.get("alg") != "HS256":
        raise InvalidSignature("the token is not signed with HS256")
    # The parameters that `crit` lists must be understood, and none is (section 4.1.11). Vonage's
    # header has only string values; others, such as `b64`, could change the meaning of the rest.
    if "crit" in header or not all(isinstance(value, str) for value in header.values()):
        raise InvalidSignature("the token header has an unsupported parameter")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json_part(text: str) -> dict[str, Any]:
    """Decode a part of a token: a JSON object in base64url."""
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except (ValueError, RecursionError) as error:
        raise InvalidSignature(f"the token is malformed ({type(error).__name__})") from None
    if not isinstance(value, dict):
        raise InvalidSignature("a part of the token is not a JSON object")
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
    if not 0 <= issued < _MAX_TIME:  # excludes NaN, and integers that overflow a float
        raise InvalidSignature("iat is not a time")
    if now - issued > max_age:
        raise InvalidSignature("the token is too old")
    if issued - now > _FUTURE_SKEW:
        raise InvalidSignature("the token is from the future")
    for name, ours in (("api_key", secrets.api_key), ("application_id", secrets.application_id)):
        if name not in claims:
            continue
        claim = claims[name]
        # Both are hexadecimal, so their case does not matter.
        if not isinstance(claim, str) or claim.lower() != ours.lower():
            raise InvalidSignature(f"{name} is not the one in the signing secret")


def _query_forms(query: str, own: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Yield every format in which Vonage may have hashed a query string, each with its name.

    The documented format is a compact JSON object of the parameters in order. Undocumented is
    whether that includes our own parameters, and whether nested values are strings or JSON (support
    article 19033783342876).
    """
    try:
        all_pairs = parameters(query)
    except ValueError:
        return
    vonage_pairs = [(name, value) for name, value in all_pairs if name not in own]
    for pairs in (all_pairs, vonage_pairs):
        yield "texts", compact_json(dict(pairs))
        yield "nested", compact_json({name: _parse_nested(value) for name, value in pairs})


def _parse_nested(value: str) -> object:
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
        raise InvalidSignature("a parameter is nested too deeply") from None
    return text.encode("utf-8", "surrogatepass")
