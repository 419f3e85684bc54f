"""Cache of the webhook signature secrets in Secrets Manager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voicekit.aws_client import AwsError
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.aws_client import AwsClient

_MIN_AGE = 60.0  # seconds after an attempt to read the secret before the next one


class SecretUnavailable(Exception):
    """No usable signature secret: unreachable, incomplete, or invalid."""


class SigningSecretCache:
    """The signature secrets of an execution environment.

    Parameters
    ----------
    aws
        The AWS client.
    secret_id
        The name or ARN of the secret.
    monotonic
        A monotonic clock in seconds.
    """

    def __init__(self, aws: AwsClient, secret_id: str, monotonic: Callable[[], float]) -> None:
        self._aws = aws
        self._secret_id = secret_id
        self._monotonic = monotonic
        self._secrets: SigningSecrets | None = None
        self._tried_at = 0.0

    def get(self, within: float) -> SigningSecrets:
        """Return the cached secrets, and read them if there are none yet.

        Parameters
        ----------
        within
            Limit in seconds for reading them.

        Raises
        ------
        SecretUnavailable
            If they are unreachable, incomplete or invalid.
        """
        return self._secrets or self._fetch(within)

    def refresh(self, within: float) -> SigningSecrets | None:
        """Read the secrets again and return them, or None within a minute of the last attempt.

        Raises
        ------
        SecretUnavailable
            If they are unreachable, incomplete or invalid; the cached ones stay.
        """
        if self._monotonic() - self._tried_at < _MIN_AGE:
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
        names = ", ".join(missing)
        raise SecretUnavailable(f"the signing secret has no {names}. Run voicectl up to store it.")
    valid = (value["signature_secret"], value.get("previous_signature_secret"))
    return SigningSecrets(tuple(filter(None, valid)), value["api_key"], value["application_id"])
