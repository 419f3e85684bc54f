"""The files of the page, as they lie in one folder."""

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
    """The handlers for one folder; nothing below or beside it is served.

    Parameters
    ----------
    folder
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def routes(self) -> list[web.RouteDef]:
        """Give every path of the files."""
        return [
            web.get("/", self._index, allow_head=False),
            web.get("/page/{name}", self._file, allow_head=False),
        ]

    async def _index(self, _request: web.Request) -> web.Response:
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.Response:
        path = self._folder / name
        kind = _TYPES.get(path.suffix)
        if kind is None or not _NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise web.HTTPNotFound
        text = kind.startswith("text/")
        return web.Response(
            body=path.read_bytes(), content_type=kind, charset="utf-8" if text else None
        )
