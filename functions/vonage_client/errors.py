"""What can go wrong between this application and Vonage.

    VonageError
    ├── KeyUnusable         the application's secret is not filled in, or holds no usable key
    ├── UrlRefused          an address is not Vonage's: it was not asked, and no token was sent
    ├── Unavailable         Vonage was not reached, or did not answer what may be asked again:
    │                       nothing was carried out
    ├── OutcomeUnknown      the answer got lost: unknown whether it was carried out
    ├── VonageRefused       Vonage answered no: nothing was carried out
    │   ├── Unauthorized    401: the token is not accepted
    │   ├── NotFound        404: no such call or file, or it is another region's
    │   └── RateLimited     429: too many requests, nothing is queued
    ├── DownloadCut         a download ended before its end, or halted
    └── TooLarge            a download is larger than was allowed

No text holds a token, a key, or a URL with a query.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 300  # characters of a text of Vonage's that are passed on


class VonageError(Exception):
    """Something between this application and Vonage went wrong."""


class InvalidPrivateKey(VonageError):
    """The application's secret is not filled in, or holds no key that can sign."""


class UntrustedUrl(VonageError):
    """An address is not Vonage's. ``kind`` names the reason in one word, for counting."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Unavailable(VonageError):
    """Vonage was not reached, or failed at what may be asked again; nothing was carried out.

    ``status`` is that of Vonage's last answer, None where there was none.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class OutcomeUnknown(VonageError):
    """The answer got lost, or was an error of Vonage's own: it may have been carried out.

    ``status`` is that of Vonage's answer, None where there was none.
    """

    def __init__(self, text: str, status: int | None = None, trace_id: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.trace_id = trace_id


class DownloadInterrupted(VonageError):
    """A download ended before all bytes that were promised had come, or halted."""


class DownloadTooLarge(VonageError):
    """A download has more bytes than were allowed."""


class VonageRefused(VonageError):
    """Vonage answered no; nothing was carried out.

    Attributes
    ----------
    status
        The HTTP status.
    title, detail
        What Vonage says, in whichever of its styles; ``title`` is never empty.
    trace_id
        What Vonage's support asks for (``x-nexmo-trace-id``, or the problem's ``instance``).
    invalid
        The parameters that Vonage names, each with its reason.
    retry_after
        Seconds to wait, where Vonage says so.
    """

    def __init__(  # one field for each thing that Vonage says
        self,
        status: int,
        title: str,
        detail: str | None = None,
        trace_id: str | None = None,
        invalid: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        more = "; ".join([*filter(None, [detail]), *(f"{name}: {why}" for name, why in invalid)])
        super().__init__(f"Vonage answered {status} {title}{': ' + more if more else ''}")
        self.status = status
        self.title = title
        self.detail = detail
        self.trace_id = trace_id
        self.invalid = invalid
        self.retry_after = retry_after


class Unauthorized(VonageRefused):
    """401: the token is not accepted, also with the key fetched anew."""


class NotFound(VonageRefused):
    """404: no such call or file, one that is over, or one of another region."""


class RateLimited(VonageRefused):
    """429: too many requests a second (support article 207100288); nothing is queued."""


_BY_STATUS: dict[int, type[VonageRefused]] = {401: Unauthorized, 404: NotFound, 429: RateLimited}


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> VonageRefused:
    """Read an answer that says no. Three styles of body exist side by side, and none at all.

    1. validation: ``{"type": 400, "title", "invalid_parameters": [{"name", "reason"}]}``
    2. state: ``{"type": "BAD_REQUEST", "error_title"}``
    3. the gateway's problem details (RFC 7807): ``{"type": URL, "title", "detail", "instance"}``
    """
    said = _object(body)
    parameters = said.get("invalid_parameters")
    invalid = tuple(
        (_text(one.get("name")) or "?", _text(one.get("reason")) or "?")
        for one in (parameters if isinstance(parameters, list) else [])
        if isinstance(one, dict)
    )
    return _BY_STATUS.get(status, VonageRefused)(
        status,
        _text(said.get("title")) or _text(said.get("error_title")) or "without a reason",
        _text(said.get("detail")),
        _text(headers.get("x-nexmo-trace-id")) or _text(said.get("instance")),
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
    """Give a text of Vonage's in one line and of bounded length; None for anything else."""
    if not isinstance(value, str):
        return None
    return re.sub(r"\s+", " ", value).strip()[:_LONGEST] or None


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() else None
