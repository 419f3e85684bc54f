"""A Secrets Manager in memory, for a `SecretStore`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from voicekit.aws_client import AwsClient, AwsUnavailable
from voicekit.signing_secrets import SigningSecretCache

if TYPE_CHECKING:
    from tests.support.signing import VonageSignature


class FakeSecrets:
    """Holds one secret, counts who reads it, and keeps the time of the store.

    Attributes
    ----------
    text
        What stands in the secret; None where it cannot be reached.
    read
        How often it was read.
    seconds
        The store's clock.
    """

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.read = 0
        self.seconds = 1000.0

    def get_secret_value(self, secret_id: str, *, within: float | None = None) -> str:
        """Read it, as `voicekit.aws_client.Aws` does."""
        self.read += 1
        if self.text is None or within == 0:
            raise AwsUnavailable("GetSecretValue", "no usable answer, TimeoutError")
        return self.text

    def store(self) -> SigningSecretCache:
        """Give a store that reads it."""
        return SigningSecretCache(cast("AwsClient", self), "signing", lambda: self.seconds)


def fake_secrets(account: VonageSignature, **changes: str) -> FakeSecrets:
    """Give a vault with the secret of an account."""
    return FakeSecrets(account.secret_string(**changes))


def empty_fake_secrets() -> FakeSecrets:
    """Give a vault with the secret as the template makes it."""
    names = ("signature_secret", "previous_signature_secret", "api_key", "application_id")
    return FakeSecrets(json.dumps(dict.fromkeys(names, "")))
