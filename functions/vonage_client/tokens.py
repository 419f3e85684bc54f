"""Create and renew the JWTs of an application: RS256, signed with its private key."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from vonage_client.errors import InvalidPrivateKey

if TYPE_CHECKING:
    from collections.abc import Callable

API_LIFETIME = 300
"""Seconds that a token for the Voice API is valid."""
DOWNLOAD_LIFETIME = 60
"""Seconds that a token for a recording is valid. Vonage checks it once, when a download starts."""
_MIN_LIFETIME = 30  # Vonage authentication guide: exp
_KEY_IS_FRESH = 30.0  # seconds within which a 401 does not read the secret again
_FIX_HINT = "Store application_id and private_key in it, as Vonage issued them."


class _Key(NamedTuple):
    application_id: str
    private_key: RSAPrivateKey
    next_key: RSAPrivateKey | None  # during rotation, the key that Vonage accepts now or next

    def __repr__(self) -> str:
        return f"_Key(application_id={self.application_id!r})"


class TokenSource:
    """The tokens of one application, each reused until shortly before it expires.

    Parameters
    ----------
    fetch_secret
        Returns the text of the secret `Application`: a JSON object with ``application_id`` and
        ``private_key`` (PEM), and ``next_private_key`` while the key is rotated. Called for the
        first token, and after a 401.
    lifetime
        Seconds that a token is valid, 30 or more (Vonage authentication guide: exp).
    now
        The clock, in seconds since 1970.
    """

    def __init__(
        self,
        fetch_secret: Callable[[], str],
        *,
        lifetime: int = API_LIFETIME,
        now: Callable[[], float] = time.time,
    ) -> None:
        if lifetime < _MIN_LIFETIME:
            raise ValueError(f"lifetime: {lifetime}; expected at least {_MIN_LIFETIME} seconds")
        self._fetch_secret = fetch_secret
        self._lifetime = lifetime
        self._now = now
        self._key: _Key | None = None
        self._fetched_at = 0.0
        self._token = ""
        self._renew_at = 0.0

    def get(self) -> str:
        """Return a valid token.

        Raises
        ------
        InvalidPrivateKey
            If the secret is incomplete or its key is invalid. Exceptions of `fetch_secret` are
            passed on.
        """
        if self._now() >= self._renew_at:
            self._create(self._key or self._fetch())
        return self._token

    def refresh_after_401(self, rejected: str) -> str | None:
        """Return another token than the one that got 401, made with a newly read key.

        A rotated key therefore needs no deployment: Vonage replaces its public key between two
        requests, and the secret has both keys during a rotation. The result is None if no other
        token can help, because the key was read a moment ago and there is no next one.
        """
        if self._token and self._token != rejected:
            return self._token  # already renewed
        old = self._key
        is_fresh = old is not None and self._now() - self._fetched_at < _KEY_IS_FRESH
        key = old if old is not None and is_fresh else self._fetch()
        if key.next_key is not None and old is not None and _same_key(key, old):
            key = key._replace(private_key=key.next_key, next_key=key.private_key)
        elif is_fresh:
            return None
        self._key = key
        self._create(key)
        return self._token

    def _fetch(self) -> _Key:
        self._key = _parse(self._fetch_secret())
        self._fetched_at = self._now()
        return self._key

    def _create(self, key: _Key) -> None:
        issued = int(self._now())
        claims = {
            "application_id": key.application_id,
            "iat": issued,
            "exp": issued + self._lifetime,
            "jti": str(uuid.uuid4()),
        }
        self._token = jwt.encode(claims, key.private_key, algorithm="RS256")
        self._renew_at = issued + self._lifetime * 0.75


def _parse(text: str) -> _Key:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidPrivateKey(f"the application secret is not a JSON object. {_FIX_HINT}")
    missing = [name for name in ("application_id", "private_key") if not _is_set(value.get(name))]
    if missing:
        raise InvalidPrivateKey(
            f"the application secret has no {' and no '.join(missing)}. {_FIX_HINT}"
        )
    next_key = value.get("next_private_key")
    return _Key(
        value["application_id"].strip(),
        _private_key(value["private_key"]),
        _private_key(next_key) if isinstance(next_key, str) and _is_set(next_key) else None,
    )


def _same_key(first: _Key, second: _Key) -> bool:
    return first.private_key.public_key() == second.private_key.public_key()


def _is_set(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _private_key(text: str) -> RSAPrivateKey:
    # Consoles and shells often turn the line breaks of a pasted key into backslash and n.
    pem = text.strip().replace("\\n", "\n").encode("utf-8", "replace")
    try:
        key = load_pem_private_key(pem, password=None)
    except Exception:  # its text may quote the key, so nothing of it is passed on
        raise InvalidPrivateKey(
            "private_key is not a PEM private key. Copy the whole file, including the BEGIN and"
            " END lines."
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidPrivateKey("private_key is not an RSA key")
    return key
