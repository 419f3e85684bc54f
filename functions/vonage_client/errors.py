"""The exceptions of the Vonage client.

    VonageError
    ├── InvalidPrivateKey     the application secret has no usable private key
    ├── UntrustedUrl          a URL is not on a Vonage host: neither request nor token was sent
    ├── Unavailable           no response, or a failed request that is safe to repeat: nothing was
    │                         carried out
    ├── OutcomeUnknown        the response was lost: the request may have been carried out
    ├── VonageRefused         a 4xx response: nothing was carried out
    │   ├── Unauthorized      401: Vonage does not accept the token
    │   ├── NotFound          404: no such call or file, or it is in another region
    │   └── RateLimited       429: too many requests; Vonage queues none
    ├── DownloadInterrupted   a download stopped before its end, or stalled
    └── DownloadTooLarge      a download is larger than allowed

No text contains a token, a key, or a URL with a query string.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_TEXT = 300  # characters of Vonage's texts that are passed on


class VonageError(Exception):
    """A failure between this application and Vonage."""


class InvalidPrivateKey(VonageError):
    """The application secret is incomplete, or its private key is invalid."""


class UntrustedUrl(VonageError):
    """A URL is not a Vonage URL. ``kind`` names the reason in one word, for metrics."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Unavailable(VonageError):
    """Vonage was not reached, or failed a request that is safe to repeat.

    ``status`` is that of the last response, None without one.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class OutcomeUnknown(VonageError):
    """The response was lost or is a server error: the request may have been carried out.

    ``status`` is that of the response, None without one.
    """

    def __init__(self, text: str, status: int | None = None, trace_id: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.trace_id = trace_id


class DownloadInterrupted(VonageError):
    """A download ended before the announced number of bytes, or stalled."""


class DownloadTooLarge(VonageError):
    """A download has more bytes than allowed."""


class VonageRefused(VonageError):
    """Vonage rejected the request; nothing was carried out.

    Attributes
    ----------
    status
        The HTTP status.
    title, detail
        Vonage's reason, from any of its three formats; ``title`` is never empty.
    trace_id
        The id that Vonage support asks for (``x-nexmo-trace-id``, or the problem's ``instance``).
    invalid
        The invalid parameters, each with its reason.
    retry_after
        Seconds to wait, None if Vonage sends none.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        trace_id: str | None = None,
        invalid: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        more = "; ".join([*filter(None, [detail]), *(f"{name}: {why}" for name, why in invalid)])
        super().__init__(f"Vonage responded {status} {title}{': ' + more if more else ''}")
        self.status = status
        self.title = title
        self.detail = detail
        self.trace_id = trace_id
        self.invalid = invalid
        self.retry_after = retry_after


class Unauthorized(VonageRefused):
    """401: Vonage does not accept the token, even one made with a newly read key."""


class NotFound(VonageRefused):
    """404: no such call or file, a call that ended, or one in another region."""


class RateLimited(VonageRefused):
    """429: too many requests a second (support article 207100288); Vonage queues none."""


_BY_STATUS: dict[int, type[VonageRefused]] = {401: Unauthorized, 404: NotFound, 429: RateLimited}


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> VonageRefused:
    """Build the exception for a 4xx response. Its body may have one of three formats, or be empty.

    1. validation: ``{"type": 400, "title", "invalid_parameters": [{"name", "reason"}]}``
    2. state: ``{"type": "BAD_REQUEST", "error_title"}``
    3. the gateway's problem details (RFC 7807): ``{"type": URL, "title", "detail", "instance"}``
    """
    problem = _object(body)
    parameters = problem.get("invalid_parameters")
    invalid = tuple(
        (_text(parameter.get("name")) or "?", _text(parameter.get("reason")) or "?")
        for parameter in (parameters if isinstance(parameters, list) else [])
        if isinstance(parameter, dict)
    )
    return _BY_STATUS.get(status, VonageRefused)(
        status,
        _text(problem.get("title")) or _text(problem.get("error_title")) or "without a reason",
        _text(problem.get("detail")),
        _text(headers.get("x-nexmo-trace-id")) or _text(problem.get("instance")),
        invalid,
        _seconds(headers.get("retry-after")),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Return a string on one line and of limited length; None for anything else."""
    if not isinstance(value, str):
        return None
    return re.sub(r"\s+", " ", value).strip()[:_MAX_TEXT] or None


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() else None
