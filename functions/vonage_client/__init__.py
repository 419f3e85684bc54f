"""Client for Vonage: tokens, the Voice API, recordings. Imports neither flows nor records."""

from vonage_client.client import VoiceClient, session
from vonage_client.errors import (
    DownloadInterrupted,
    DownloadTooLarge,
    InvalidPrivateKey,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    Unavailable,
    UntrustedUrl,
    VonageError,
    VonageRefused,
)
from vonage_client.recordings import Download, open_download
from vonage_client.tokens import TokenSource
from vonage_client.url_allowlist import UrlAllowlist

__all__ = [
    "Download",
    "DownloadInterrupted",
    "DownloadTooLarge",
    "InvalidPrivateKey",
    "NotFound",
    "OutcomeUnknown",
    "RateLimited",
    "TokenSource",
    "Unauthorized",
    "Unavailable",
    "UntrustedUrl",
    "UrlAllowlist",
    "VoiceClient",
    "VonageError",
    "VonageRefused",
    "open_download",
    "session",
]
