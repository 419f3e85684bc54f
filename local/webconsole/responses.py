"""How the phone answers: JSON in which no secret stands, and refusals that say why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST = 16  # characters; what is shorter is no secret that could be told from other text
_HIDDEN = "(secret)"


class HttpError(Exception):
    """A request is refused with this status; the texts are for whoever asked."""

    def __init__(self, status: int, title: str, detail: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail


class JsonResponder:
    """Writes JSON, with the secrets of the platform replaced wherever they turn up.

    They do turn up: a function may print its environment, and a link to the bucket names the key
    that signed it.

    Parameters
    ----------
    secrets
        The secrets; of one with several lines, such as a private key, each line is one.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line for secret in secrets for line in secret.splitlines()}
        self._secrets = sorted(
            line for line in lines if len(line) >= _SHORTEST and not line.startswith("-----")
        )

    def text(self, value: Any) -> str:
        """Write a value as JSON text."""
        return self.hidden(json.dumps(value))

    def hidden(self, text: str) -> str:
        """Give a text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def json(self, value: Any) -> web.Response:
        """Answer with a value."""
        return web.Response(text=self.text(value), content_type="application/json")


def refused(status: int, title: str, detail: str = "") -> web.Response:
    """Answer with a refusal."""
    return web.json_response({"title": title, "detail": detail}, status=status)


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read the JSON object in a request's body.

    Raises
    ------
    Refusal
        400 where there is none.
    """
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise HttpError(400, "Bad Request", "the body must be JSON") from None
    if not isinstance(fields, dict):
        raise HttpError(400, "Bad Request", "the body must be a JSON object")
    return fields
