"""Fetching recordings: the download as a stream, from addresses that the guard lets through."""

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
_REFUSAL_BYTES = 64 * 1024
_CHUNK = 256 * 1024  # bytes read at once


class Download(NamedTuple):
    """A download that has begun; close it, or use it in a ``with`` statement.

    ``length`` is what Vonage says that it has in bytes, None where it does not say.
    """

    response: requests.Response
    length: int | None
    max_bytes: int

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes in pieces of 256 KiB at most.

        Raises
        ------
        DownloadCut
            If it ends before its end, or halts for longer than the read timeout.
        TooLarge
            If it has more bytes than allowed.
        """
        received = 0
        while chunk := self._read():
            received += len(chunk)
            if received > self.max_bytes:
                raise DownloadTooLarge(f"more than {self.max_bytes} bytes")
            yield chunk
        if self.length is not None and received != self.length:
            raise DownloadInterrupted(f"{received} bytes came of {self.length}")

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
            # What has come: waiting for all of a chunk could last as long as a slow sender likes.
            chunk: bytes = self.response.raw.read1(_CHUNK, decode_content=False)
        except (HTTPError, OSError) as error:
            raise DownloadInterrupted(f"the download broke off: {type(error).__name__}") from None
        return chunk


def open_download(
    http: requests.Session,
    tokens: TokenSource,
    guard: UrlAllowlist,
    url: object,
    *,
    max_bytes: int,
    timeout: tuple[float, float] = (3.0, 20.0),
) -> Download:
    """Begin to download a recording or a transcript.

    A redirect is followed with the token on the same host, and not at all to another.

    Parameters
    ----------
    http
        The session; `vonage_client.session` makes one.
    tokens
        Tokens, better short-lived ones (`token.DOWNLOAD_LIFETIME`).
    guard, url
        Who judges the address, and the address as the event has it.
    max_bytes
        More than these are not read.
    timeout
        Seconds to connect, and seconds between two pieces of the answer.

    Raises
    ------
    UrlRefused
        If the address, or one that it redirects to, is not to be asked.
    TooLarge
        If it is said to be larger than allowed.
    Unavailable
        If Vonage cannot be reached, or fails.
    VonageRefused
        If Vonage says no.
    KeyUnusable
        If no token can be made.
    """
    address = guard.file(url)
    for _ in range(_REDIRECTS + 1):
        response = _get(http, tokens, address, timeout)
        if not response.is_redirect:
            return _begun(response, max_bytes)
        target = urljoin(address, response.headers["location"])
        response.close()
        address = _same_host(address, guard.file(target))
    raise Unavailable("the recording was redirected too often", response.status_code)


def _same_host(address: str, target: str) -> str:
    if urlsplit(address).netloc != urlsplit(target).netloc:
        raise UntrustedUrl("redirect", "a redirect leads to another host")
    return target


def _get(
    http: requests.Session, tokens: TokenSource, address: str, timeout: tuple[float, float]
) -> requests.Response:
    token = tokens.get()
    response = _get_once(http, token, address, timeout)
    if response.status_code != 401:
        return response
    newer = tokens.refresh_after_401(token)
    if newer is None:
        return response
    response.close()
    return _get_once(http, newer, address, timeout)


def _get_once(
    http: requests.Session, token: str, address: str, timeout: tuple[float, float]
) -> requests.Response:
    try:
        return http.get(
            address,
            auth=Bearer(token),
            headers={"Accept-Encoding": "identity"},
            allow_redirects=False,
            stream=True,
            timeout=timeout,
        )
    except (requests.RequestException, HTTPError, OSError) as error:
        raise Unavailable(f"Vonage did not answer: {type(error).__name__}") from None


def _begun(response: requests.Response, max_bytes: int) -> Download:
    status = response.status_code
    if status == 200:
        said = response.headers.get("content-length", "")
        length = int(said) if said.isascii() and said.isdigit() else None
        if length is not None and length > max_bytes:
            response.close()
            raise DownloadTooLarge(f"{length} bytes, more than {max_bytes}")
        return Download(response, length, max_bytes)
    try:
        body = response.raw.read(_REFUSAL_BYTES)
    except (HTTPError, OSError):
        body = b""
    finally:
        response.close()
    if status >= 500 or status < 400:
        raise Unavailable(f"Vonage answered {status}", status)
    raise parse_error(status, response.headers, body)
