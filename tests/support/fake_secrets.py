"""A Secrets Manager in memory, for a `SigningSecretCache`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from voicekit.aws_client import AwsRefused, AwsUnavailable
from voicekit.signing_secrets import SigningSecretCache

if TYPE_CHECKING:
    from tests.support.signing import VonageSignature
    from voicekit.aws_client import AwsClient


class FakeSecrets:
    """A Secrets Manager with one secret, a count of reads, and the clock of the cache.

    Attributes
    ----------
    text
        The secret's value; None if Secrets Manager is unavailable.
    refused
        Whether Secrets Manager denies access.
    interrupt
        What interrupts the next read, such as a flow's time limit.
    read
        The number of reads.
    within
        The time limit of the last read.
    seconds
        The cache's clock.
    """

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.refused = False
        self.interrupt: BaseException | None = None
        self.read = 0
        self.within: float | None = None
        self.seconds = 1000.0

    def get_secret_value(self, secret_id: str, *, within: float | None = None) -> str:
        """Read it, as `voicekit.aws_client.AwsClient` does."""
        self.read += 1
        self.within = within
        if self.interrupt:
            interrupt, self.interrupt = self.interrupt, None
            raise interrupt
        if self.refused:
            raise AwsRefused("GetSecretValue", "AccessDeniedException")
        if self.text is None or within == 0:
            raise AwsUnavailable("GetSecretValue", "no usable response, TimeoutError")
        return self.text

    def store(self) -> SigningSecretCache:
        """Return a cache that reads this secret."""
        return SigningSecretCache(cast("AwsClient", self), "signing", lambda: self.seconds)


def fake_secrets(account: VonageSignature, **changes: str) -> FakeSecrets:
    """Return a Secrets Manager with the secret of an account."""
    return FakeSecrets(account.secret_string(**changes))


def empty_fake_secrets() -> FakeSecrets:
    """Return a Secrets Manager with the template's initial secret."""
    names = ("signature_secret", "previous_signature_secret", "api_key", "application_id")
    return FakeSecrets(json.dumps(dict.fromkeys(names, "")))
