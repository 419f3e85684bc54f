"""What logs may contain of a text or an exception: no numbers, tokens or quoted content.

A number has four digits or more, with up to three other characters between two of them. After a
word such as PIN, any digits count.
"""

from __future__ import annotations

import re
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
# From the start of a word, so that a long text is scanned once. SIP URIs have the same form.
_ADDRESS = re.compile(r"(?<![^\s@])[^\s@]*?(?:@|%40)\S*")
_NUMBER = re.compile(r"\d(?:[\W_]{0,3}\d){3,}")
_DIGITS_AFTER_WORD = re.compile(
    r"""(?ix) (?<!status\ )(?<!error\ )(?<!exit\ )
    \b(pins?|codes?|pass(?:code|word|phrase)s?|otp|tan|cv[cv]|digits?|dtmf|keys?
       |pressed|dial(?:l?ed)?|entered|typed|account|card|extension)
    (?=[\W_\d])
    (?:[\W_]{0,3}(?:is|was|are|were|of|no|number|code|entered)\b){0,2}
    [\W_]{0,3}\d+(?:[\W_]{0,3}\d+)*"""
)
_TOKEN = re.compile(r"[A-Za-z0-9_+/=.-]{32,}")


def redact(text: str) -> str:
    """Remove what is quoted, and what may be a number, a PIN, an address, a token or an identifier.

    A lone surrogate is replaced as well: Lambda's runtime cannot write it, and the invocation would
    fail.
    """
    text = text.encode("utf-8", "replace").decode()
    text = _QUOTED.sub("…", text)
    text = _ADDRESS.sub("…", text)
    text = _DIGITS_AFTER_WORD.sub(r"\1 …", text)
    text = _NUMBER.sub("…", text)
    return _TOKEN.sub("…", text)


def without_socket_queries(value: Any, levels: int = 16) -> Any:
    """Return JSON in which no URL of a WebSocket has a query string; those may hold credentials.

    Vonage's events are flat. Below so many levels, nothing is changed.
    """
    if isinstance(value, str):
        return re.sub(r"(?i)(\bwss?:[^?\s]*)\?\S*", r"\1", value) if "?" in value else value
    if isinstance(value, list) and levels:
        return [without_socket_queries(member, levels - 1) for member in value]
    if isinstance(value, dict) and levels:
        return {name: without_socket_queries(one, levels - 1) for name, one in value.items()}
    return value


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return the log fields of an exception: its type, its redacted text, and its locations.

    The text loses what it quotes, since that is often what a caller said or dialed. The locations
    are the last five frames. If none of these is in a flow, the last frame in one is added.
    """
    locations = []
    in_flow = None  # the last one
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_filename.startswith("<frozen "):  # Python's own import system
            continue
        locations.append(f"{'/'.join(code.co_filename.split('/')[-2:])}:{line} {code.co_name}")
        if str(frame.f_globals.get("__name__")).startswith("flows."):
            in_flow = locations[-1]
    shown = locations[-5:]
    if in_flow is not None and in_flow not in shown:
        shown = [in_flow, *shown]
    return {
        "error": type(error).__name__,
        "detail": redact(_unquote_code_names(error))[:300],
        "at": shown,
    }


def _unquote_code_names(error: BaseException) -> str:
    """Return the text of an exception without the quotes around names that occur in the code."""
    text = str(error)
    if not isinstance(error, TypeError | AttributeError | NameError | ImportError):
        return text
    names: set[str] = set()
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names.update(frame.f_code.co_names, frame.f_code.co_varnames)
        for constant in frame.f_code.co_consts:  # includes argument names, as tuples
            if isinstance(constant, tuple):
                names.update(item for item in constant if isinstance(item, str))
    text = re.sub(r"'(\w+)'", lambda match: match[1] if match[1] in names else match[0], text)
    return re.sub(r"(?<=Did you mean )'(\w+)'", r"\1", text)
