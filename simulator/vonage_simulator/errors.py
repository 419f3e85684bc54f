"""Errors of the API and of NCCOs.

    ApiError            an error response of the REST API
    InvalidNcco         an NCCO that Vonage would not accept

Vonage uses three styles of error body: the Voice API's validation errors, its older state errors,
and the gateway's problem details (RFC 7807).
"""

from typing import Any


class ApiError(Exception):
    """An error response of the REST API: a status, and a JSON body or none.

    `reason` is only for the journal, if the body does not say it.
    """

    def __init__(self, status: int, body: dict[str, Any] | None, reason: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.reason = reason


class InvalidNcco(Exception):
    """The NCCO cannot be run."""


def invalid(name: str, reason: str) -> ApiError:
    """Build a 400 that names a parameter (python-sdk issue 66, java-sdk issue 63)."""
    body = {
        "type": 400,
        "title": "Bad Request",
        "invalid_parameters": [{"reason": reason, "name": name}],
    }
    return ApiError(400, body)


def bad_state(reason: str = "") -> ApiError:
    """Build a 400 for a call in the wrong state (support article 10359615124380)."""
    return ApiError(400, {"type": "BAD_REQUEST", "error_title": "Bad Request"}, reason)


def unsupported_media_type() -> ApiError:
    """Build a 415 (php-sdk issue 83). No page shows its body: inferred from the others."""
    body = {"type": "UNSUPPORTED_MEDIA_TYPE", "error_title": "Unsupported Media Type"}
    return ApiError(415, body)


def unauthorized(reason: str = "") -> ApiError:
    """Build a 401 of the Voice API. No page shows its body: inferred from the others."""
    return ApiError(401, {"type": "UNAUTHORIZED", "error_title": "Unauthorized"}, reason)


def not_found(reason: str = "") -> ApiError:
    """Build a 404 of the Voice API. No page shows its body: inferred from the others."""
    return ApiError(404, {"type": "NOT_FOUND", "error_title": "Not Found"}, reason)


def reason_in(body: Any) -> str | None:
    """Return why an error body says that a request was refused, in any of the styles."""
    if not isinstance(body, dict):
        return None
    parameters = body.get("invalid_parameters") or []
    parts = [f"{one['name']}: {one['reason']}" for one in parameters]
    title = body.get("title") or body.get("error_title") or body.get("error-code-label")
    return "; ".join(parts) or ": ".join(filter(None, (title, body.get("detail")))) or None


def problem(
    status: int, kind: str, title: str, detail: str, instance: str, **extra_fields: Any
) -> ApiError:
    """Build an error with the gateway's problem details, as in the Application API."""
    body = {
        "type": f"https://developer.nexmo.com/api-errors#{kind}",
        "title": title,
        "detail": detail,
        "instance": instance,
        **extra_fields,
    }
    return ApiError(status, body)
