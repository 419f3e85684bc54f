"""Which addresses a token may go to.

The token that fetches a recording could also place calls, so it goes nowhere but to Vonage.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from vonage_client.errors import UntrustedUrl

_LONGEST_URL = 2048
_VISIBLE_ASCII = re.compile(r"[!-\[\]-~]+")  # no space, no control, no backslash
_VONAGE_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){0,5}(?:nexmo|vonage)\.com")
_FILE_PATH = re.compile(r"/v[0-9]{1,2}/files/[A-Za-z0-9_-]{1,128}")
_LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}")


class UrlAllowlist:
    """Judges addresses before a connection is made.

    Parameters
    ----------
    local_host
        The host and port of the local platform's simulated Vonage (``127.0.0.1:8443``), which is
        let in as well. The local platform alone sets it.
    """

    def __init__(self, local_host: str | None = None) -> None:
        if local_host and not _LOCAL_HOST.fullmatch(local_host):
            raise ValueError("only an address of this machine with its port can be let in")
        self._local_host = local_host or None

    def file(self, url: object) -> str:
        """Give the address of a recording or a transcript as it may be asked.

        Raises
        ------
        UrlRefused
            If it is not ``https://<a host of Vonage's>/v1/files/<id>``.
        """
        host, path, query = self._judge(url)
        if not _FILE_PATH.fullmatch(path):
            raise UntrustedUrl("path", "the path is not that of a file")
        return f"https://{host}{path}{'?' + query if query else ''}"

    def base(self, url: object) -> str:
        """Give the address of Vonage's API, as ``region_url`` of an event names it.

        Raises
        ------
        UrlRefused
            If it is not ``https://<a host of Vonage's>``.
        """
        host, path, query = self._judge(url)
        if path not in ("", "/") or query:
            raise UntrustedUrl("path", "the address of the API has a path")
        return f"https://{host}"

    def _judge(self, url: object) -> tuple[str, str, str]:
        """Give host, path and query. What goes on is put together from these alone."""
        if not isinstance(url, str) or not url:
            raise UntrustedUrl("missing", "there is no address")
        if len(url) > _LONGEST_URL or not _VISIBLE_ASCII.fullmatch(url):
            raise UntrustedUrl("characters", "the address has characters that none of Vonage's has")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UntrustedUrl("malformed", "the address is malformed") from None
        if parts.scheme != "https":
            raise UntrustedUrl("scheme", "the address is not https")
        if "@" in parts.netloc:
            raise UntrustedUrl("user", "the address carries a user")
        if "#" in url:
            raise UntrustedUrl("fragment", "the address has a fragment")
        if self._local_host is not None and parts.netloc == self._local_host:
            return parts.netloc, parts.path, parts.query
        host = (parts.hostname or "").lower()
        if not _VONAGE_HOST.fullmatch(host):
            raise UntrustedUrl("host", "the host is not one of Vonage's")
        if port not in (None, 443) or parts.netloc.endswith(":"):
            raise UntrustedUrl("port", "the address names another port")
        return host, parts.path, parts.query
