"""The errors of the admin API, by the name that operations use for them."""

from __future__ import annotations

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """An error response.

    Attributes
    ----------
    status, code
        The HTTP status, and the code of the problem details (None if only API Gateway sends it).
    when
        When it is the response.
    by_gateway
        Whether API Gateway sends this status as well, with a message instead of problem details.
    """

    status: int
    code: str | None
    when: str
    by_gateway: bool = False


CODES: dict[str, tuple[ErrorCode, ...]] = {
    "invalid": (ErrorCode(400, "invalid", "a field is missing or invalid"),),
    "too_large": (ErrorCode(413, "invalid", "the body is larger than 256 KiB", by_gateway=True),),
    "unsigned": (
        ErrorCode(403, "unsigned", "the request has no valid IAM signature", by_gateway=True),
    ),
    "throttled": (
        ErrorCode(429, None, "API Gateway limits the requests of a route", by_gateway=True),
    ),
    "long_headers": (ErrorCode(431, None, "the headers have more than 10 KiB", by_gateway=True),),
    "error": (
        ErrorCode(
            500,
            "error",
            "unexpected error; the log of the function has the details",
            by_gateway=True,
        ),
    ),
    "unavailable_aws": (
        ErrorCode(
            503,
            "unavailable",
            "AWS failed, or a setting or the switchboard is invalid; nothing was dialed",
            by_gateway=True,
        ),
    ),
    "not_allowed": (
        ErrorCode(
            403, "not_allowed", "the dial policy does not allow a number, SIP domain or NCCO URL"
        ),
    ),
    "switched_off": (ErrorCode(403, "switched_off", "the switchboard turns outbound dialing off"),),
    "cap_spent": (ErrorCode(403, "cap_spent", "the daily call limit is reached"),),
    "not_found": (ErrorCode(404, "not_found", "there is no such call or recording"),),
    "undecided": (
        ErrorCode(409, "undecided", "the outcome of the first request with this key is unknown"),
    ),
    "changed_since": (
        ErrorCode(412, "changed_since", "the stored switchboard is not the version in `If-Match`"),
    ),
    "key_misused": (ErrorCode(422, "key_misused", "the key was used with another body"),),
    "limited": (
        ErrorCode(429, "limited", "Vonage limits new calls to 3 and other requests to 15 a second"),
    ),
    "vonage_refused": (
        *(
            ErrorCode(status, "vonage_refused", "Vonage refused the request")
            for status in (400, 403, 409, 422)
        ),
        ErrorCode(502, "vonage_refused", "Vonage refused the request with any other status"),
    ),
    "unauthorized": (
        ErrorCode(502, "unauthorized", "Vonage did not accept the token of the application"),
    ),
    "key_unusable": (
        ErrorCode(502, "key_unusable", "the private key of the stack cannot be read"),
    ),
    "unavailable": (
        ErrorCode(502, "unavailable", "Vonage could not be reached; nothing was carried out"),
    ),
    "unknown": (
        ErrorCode(
            504,
            "unknown",
            "the response of Vonage was lost: the request may have been carried out",
        ),
    ),
    "no_route": (ErrorCode(404, "no_route", "there is no such path or method"),),
}
