"""Verify that a WebSocket handshake comes from Vonage, for this account and application.

With ``"authorization": {"type": "vonage"}`` in its endpoint, Vonage sends the token that it also
sends with webhooks: a JWT signed with the account's signature secret. Without, it sends none. The
hash of the payload in it is not documented for handshakes, so it is not verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_AGE = 60  # seconds


class HandshakeRefused(Exception):
    """The handshake has no valid token; the text has the reason, and no part of the token."""


@dataclass
class HandshakeVerifier:
    """Whom to accept, and the ids of the tokens that were used."""

    signature_secret: str = field(repr=False)
    api_key: str
    application_id: str
    _used: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> HandshakeVerifier | None:
        """Return a verifier, or None without VONAGE_SIGNATURE_SECRET.

        Raises
        ------
        ValueError
            If VONAGE_API_KEY or VONAGE_APPLICATION_ID is missing next to it.
        """
        secret = environment.get("VONAGE_SIGNATURE_SECRET", "").strip()
        if not secret:
            return None
        names = ("VONAGE_API_KEY", "VONAGE_APPLICATION_ID")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise ValueError(
                f"{' and '.join(missing)} must be set too: the signature secret signs for every"
                " application of the account"
            )
        return cls(secret, *(environment[name].strip() for name in names))

    def verify(self, authorization: str | None, now: float) -> None:
        """Accept the Authorization header of a handshake, once.

        Parameters
        ----------
        authorization
            The header, None if it is missing.
        now
            Seconds since 1970.

        Raises
        ------
        HandshakeRefused
            If the token is missing, invalid, older than 60 seconds, of another account or
            application, or was used before.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise HandshakeRefused(
                "no bearer token; the endpoint needs authorization with the type vonage"
            )
        try:
            claims = jwt.decode(
                token,
                self.signature_secret,
                algorithms=["HS256"],
                issuer="Vonage",
                options={"require": ["iat", "iss", "jti"], "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise HandshakeRefused(f"invalid token ({type(error).__name__})") from None
        issued = claims["iat"]
        # The comparison is false for NaN, and for integers beyond any float.
        if not isinstance(issued, int | float) or not now - _MAX_AGE <= issued <= now + _MAX_AGE:
            raise HandshakeRefused(f"the token is not from the last {_MAX_AGE} seconds")
        for name, own in (("api_key", self.api_key), ("application_id", self.application_id)):
            if str(claims.get(name)).lower() != own.lower():
                raise HandshakeRefused(f"the token has another {name}")
        self._use(str(claims["jti"]), now)

    def _use(self, token_id: str, now: float) -> None:
        """Refuse a token that was used before: somebody may have copied it."""
        # A token is valid for a minute before and after its time.
        self._used = {one: at for one, at in self._used.items() if at >= now - 2 * _MAX_AGE}
        if token_id in self._used:
            raise HandshakeRefused("the token was used before")
        self._used[token_id] = now
