"""Tokens for requests to Vonage's Voice API, signed with the application's private key."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from voicectl import application as applications
from voicectl import stack_secrets
from voicectl.command_line import command_line
from voicectl.errors import NotConfiguredError
from voicectl.key_pair import private_key_of

if TYPE_CHECKING:
    from voicectl.context import Context


def application_token(context: Context, lifetime: int) -> tuple[str, dict[str, str | int]]:
    """Return a token that is valid for some seconds, and its claims.

    The private key of the settings signs it, else that of the stack.

    Raises
    ------
    VoicectlError
        If there is no private key, or the stack cannot be read.
    """
    private_key = context.settings.private_key
    if private_key is None:
        stack = context.stack
        private_key = stack_secrets.read(stack, stack.application_secret).get("private_key")
    if not private_key:
        raise NotConfiguredError(
            f"neither your settings nor the stack have a private key. Run `{command_line('up')}`"
            " first."
        )
    issued = int(context.now())
    claims: dict[str, str | int] = {
        "application_id": applications.needed_id(context),
        "iat": issued,
        "exp": issued + lifetime,
        "jti": str(uuid.uuid4()),
    }
    import jwt  # here: most commands need no token, and the import is slow

    return jwt.encode(claims, private_key_of(private_key), algorithm="RS256"), claims
