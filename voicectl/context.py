"""The context that every command receives."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicectl.vonage_account import VonageAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from voicectl.output import Output
    from voicectl.settings import UserSettings
    from voicectl.stack import DeployedStack


@dataclass(frozen=True)
class Context:
    """The settings, the output, and access to the stack and to Vonage.

    Parameters
    ----------
    settings
        The user's settings.
    output
        Where to write.
    folder
        Where commands store restore points: .connect, mode 0700.
    read_stack
        Returns the stack; called once, when it is first needed.
    local
        With ``--local``, the content of the running local platform's stack.json.
    now, sleep
        The clock, in seconds since 1970, and how to wait a number of seconds.
    """

    settings: UserSettings
    output: Output
    folder: Path
    read_stack: Callable[[], DeployedStack] = field(repr=False)
    local: Mapping[str, Any] | None = field(default=None, repr=False)
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @functools.cached_property
    def stack(self) -> DeployedStack:
        """The stack, read on first use."""
        return self.read_stack()

    @functools.cached_property
    def account(self) -> VonageAccount:
        """The Vonage account of the settings."""
        return VonageAccount(
            self.settings.need("api_key"),
            self.settings.need("api_secret"),
            local=self.local,
            sleep=self.sleep,
        )
