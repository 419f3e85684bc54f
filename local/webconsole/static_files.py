"""Serve the page's files from one folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from pathlib import Path

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}")


class StaticFiles:
    """Routes that serve the files of one folder, without subfolders.

    Parameters
    ----------
    folder
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the page's files."""
        return [
            web.get("/", self._index, allow_head=False),
            web.get("/page/{name}", self._file, allow_head=False),
        ]

    async def _index(self, _request: web.Request) -> web.Response:
        return self._response("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._response(request.match_info["name"])

    def _response(self, name: str) -> web.Response:
        path = self._folder / name
        content_type = _TYPES.get(path.suffix)
        is_safe = _NAME.fullmatch(name) and not path.is_symlink()
        if content_type is None or not is_safe or not path.is_file():
            raise web.HTTPNotFound
        charset = "utf-8" if content_type.startswith("text/") else None
        return web.Response(body=path.read_bytes(), content_type=content_type, charset=charset)
