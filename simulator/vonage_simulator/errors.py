"""The shapes in which Vonage says no.

    ApiError            an answer of the REST API other than success
    NccoError           an NCCO that the platform does not take

Three styles of body exist side by side: the voice API's validation errors, its older state errors,
and the gateway's problem details (RFC 7807).
"""

from typing import Any


class ApiError(Exception):
    """The REST API refuses: a status, and a JSON body or none."""

    def __init__(self, status: int, body: dict[str, Any] | None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class InvalidNcco(Exception):
    """The NCCO is not one that the platform can run."""


def invalid(name: str, reason: str) -> ApiError:
    """400 that names a parameter (python-sdk issue 66, java-sdk issue 63)."""
    body = {
        "type": 400,
        "title": "Bad Request",
        "invalid_parameters": [{"reason": reason, "name": name}],
    }
    return ApiError(400, body)


def bad_state() -> ApiError:
    """400 for a call that is not in the state for it (support article 10359615124380)."""
    return ApiError(400, {"type": "BAD_REQUEST", "error_title": "Bad Request"})


def unauthorized() -> ApiError:
    """401 of the voice API. No page shows its body: an inference in the style of the others."""
    return ApiError(401, {"type": "UNAUTHORIZED", "error_title": "Unauthorized"})


def not_found() -> ApiError:
    """404 of the voice API. No page shows its body: an inference in the style of the others."""
    return ApiError(404, {"type": "NOT_FOUND", "error_title": "Not Found"})


def problem(
    status: int, kind: str, title: str, detail: str, instance: str, **more: Any
) -> ApiError:
    """The gateway's problem details, as the Application API answers."""
    body = {
        "type": f"https://developer.nexmo.com/api-errors#{kind}",
        "title": title,
        "detail": detail,
        "instance": instance,
        **more,
    }
    return ApiError(status, body)
