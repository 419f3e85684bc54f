"""Serve the page's files from a list of folders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    """Routes that serve the files of some folders, without subfolders.

    Parameters
    ----------
    folders
        The folders. If several have a file of the same name, the first one's is served.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

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
        paths = [folder / name for folder in self._folders] if _NAME.fullmatch(name) else []
        path = next((one for one in paths if one.is_file()), None)
        content_type = _TYPES.get(path.suffix) if path else None
        if path is None or content_type is None or path.is_symlink():
            raise web.HTTPNotFound
        charset = "utf-8" if content_type.startswith("text/") else None
        return web.Response(body=path.read_bytes(), content_type=content_type, charset=charset)
