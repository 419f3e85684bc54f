"""Fetch and cache the audio that streams play. The cache follows Cache-Control."""

import re
from collections import OrderedDict

import aiohttp

from .clock import Clock
from .url_map import MappedClient

FILE_BYTES = 10 * 1024 * 1024
CACHED_FILES = 20
# Played files are also stored separately, so that a client of the control API can play them again.
PLAYED_FILES = 50
PLAYED_BYTES = 32 * 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=3, sock_read=10)


class AudioCache:
    """Files that streams may reuse, and files that streams played recently."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cache: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._played: OrderedDict[str, bytes] = OrderedDict()

    def add_played(self, url: str, content: bytes) -> None:
        """Store a file that is being played, and drop those played longest ago."""
        self._played[url] = content
        self._played.move_to_end(url)
        while (
            len(self._played) > PLAYED_FILES
            or sum(len(cached) for cached in self._played.values()) > PLAYED_BYTES
        ):
            self._played.popitem(last=False)

    def played(self, url: str) -> bytes | None:
        """Return the file at a URL as it was last played, or None."""
        return self._played.get(url)

    async def fetch(self, session: MappedClient, url: str) -> bytes | None:
        """Return the file at a URL, or None if it cannot be fetched or is too large."""
        cached = self._cache.get(url)
        if cached is not None and cached[0] > self._clock.now():
            return cached[1]
        try:
            async with session.get(url, timeout=TIMEOUT) as response:
                content: bytes = await response.content.read(FILE_BYTES + 1)
                while len(content) <= FILE_BYTES and not response.content.at_eof():
                    content += await response.content.read(FILE_BYTES + 1 - len(content))
                if response.status != 200 or len(content) > FILE_BYTES:
                    return None
                self._store(url, content, response.headers.get("Cache-Control", ""))
                return content
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    def _store(self, url: str, content: bytes, control: str) -> None:
        age = re.search(r"max-age=([0-9]{1,9})", control)
        if age is None or "no-store" in control or "no-cache" in control:
            return
        self._cache[url] = (self._clock.now() + int(age[1]), content)
        self._cache.move_to_end(url)
        while len(self._cache) > CACHED_FILES:
            self._cache.popitem(last=False)
