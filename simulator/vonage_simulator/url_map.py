"""Send requests for one origin to another: https://my.app to http://localhost:3000.

The request keeps the `Host` of its URL, and has `X-Forwarded-Proto`, as behind a tunnel.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import aiohttp
from yarl import URL

_PARTS = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL | re.I)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REQUESTS = 10
_WEB_SCHEMES = {"ws": "http", "wss": "https"}
_SOCKET_SCHEMES = {"http": "ws", "https": "wss"}


def origin_of(text: str) -> str:
    """Return the origin in a text that is nothing but an http or https origin.

    Raises
    ------
    ValueError
        If it is not one; the message says what is.
    """
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} has no scheme; expected an origin such as https://my.app")
    if found["scheme"].lower() not in _SOCKET_SCHEMES:
        raise ValueError(f"{text!r} has another scheme than http and https")
    if found["rest"] not in ("", "/"):
        raise ValueError(f"{text!r} has a path; expected only scheme, host and port")
    return str(URL(f"{found['scheme']}://{found['authority']}").origin())


class UrlMap:
    """Which origin takes the requests for which other origin."""

    def __init__(self, origins: Iterable[tuple[str, str]] = ()) -> None:
        self._targets = {_key(URL(source)): URL(target).origin() for source, target in origins}

    def resolve(self, url: str) -> tuple[str, dict[str, str]]:
        """Return the URL to send a request to, and the headers that name the original.

        Raises
        ------
        ValueError
            If the URL is not valid.
        """
        found = _PARTS.fullmatch(url) if self._targets else None
        if found is None:
            return url, {}
        scheme = found["scheme"].lower()
        web_scheme = _WEB_SCHEMES.get(scheme, scheme)
        host = found["authority"].rpartition("@")[2]
        target = self._targets.get(_key(URL(f"{web_scheme}://{host}")))
        if target is None:
            return url, {}
        is_socket = scheme in _WEB_SCHEMES
        new_scheme = _SOCKET_SCHEMES[target.scheme] if is_socket else target.scheme
        headers = {"Host": host, "X-Forwarded-Proto": web_scheme}
        return f"{new_scheme}://{target.authority}{found['rest']}", headers


def _key(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


class MappedClient:
    """An HTTP client that applies a map to each URL, and to that of each redirect."""

    def __init__(self, session: aiohttp.ClientSession, url_map: UrlMap) -> None:
        self._session = session
        self._map = url_map

    @contextlib.asynccontextmanager
    async def get(self, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET request, follow redirects, and yield the response.

        Raises
        ------
        ValueError
            If a URL is not valid, or if there are too many redirects.
        """
        for _ in range(MAX_REQUESTS):
            target, headers = self._map.resolve(url)
            request = self._session.get(target, headers=headers, allow_redirects=False, **options)
            async with request as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    yield response
                    return
                url = str(URL(url).join(URL(location)))
        raise ValueError("too many redirects")

    def ws_connect(self, url: str, headers: Mapping[str, str], **options: Any) -> Any:
        """Connect a WebSocket."""
        target, more = self._map.resolve(url)
        return self._session.ws_connect(target, headers={**headers, **more}, **options)
