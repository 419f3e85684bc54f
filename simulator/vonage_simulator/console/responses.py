"""JSON responses with secrets redacted, and HTTP errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

_MIN_LENGTH = 16  # characters; shorter secrets would also match ordinary text
_REDACTED = "(secret)"


class HttpError(Exception):
    """An HTTP error response with this status, title and detail."""

    def __init__(self, status: int, title: str, detail: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail


class JsonResponder:
    """Builds JSON responses and redacts the platform's secrets in them.

    Secrets do occur: a function can log its environment, and a presigned S3 URL contains the
    access key id.

    Parameters
    ----------
    secrets
        The secrets; each line of a multi-line secret, such as a private key, counts as one.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line for secret in secrets for line in secret.splitlines()}
        self._secrets = sorted(
            line for line in lines if len(line) >= _MIN_LENGTH and not line.startswith("-----")
        )

    def dumps(self, value: Any) -> str:
        """Serialize a value as JSON text with the secrets redacted."""
        return self.redact(json.dumps(value))

    def redact(self, text: str) -> str:
        """Return the text with the secrets redacted."""
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        return text

    def json(self, value: Any) -> web.Response:
        """Build a JSON response."""
        return web.Response(text=self.dumps(value), content_type="application/json")


def error_response(status: int, title: str, detail: str = "") -> web.Response:
    """Build a JSON response for an error."""
    return web.json_response({"title": title, "detail": detail}, status=status)


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises
    ------
    HttpError
        400 if the body is not a JSON object.
    """
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise HttpError(400, "Bad Request", "the body must be JSON") from None
    if not isinstance(fields, dict):
        raise HttpError(400, "Bad Request", "the body must be a JSON object")
    return fields
