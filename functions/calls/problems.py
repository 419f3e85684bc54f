"""What goes wrong in the owner's API, as problem details (RFC 9457): the one table of its statuses.

No exception of the rooms below knows HTTP; here each becomes a status and a text for the owner.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from calls.idempotency import DailyLimitReached, IdempotencyRecord, StoreUnavailable
from calls.switchboard_secret import DialingDisabled, SwitchboardInvalid, VersionConflict
from calls.validation import ValidationError
from records.reader import InvalidCursor, RecordNotFound
from voicekit.dial_policy import DialRefused
from voicekit.settings import SettingsError
from voicekit.switchboard import SwitchboardError
from voicekit.webhook import BadRequest, BodyTooLarge
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

_LOOK = (
    "GET /calls?date_start={since}&order=asc lists what Vonage placed since then,"
    " GET /history the calls that it reported"
)


class UnsignedRequest(Exception):
    """No signature of AWS's stands behind the request."""


class RouteNotFound(Exception):
    """There is nothing at this path, or not by this method."""


class KeyConflict(Exception):
    """The key of another request."""


class OutcomePending(Exception):
    """Whether a call was placed for this key is not known."""

    def __init__(self, claim: IdempotencyRecord) -> None:
        super().__init__(claim.state)
        self.claim = claim


class Problem(NamedTuple):
    """Problem details; ``code`` is also the outcome in the log line."""

    status: int
    code: str
    body: dict[str, Any]
    headers: dict[str, str]


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


def problem(error: Exception) -> Problem:
    """Give what an exception is to the owner; anything unforeseen is 500, without a word of it."""
    for kind, make in _TABLE:
        if isinstance(error, kind):
            return make(error)
    return _problem(500, "error", "Our fault", "Something went wrong here; the log says what.")


def _invalid(error: Any) -> Problem:
    return _problem(400, "invalid", "Bad Request", str(error), field=error.field)


def _no_switchboard(error: Any) -> Problem:
    return _problem(
        400,
        "invalid",
        "Bad Request",
        f"This is no switchboard, and nothing was changed: {error}",
        invalid=[{"field": where, "reason": what} for where, what in error.problems],
    )


def _undecided(error: Any) -> Problem:
    claim: IdempotencyRecord = error.claim
    said = (
        "is being placed, or the function died while it was"
        if claim.state == "claimed"
        else "was asked for, and Vonage's answer got lost"
    )
    return _problem(
        409,
        "undecided",
        "Conflict",
        f"A call with this Idempotency-Key {said}. It is not dialled again."
        f" {_LOOK.format(since=claim.since)}. If it is not there, send it with a new key.",
        state=claim.state,
        since=claim.since,
    )


def _limited(error: Any) -> Problem:
    wait = str(math.ceil(error.retry_after or 1))
    return _problem(
        429,
        "limited",
        "Too Many Requests",
        "Vonage takes 3 new calls and 15 other requests a second; nothing was carried out.",
        {"Retry-After": wait},
        trace_id=error.trace_id,
    )


def _refused(error: Any) -> Problem:
    """Pass on what Vonage says is wrong with the request; its other refusals are ours to mend."""
    status = error.status if error.status in (400, 403, 409, 422) else 502
    fields = [{"field": name, "reason": reason} for name, reason in error.invalid]
    return _problem(
        status,
        "vonage_refused",
        "Vonage refused",
        str(error),
        trace_id=error.trace_id,
        invalid=fields or None,
    )


def _says(status: int, code: str, title: str, detail: str) -> Callable[[Any], Problem]:
    return lambda error: _problem(status, code, title, detail.format(error=error))


_BY_ITSELF = "{error}"
# The first that fits counts, so what is special stands before what is general.
_TABLE: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Problem]], ...
] = (
    (
        UnsignedRequest,
        _says(403, "unsigned", "Forbidden", "Sign the request with Signature Version 4."),
    ),
    (RouteNotFound, _says(404, "no_route", "Not Found", "There is nothing at this path.")),
    (ValidationError, _invalid),
    (
        InvalidCursor,
        _says(400, "invalid", "Bad Request", "cursor: must be the `next` of an earlier page"),
    ),
    (BadRequest, _says(400, "invalid", "Bad Request", _BY_ITSELF)),
    (BodyTooLarge, _says(413, "invalid", "Content Too Large", "The body is larger than 256 KiB.")),
    (DialRefused, _says(403, "not_allowed", "Dialling refused", _BY_ITSELF)),
    (
        DialingDisabled,
        _says(403, "switched_off", "Dialling refused", "All dialling is switched off."),
    ),
    (SwitchboardError, _no_switchboard),
    (
        VersionConflict,
        _says(
            412,
            "changed_since",
            "Precondition Failed",
            "Another version of the switchboard holds now, and nothing was changed. Read it again.",
        ),
    ),
    (
        DailyLimitReached,
        _says(403, "cap_spent", "Dialling refused", "The calls of this day (UTC) are spent."),
    ),
    (
        KeyConflict,
        _says(
            422,
            "key_misused",
            "Unprocessable Content",
            "This Idempotency-Key came with another request before: each call needs its own.",
        ),
    ),
    (OutcomePending, _undecided),
    (RecordNotFound, _says(404, "not_found", "Not Found", _BY_ITSELF)),
    (RateLimited, _limited),
    (
        Unauthorized,
        _says(
            502,
            "unauthorized",
            "Vonage refused the key",
            "Vonage did not accept the application's token. Put the application_id and the"
            " private_key of the same Vonage application into the secret ApplicationSecretArn.",
        ),
    ),
    (
        NotFound,
        _says(404, "not_found", "Not Found", "Vonage knows no such call: it may be over."),
    ),
    (VonageRefused, _refused),
    (InvalidPrivateKey, _says(502, "key_unusable", "No key for Vonage", _BY_ITSELF)),
    (
        OutcomeUnknown,
        _says(
            504,
            "unknown",
            "Vonage's answer got lost",
            "{error}. It may have been carried out: look before you ask again.",
        ),
    ),
    (Unavailable, _says(502, "unavailable", "Vonage was not reached", _BY_ITSELF)),
    (
        (BotoCoreError, ClientError),
        _says(503, "unavailable", "Not now", "AWS did not give what was asked for; ask again."),
    ),
    (
        (StoreUnavailable, SettingsError, SwitchboardInvalid),
        _says(503, "unavailable", "Not now", "{error}; nothing was dialled."),
    ),
)
