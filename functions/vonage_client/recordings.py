"""Download recordings and transcripts as a stream, from URLs in the allowlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from vonage_client.client import Bearer
from vonage_client.errors import (
    DownloadInterrupted,
    DownloadTooLarge,
    Unavailable,
    UntrustedUrl,
    parse_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from vonage_client.tokens import TokenSource
    from vonage_client.url_allowlist import UrlAllowlist

_REDIRECTS = 3
_ERROR_BYTES = 64 * 1024
_CHUNK = 256 * 1024  # bytes read at once


class Download(NamedTuple):
    """An open download; close it, or use it in a ``with`` statement.

    ``length`` is the announced number of bytes, None if Vonage announces none. ``least_bytes`` must
    arrive if nothing but the end of the connection ends the download.
    """

    response: requests.Response
    length: int | None
    least_bytes: int
    max_bytes: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in chunks of at most 256 KiB.

        Raises
        ------
        DownloadInterrupted
            If the download stops before its end, or stalls for longer than the read timeout.
        DownloadTooLarge
            If it has more bytes than allowed.
        """
        received = 0
        while chunk := self._read():
            received += len(chunk)
            if received > self.max_bytes:
                raise DownloadTooLarge(f"more than {self.max_bytes} bytes")
            yield chunk
        expected = max(received, self.least_bytes) if self.length is None else self.length
        if received != expected:
            raise DownloadInterrupted(f"received {received} of {expected} bytes")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.response.close()

    def _read(self) -> bytes:
        try:
            # Returns what has arrived; a slow sender could delay a full chunk without limit.
            chunk: bytes = self.response.raw.read1(_CHUNK, decode_content=False)
        except (HTTPError, OSError) as error:
            raise DownloadInterrupted(f"download interrupted: {type(error).__name__}") from None
        return chunk


def open_download(
    http: requests.Session,
    tokens: TokenSource,
    allowlist: UrlAllowlist,
    url: object,
    *,
    max_bytes: int,
    expected_bytes: int | None = None,
    timeout: tuple[float, float] = (3.0, 20.0),
) -> Download:
    """Start the download of a recording or a transcript.

    A redirect to the same host is followed with the token; a redirect to another host is an error.

    Parameters
    ----------
    http
        The session, from `vonage_client.session`.
    tokens
        Tokens, preferably short-lived (`tokens.DOWNLOAD_LIFETIME`).
    allowlist, url
        The allowed URLs, and the URL from the event.
    max_bytes
        The largest download allowed.
    expected_bytes
        The size from the event. If Vonage announces no length, a connection that is cut looks like
        one that ends; a download of fewer bytes is then an interrupted one.
    timeout
        Seconds to connect, and seconds between two reads of the response.

    Raises
    ------
    UntrustedUrl
        If the URL, or one that it redirects to, is not allowed.
    DownloadTooLarge
        If its announced length is larger than allowed.
    Unavailable
        If Vonage is not reached, or fails.
    VonageRefused
        If Vonage rejects the request.
    InvalidPrivateKey
        If no token can be created.
    """
    allowed_url = allowlist.file(url)
    http.close()  # an idle connection may have died while Lambda froze the environment
    for _ in range(_REDIRECTS + 1):
        response = _get(http, tokens, allowed_url, timeout)
        if not response.is_redirect:
            return _download(response, max_bytes, expected_bytes or 0)
        target = urljoin(allowed_url, response.headers["location"])
        response.close()
        allowed_url = _same_host(allowed_url, allowlist.file(target))
    raise Unavailable("the recording was redirected too often", response.status_code)


def _same_host(url: str, target: str) -> str:
    if urlsplit(url).netloc != urlsplit(target).netloc:
        raise UntrustedUrl("redirect", "redirect to another host")
    return target


def _get(
    http: requests.Session, tokens: TokenSource, url: str, timeout: tuple[float, float]
) -> requests.Response:
    token = tokens.get()
    response = _get_once(http, token, url, timeout)
    if response.status_code != 401:
        return response
    newer = tokens.refresh_after_401(token)
    if newer is None:
        return response
    response.close()
    return _get_once(http, newer, url, timeout)


def _get_once(
    http: requests.Session, token: str, url: str, timeout: tuple[float, float]
) -> requests.Response:
    try:
        return http.get(
            url,
            auth=Bearer(token),
            headers={"Accept-Encoding": "identity"},
            allow_redirects=False,
            stream=True,
            timeout=timeout,
        )
    except (requests.RequestException, HTTPError, OSError) as error:
        raise Unavailable(f"no response from Vonage: {type(error).__name__}") from None


def _download(response: requests.Response, max_bytes: int, expected_bytes: int) -> Download:
    status = response.status_code
    if status == 200:
        if "transfer-encoding" in response.headers:  # RFC 9112, 6.3: overrides the length
            return Download(response, None, 0, max_bytes)
        announced = response.headers.get("content-length", "")
        if not (announced.isascii() and announced.isdigit()):
            return Download(response, None, expected_bytes, max_bytes)
        length = int(announced)
        if length > max_bytes:
            response.close()
            raise DownloadTooLarge(f"{length} bytes, more than {max_bytes}")
        return Download(response, length, 0, max_bytes)
    try:
        body = response.raw.read(_ERROR_BYTES)
    except (HTTPError, OSError):
        body = b""
    finally:
        response.close()
    if status >= 500 or status < 400:
        raise Unavailable(f"Vonage responded {status}", status)
    raise parse_error(status, response.headers, body)
