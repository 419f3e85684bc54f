"""Cache of the webhook signature secrets in Secrets Manager.

A copy is read again when it is five minutes old, so that a revoked secret stops working. An older
copy is used only while Secrets Manager does not respond.
"""

from __future__ import annotations

import json

from voicekit.aws_client import AwsError, AwsRefused
from voicekit.signature import SigningSecrets, rehearse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.aws_client import AwsClient

_MAX_AGE = 300.0  # seconds after which a copy is read again
_MIN_AGE = 60.0  # seconds after an attempt to read the secret before the next one
_RENEWAL_SECONDS = 0.5  # limit for replacing an old copy: a caller waits, and the copy may serve


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
    clock
        Seconds since 1970. Not the monotonic clock, which may stop while an environment is frozen.
    """

    def __init__(self, aws: AwsClient, secret_id: str, clock: Callable[[], float]) -> None:
        self._aws = aws
        self._secret_id = secret_id
        self._clock = clock
        self._secrets: SigningSecrets | None = None
        self._read_at = 0.0
        self._tried_at = 0.0

    def get(self, within: float) -> SigningSecrets:
        """Return the secrets, at most five minutes old unless Secrets Manager does not respond.

        Parameters
        ----------
        within
            Limit in seconds for reading them.

        Raises
        ------
        SecretUnavailable
            If they are incomplete, invalid, or unreachable without a copy.
        """
        copy = self._secrets
        if copy is None:
            return self._fetch(within)
        if self._is_past(self._read_at, _MAX_AGE) and self._is_past(self._tried_at, _MIN_AGE):
            try:
                return self._fetch(min(within, _RENEWAL_SECONDS))
            except SecretUnavailable:
                if self._secrets is None:  # Secrets Manager responded
                    raise
        return copy

    def prefetch(self, within: float) -> None:
        """Read and try the secrets before they are needed; this never delays `get` or `refresh`.

        Raises
        ------
        SecretUnavailable
            If they are unreachable, incomplete or invalid.
        """
        for secret in self._fetch(within).secrets:
            rehearse(secret)
        self._tried_at = 0.0

    def refresh(self, within: float) -> SigningSecrets | None:
        """Read the secrets again and return them, or None within a minute of the last attempt.

        Raises
        ------
        SecretUnavailable
            If they are unreachable, incomplete or invalid.
        """
        return self._fetch(within) if self._is_past(self._tried_at, _MIN_AGE) else None

    def _is_past(self, start: float, seconds: float) -> bool:
        # A clock that was set back must not keep a copy forever.
        return not 0 <= self._clock() - start < seconds

    def _fetch(self, within: float) -> SigningSecrets:
        """Read the secrets; any response but valid secrets removes the copy."""
        now = self._tried_at = self._clock()
        try:
            text = self._aws.get_secret_value(self._secret_id, within=within)
        except AwsError as error:
            if isinstance(error, AwsRefused):
                self._secrets = None
            raise SecretUnavailable(str(error)) from None
        self._secrets = None
        self._secrets = _parse(text)
        self._read_at = now
        return self._secrets


def _parse(text: str) -> SigningSecrets:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise SecretUnavailable("the signing secret is not a JSON object of strings")
    value = {name: text.strip() for name, text in value.items()}  # pasted blanks and line breaks
    needed = ("signature_secret", "api_key", "application_id")
    missing = [name for name in needed if not value.get(name)]
    if missing:
        names = ", ".join(missing)
        raise SecretUnavailable(f"the signing secret has no {names}. Run voicectl up to store it.")
    valid = (value["signature_secret"], value.get("previous_signature_secret"))
    return SigningSecrets(
        tuple(filter(None, valid)),
        value["api_key"],
        value["application_id"],
        value.get("retired_signature_secret", ""),
    )
