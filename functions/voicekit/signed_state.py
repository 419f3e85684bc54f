"""The state of a flow as a signed token in the URL of its next webhook."""

from __future__ import annotations

import json

from voicekit.signed_token import make_token, read_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_PURPOSE = "state"
_MAX_BYTES = 1024  # of JSON; the URL has some 1,650 characters then
_HOUR = 3600
_HOURS = 4  # with what is left of the current one, so that a token lives at least three


def sign_state(
    state: Mapping[str, Any], secrets: Sequence[str], conversation: str | None, now: float
) -> str:
    """Return the token of a state. It expires on the hour, so equal states have equal tokens.

    Parameters
    ----------
    state
        A dict with at most 1,024 bytes of JSON.
    secrets
        The signature secrets; the first one signs.
    conversation
        The conversation that the token is bound to.
    now
        When the webhook arrived, in seconds since 1970.

    Raises
    ------
    ValueError
        If the state is too large or not JSON in UTF-8, or if a secret or conversation is missing.
    TypeError
        If the state is not a dict, or has a value that JSON does not know.
    """
    if len(json_of(state, "state")) > _MAX_BYTES:
        raise ValueError(
            "state is too large; expected at most one kilobyte of JSON. "
            "Pass an identifier, and look up the rest."
        )
    if not secrets or not conversation:
        missing = "conversation_uuid" if secrets else "signature secret"
        raise ValueError(f"state cannot be signed: there is no {missing}")
    expires_at = (int(now) // _HOUR + _HOURS) * _HOUR
    return make_token(secrets[0], _PURPOSE, conversation, dict(state), expires_at)


def read_state(
    token: str, secrets: Sequence[str], conversation: str | None, now: float
) -> dict[str, Any]:
    """Return the state of a token.

    Raises
    ------
    InvalidToken
        If the token is invalid, has expired, or belongs to another conversation.
    """
    return read_token(token, secrets, _PURPOSE, conversation or "", now).data


def json_of(fields: Mapping[str, Any], what: str) -> bytes:
    """Return the compact JSON of a dict; errors name it as ``what``.

    Raises
    ------
    ValueError
        If it is not JSON in UTF-8, such as NaN or a lone surrogate.
    TypeError
        If it is not a dict with text keys, or has a value that JSON does not know.
    """
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise TypeError(f"{what} is not a dict with text keys")
    try:
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (ValueError, RecursionError):  # a UnicodeEncodeError is a ValueError
        raise ValueError(f"{what} is not JSON in UTF-8") from None
