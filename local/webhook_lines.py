"""One line of terminal output per webhook: when, which call, which flow, and how it ended."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from local.console import say
from local.webconsole.webhook_result import CONSOLE_USER_AGENT, webhook_result

if TYPE_CHECKING:
    from pathlib import Path

    from local.aws.request_log import LoggedRequest
    from local.webconsole.webhook_result import WebhookResult

_COLORS = {"failed": "31", "notice": "33"}  # red, yellow (ECMA-48, SGR)
_CALL_LENGTH = len("CON-") + 8  # enough to find the call in the web console


def print_webhook(request: LoggedRequest, code: Path) -> None:
    """Print the line of a webhook of a call; print nothing for other requests.

    Parameters
    ----------
    request
        The request.
    code
        The folder of the functions.
    """
    result = webhook_result(request, code)
    headers = (request.event or {}).get("headers", {})
    is_own = headers.get("user-agent") == CONSOLE_USER_AGENT
    if result.outcome is not None and " /webhooks/" in request.route and not is_own:
        say(webhook_line(request, result, color=_has_color()))


def webhook_line(request: LoggedRequest, result: WebhookResult, *, color: bool) -> str:
    """Return the line of a webhook: time, call, route, flow, outcome, milliseconds, reason.

    Parameters
    ----------
    request, result
        The request and its result.
    color
        Whether to color failures red, and refusals, closed lines and dialing that is off yellow.
    """
    columns = [
        time.strftime("%H:%M:%S"),
        f"{(result.conversation or '-')[:_CALL_LENGTH]:{_CALL_LENGTH}}",
        f"{request.route.rpartition('/')[2]:12}",
        f"{result.flow or '-':12}",
        f"{result.outcome:10}",
        f"{request.ms:6.0f} ms",
        _reason(result),
    ]
    line = "  ".join(columns).rstrip()
    code = _COLORS.get(result.level)
    return f"\x1b[{code}m{line}\x1b[0m" if color and code else line


def _reason(result: WebhookResult) -> str:
    error = ": ".join(filter(None, (result.error, result.detail)))
    parts = [
        result.location,
        error,
        "closed" if result.closed else None,
        "dialing is off" if result.dialing_off else None,
    ]
    return "  ".join(part for part in parts if part)


def _has_color() -> bool:
    """Return whether the terminal shows colors (the NO_COLOR convention)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
