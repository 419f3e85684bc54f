"""Problem details (RFC 9457) of the admin API: status, code and text for each exception.

Only this module knows which exception becomes which HTTP status.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from calls.idempotency import CLAIMED, DailyLimitReached, IdempotencyRecord, StoreUnavailable
from calls.switchboard_secret import DialingDisabled, SwitchboardInvalid, VersionConflict
from calls.validation import ValidationError
from records.reader import InvalidCursor, RecordNotFound
from voicekit.dial_policy import DialRefused
from voicekit.settings import SettingsError
from voicekit.switchboard import SwitchboardError
from voicekit.webhook import BodyTooLarge
from voicekit.webhook_fields import BadRequest
from vonage_client import (
    InvalidPrivateKey,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    Unavailable,
    VonageRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class UnsignedRequest(Exception):
    """The request has no IAM identity."""


class RouteNotFound(Exception):
    """There is no such path or method."""


class KeyConflict(Exception):
    """The idempotency key was used with another request."""


class OutcomePending(Exception):
    """It is unknown whether a call was placed for this key."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__(record.state)
        self.record = record


class Problem(NamedTuple):
    """Problem details; ``code`` is also the outcome in the log line."""

    status: int
    code: str
    body: dict[str, Any]
    headers: dict[str, str]


def problem(error: Exception) -> Problem:
    """Return the problem details of an exception; those of an unexpected one reveal nothing."""
    for kind, make in _TABLE:
        if isinstance(error, kind):
            return make(error)
    return _problem(
        500,
        "error",
        "Internal Server Error",
        "Unexpected error. See the log group of the calls function.",
    )


def _problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Problem:
    body = {"title": title, "status": status, "code": code, "detail": detail}
    return Problem(
        status,
        code,
        body | {name: value for name, value in more.items() if value is not None},
        headers or {},
    )


def _template(status: int, code: str, title: str, detail: str) -> Callable[[Any], Problem]:
    return lambda error: _problem(status, code, title, detail.format(error=error))


def _invalid(error: Any) -> Problem:
    return _problem(400, "invalid", "Bad Request", str(error), field=error.field)


def _invalid_switchboard(error: Any) -> Problem:
    return _problem(
        400,
        "invalid",
        "Bad Request",
        f"Invalid switchboard document, nothing changed. {error}",
        invalid=[{"field": field, "reason": reason} for field, reason in error.problems],
    )


def _pending(error: Any) -> Problem:
    record: IdempotencyRecord = error.record
    state = (
        "is being placed, or the function ended before Vonage responded"
        if record.state == CLAIMED
        else "was requested, and the response of Vonage was lost"
    )
    return _problem(
        409,
        "undecided",
        "Conflict",
        f"A call with this Idempotency-Key {state}. It is not dialed again. Look for the call:"
        f" GET /calls?date_start={record.since}&order=asc lists the calls at Vonage since then,"
        " GET /history the calls that Vonage reported. If it is not there, send the request with"
        " a new key.",
        state=record.state,
        since=record.since,
    )


def _rate_limited(error: Any) -> Problem:
    wait = str(math.ceil(error.retry_after or 1))
    return _problem(
        429,
        "limited",
        "Too Many Requests",
        "Vonage allows 3 new calls and 15 other requests a second. Nothing was carried out.",
        {"Retry-After": wait},
        trace_id=error.trace_id,
    )


def _vonage_refused(error: Any) -> Problem:
    """Pass on a status that is about the request; any other status is an error of this stack."""
    status = error.status if error.status in (400, 403, 409, 422) else 502
    fields = [{"field": name, "reason": reason} for name, reason in error.invalid]
    return _problem(
        status,
        "vonage_refused",
        "Refused by Vonage",
        str(error),
        trace_id=error.trace_id,
        invalid=fields or None,
    )


_ERROR_TEXT = "{error}"
_NOT_DIALED = "Dialing not allowed"
# The first match wins, so subclasses come before their base class.
_TABLE: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Problem]], ...
] = (
    (
        UnsignedRequest,
        _template(403, "unsigned", "Forbidden", "Sign the request with AWS Signature Version 4."),
    ),
    (
        RouteNotFound,
        _template(404, "no_route", "Not Found", "No route matches this path and method."),
    ),
    (ValidationError, _invalid),
    (
        InvalidCursor,
        _template(
            400,
            "invalid",
            "Bad Request",
            "cursor: must be the `next` of an earlier page",
        ),
    ),
    (BadRequest, _template(400, "invalid", "Bad Request", _ERROR_TEXT)),
    (
        BodyTooLarge,
        _template(413, "invalid", "Content Too Large", "The body is larger than 256 KiB."),
    ),
    (DialRefused, _template(403, "not_allowed", _NOT_DIALED, _ERROR_TEXT)),
    (
        DialingDisabled,
        _template(403, "switched_off", _NOT_DIALED, "The switchboard turns outbound dialing off."),
    ),
    (SwitchboardError, _invalid_switchboard),
    (
        VersionConflict,
        _template(
            412,
            "changed_since",
            "Precondition Failed",
            "The stored switchboard is not the version in If-Match, and nothing was changed."
            " Read it again.",
        ),
    ),
    (
        DailyLimitReached,
        _template(
            403,
            "cap_spent",
            _NOT_DIALED,
            "The daily call limit (CallsPerDay) is reached. It resets at 00:00 UTC.",
        ),
    ),
    (
        KeyConflict,
        _template(
            422,
            "key_misused",
            "Unprocessable Content",
            "This Idempotency-Key was used with another request. Send a new key with each call.",
        ),
    ),
    (OutcomePending, _pending),
    (RecordNotFound, _template(404, "not_found", "Not Found", _ERROR_TEXT)),
    (RateLimited, _rate_limited),
    (
        Unauthorized,
        _template(
            502,
            "unauthorized",
            "Token rejected by Vonage",
            "Vonage did not accept the token of the application. Put the application_id and the"
            " private_key of the same Vonage application into the secret ApplicationSecretArn.",
        ),
    ),
    (
        NotFound,
        _template(404, "not_found", "Not Found", "Vonage has no such call. It may have ended."),
    ),
    (VonageRefused, _vonage_refused),
    (InvalidPrivateKey, _template(502, "key_unusable", "Private key unusable", _ERROR_TEXT)),
    (
        OutcomeUnknown,
        _template(
            504,
            "unknown",
            "Response of Vonage lost",
            "{error}. The request may have been carried out: check before you send it again.",
        ),
    ),
    (Unavailable, _template(502, "unavailable", "Vonage unavailable", _ERROR_TEXT)),
    (
        (BotoCoreError, ClientError),
        _template(503, "unavailable", "Service Unavailable", "A request to AWS failed. Try again."),
    ),
    (
        (StoreUnavailable, SettingsError, SwitchboardInvalid),
        _template(503, "unavailable", "Service Unavailable", "Nothing was dialed: {error}."),
    ),
)
