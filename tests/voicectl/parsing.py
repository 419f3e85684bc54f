"""Parse the arguments of `voicectl`, and run nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from voicectl.__main__ import cli
from voicectl.cli import VoicectlCommand
from voicectl.command_line import COMMON_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click


def parsed_command(words: Sequence[str]) -> tuple[str, dict[str, object]] | None:
    """Return the command of these words with the values of its parameters, None for a help page.

    Raises
    ------
    click.UsageError
        If the command line is invalid.
    """
    found = []

    def store(command: VoicectlCommand, ctx: click.Context) -> None:
        found.append((str(command.name), {**ctx.meta[COMMON_KEY], **ctx.params}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VoicectlCommand, "invoke", store)
        cli.main(list(words), prog_name="voicectl", standalone_mode=False)
    return found[0] if found else None
