"""Commands in hints: the user can copy them, and they act on the stack of the current command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMON_KEY = "voicectl.common"
"""The key of the common options in the ``meta`` of click's context."""


def command_line(words: str, selected: Mapping[str, Any] | None = None) -> str:
    """Return a command with the options that select its stack.

    Parameters
    ----------
    words
        What follows ``voicectl``.
    selected
        ``local``, ``stack``, ``region`` and ``profile`` (default: `selected_options`).
    """
    chosen = selected_options() if selected is None else selected
    options = ["--local"] if chosen.get("local") else []
    for name in ("stack", "region", "profile"):
        if chosen.get(name):
            options += [f"--{name}", shlex.quote(str(chosen[name]))]
    return " ".join(("voicectl", *options, words))


def selected_options() -> Mapping[str, Any]:
    """Return the common options of the current command."""
    context = click.get_current_context(silent=True)
    found: Mapping[str, Any] = context.meta.get(COMMON_KEY, {}) if context else {}
    return found
