"""The signature secrets, fetched from Secrets Manager when first needed and when they are stale."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voicekit.aws_client import AwsError
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.aws_client import AwsClient

_FRESH = 60.0  # seconds within which a secret is not fetched again


class SecretUnavailable(Exception):
    """The signature secret cannot be had now: not reachable, not filled in, or not of its form."""


class SigningSecretCache:
    """Keeps the signature secrets of a running function.

    Parameters
    ----------
    aws
        How to reach Secrets Manager.
    secret_id
        The name or ARN of the secret.
    monotonic
        A clock in seconds that never goes back.
    """

    def __init__(self, aws: AwsClient, secret_id: str, monotonic: Callable[[], float]) -> None:
        self._aws = aws
        self._secret_id = secret_id
        self._monotonic = monotonic
        self._secrets: SigningSecrets | None = None
        self._tried_at = 0.0

    def get(self, within: float) -> SigningSecrets:
        """Give the secrets, fetching them if there are none yet.

        Parameters
        ----------
        within
            Seconds that fetching may take.

        Raises
        ------
        SecretUnavailable
            If they cannot be had.
        """
        return self._secrets or self._fetch(within)

    def refresh(self, within: float) -> SigningSecrets | None:
        """Give secrets fetched anew, or None if the last attempt is less than a minute old.

        Raises
        ------
        SecretUnavailable
            If they cannot be had; the next attempt is made after a minute.
        """
        if self._monotonic() - self._tried_at < _FRESH:
            return None
        return self._fetch(within)

    def _fetch(self, within: float) -> SigningSecrets:
        self._tried_at = self._monotonic()
        try:
            text = self._aws.get_secret_value(self._secret_id, within=within)
        except AwsError as error:
            raise SecretUnavailable(str(error)) from None
        self._secrets = _parse(text)
        return self._secrets


def _parse(text: str) -> SigningSecrets:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise SecretUnavailable("the signing secret is not a JSON object of strings")
    needed = ("signature_secret", "api_key", "application_id")
    missing = [name for name in needed if not value.get(name)]
    if missing:
        raise SecretUnavailable(f"the signing secret has no {', '.join(missing)} yet: put it there")
    live = (value["signature_secret"], value.get("previous_signature_secret"))
    return SigningSecrets(tuple(filter(None, live)), value["api_key"], value["application_id"])
