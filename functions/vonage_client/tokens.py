"""The tokens that the Voice API asks for: RS256, made with the application's private key."""

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
"""Seconds that a token for the Voice API lives."""
DOWNLOAD_LIFETIME = 60
"""Seconds that a token for a recording lives: it is read once, when the download begins."""
_SHORTEST_LIFETIME = 30  # Vonage authentication guide: exp
_KEY_IS_FRESH = 30.0  # seconds within which a refused token does not fetch the key again
_FIX_HINT = 'put {"application_id": "…", "private_key": "…"} there as Vonage gave them'


class _Key(NamedTuple):
    application_id: str
    private_key: RSAPrivateKey
    next_key: RSAPrivateKey | None  # while it is rotated, the one that Vonage will take or takes

    def __repr__(self) -> str:
        return f"_Key(application_id={self.application_id!r})"


class TokenSource:
    """Gives tokens of one application, each until shortly before it expires.

    Parameters
    ----------
    fetch_secret
        Gives the text of the secret `Application`: a JSON object with ``application_id`` and
        ``private_key`` (PEM), and ``next_private_key`` while the key is rotated. Asked when a token
        is first needed, and after a refusal.
    lifetime
        Seconds that a token lives, 30 or more (Vonage authentication guide: exp).
    now
        The clock, seconds since 1970.
    """

    def __init__(
        self,
        fetch_secret: Callable[[], str],
        *,
        lifetime: int = API_LIFETIME,
        now: Callable[[], float] = time.time,
    ) -> None:
        if lifetime < _SHORTEST_LIFETIME:
            raise ValueError(f"a token lives {_SHORTEST_LIFETIME} seconds at least")
        self._fetch_secret = fetch_secret
        self._lifetime = lifetime
        self._now = now
        self._key: _Key | None = None
        self._fetched_at = 0.0
        self._token = ""
        self._renew_at = 0.0

    def get(self) -> str:
        """Give a token.

        Raises
        ------
        KeyUnusable
            If the secret is not filled in or holds no usable key. What `fetch_secret` raises
            comes through.
        """
        if self._now() >= self._renew_at:
            self._make(self._key or self._fetch())
        return self._token

    def refresh_after_401(self, refused: str) -> str | None:
        """Give another token for one that got 401, with the key fetched anew.

        So a rotated key needs no deployment: Vonage holds one public key, and changes from one to
        the next between two requests, while the secret has both. None where no other token can
        help: the key was fetched a moment ago, and there is no next one.
        """
        if self._token and self._token != refused:
            return self._token  # renewed meanwhile
        old = self._key
        fresh = old is not None and self._now() - self._fetched_at < _KEY_IS_FRESH
        key = old if old is not None and fresh else self._fetch()
        if key.next_key is not None and old is not None and _same(key, old):
            key = key._replace(private_key=key.next_key, next_key=key.private_key)
        elif fresh:
            return None
        self._key = key
        self._make(key)
        return self._token

    def _fetch(self) -> _Key:
        self._key = _parse(self._fetch_secret())
        self._fetched_at = self._now()
        return self._key

    def _make(self, key: _Key) -> None:
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
        raise InvalidPrivateKey(f"the application secret is not a JSON object: {_FIX_HINT}")
    missing = [name for name in ("application_id", "private_key") if not _filled(value.get(name))]
    if missing:
        raise InvalidPrivateKey(
            f"the application secret has no {' and no '.join(missing)}: {_FIX_HINT}"
        )
    following = value.get("next_private_key")
    return _Key(
        value["application_id"].strip(),
        _private_key(value["private_key"]),
        _private_key(following) if isinstance(following, str) and _filled(following) else None,
    )


def _same(one: _Key, other: _Key) -> bool:
    return one.private_key.public_key() == other.private_key.public_key()


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _private_key(text: str) -> RSAPrivateKey:
    # Consoles and shells often leave the line breaks of a pasted key as backslash and n.
    pem = text.strip().replace("\\n", "\n").encode("utf-8", "replace")
    try:
        key = load_pem_private_key(pem, password=None)
    except Exception:  # its texts may quote the key, so nothing of them goes on
        raise InvalidPrivateKey(
            "the application secret's private_key is no private key in PEM: copy the whole file,"
            " with its first and last line"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidPrivateKey("the application secret's private_key is not an RSA key")
    return key
