"""Speaking to Vonage: tokens, the Voice API, recordings. Knows nothing of flows and records."""

from vonage_client.client import VoiceClient, session
from vonage_client.errors import (
    DownloadCut,
    KeyUnusable,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TooLarge,
    Unauthorized,
    Unavailable,
    UrlRefused,
    VonageError,
    VonageRefused,
)
from vonage_client.guard import Guard
from vonage_client.recordings import Download, open_download
from vonage_client.token import Tokens

__all__ = [
    "Download",
    "DownloadCut",
    "Guard",
    "KeyUnusable",
    "NotFound",
    "OutcomeUnknown",
    "RateLimited",
    "Tokens",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UrlRefused",
    "VoiceClient",
    "VonageError",
    "VonageRefused",
    "open_download",
    "session",
]
