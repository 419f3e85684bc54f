"""The URLs that may receive an application token.

A token that downloads a recording could also place calls, so it is sent only to Vonage.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from vonage_client.errors import UntrustedUrl

_MAX_URL = 2048
_VISIBLE_ASCII = re.compile(r"[!-\[\]-~]+")  # no space, control character or backslash
_VONAGE_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){0,5}(?:nexmo|vonage)\.com")
_FILE_PATH = re.compile(r"/v[0-9]{1,2}/files/[A-Za-z0-9_-]{1,128}")
_LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}")


class UrlAllowlist:
    """Checks URLs before any connection is made.

    Parameters
    ----------
    local_host
        The host and port of the local platform's simulated Vonage (``127.0.0.1:8443``), which is
        allowed as well. Only the local platform sets it.
    """

    def __init__(self, local_host: str | None = None) -> None:
        if local_host and not _LOCAL_HOST.fullmatch(local_host):
            raise ValueError("local_host: not a loopback address; expected host:port of localhost")
        self._local_host = local_host or None

    def file(self, url: object) -> str:
        """Return the checked URL of a recording or a transcript.

        Raises
        ------
        UntrustedUrl
            If it is not ``https://<a Vonage host>/v1/files/<id>``.
        """
        host, path, query = self._check(url)
        if not _FILE_PATH.fullmatch(path):
            raise UntrustedUrl("path", "the path of the URL is not that of a file")
        return f"https://{host}{path}{'?' + query if query else ''}"

    def _check(self, url: object) -> tuple[str, str, str]:
        """Return host, path and query. The URL to request is built only from these."""
        if not isinstance(url, str) or not url:
            raise UntrustedUrl("missing", "the URL is missing")
        if len(url) > _MAX_URL or not _VISIBLE_ASCII.fullmatch(url):
            raise UntrustedUrl("characters", "the URL is too long or has invalid characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UntrustedUrl("malformed", "the URL is malformed") from None
        if parts.scheme != "https":
            raise UntrustedUrl("scheme", "the URL is not https")
        if "@" in parts.netloc:
            raise UntrustedUrl("user", "the URL has user info")
        if "#" in url:
            raise UntrustedUrl("fragment", "the URL has a fragment")
        if self._local_host is not None and parts.netloc == self._local_host:
            return parts.netloc, parts.path, parts.query
        host = (parts.hostname or "").lower()
        if not _VONAGE_HOST.fullmatch(host):
            raise UntrustedUrl("host", "the URL is not on a Vonage host")
        if port not in (None, 443) or parts.netloc.endswith(":"):
            raise UntrustedUrl("port", "the URL has a port other than 443")
        return host, parts.path, parts.query
