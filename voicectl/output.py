"""What the user sees: rich on a terminal, plain text in a pipe, one JSON object with ``--json``."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN_WIDTH = 4000  # columns: a pipe has no edge at which lines would break


class Change(NamedTuple):
    """Something that a command is about to change; None where there is nothing before or after.

    A ``secret`` one is shown without its values.
    """

    what: str
    old: str | None
    new: str | None
    secret: bool = False

    def shown(self) -> tuple[str, str]:
        """Give the old and the new value as they may be seen."""
        return self._shown(self.old, "(another one)"), self._shown(self.new, "(hidden)")

    def _shown(self, value: str | None, hidden: str) -> str:
        if value is None or value == "":
            return "(none)"
        return hidden if self.secret else value


class Output:
    """Where a command writes.

    Parameters
    ----------
    json
        Whether only one JSON object is written, at the end.
    yes
        Whether every question is answered with yes.
    """

    def __init__(self, *, json: bool = False, yes: bool = False) -> None:
        self.json = json
        self.yes = yes
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    def line(self, text: str, style: str = "") -> None:
        """Write a line; nothing with ``--json``. ``style`` is rich's, seen on terminals alone."""
        if not self.json:
            self._out.print(Text(text, style=style), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write a line that must be seen at once: with ``--json``, to standard error."""
        (self._err if self.json else self._out).print(Text(text), soft_wrap=True)

    def event(self, value: dict[str, Any]) -> None:
        """Write one JSON line at once, for a command that goes on; nothing without ``--json``."""
        if self.json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def warn(self, text: str) -> None:
        """Write a warning to standard error, with ``--json`` too."""
        self._err.print(Text(f"warning: {text}", style="yellow"), soft_wrap=True)

    def error(self, text: str) -> None:
        """Write why the command failed: one line on standard error, or a JSON object."""
        if self.json:
            self.result({"error": text})
        else:
            self._err.print(Text(f"error: {text}", style="bold red"), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write a table; nothing with ``--json``. In a pipe its fields are parted by tabs."""
        if self.json:
            return
        if not self._out.is_terminal:
            for row in (columns, *rows):  # past rich, which would make spaces of the tabs
                self._out.file.write("\t".join(_cell(one) for one in row) + "\n")
            return
        drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            drawn.add_row(*(Text(_cell(one)) for one in row))
        self._out.print(drawn)

    def changes(self, changes: Sequence[Change]) -> None:
        """Write what is about to change: ``what: old → new``, a line each."""
        for change in changes:
            old, new = change.shown()
            self.line(f"  {change.what}: {old} → {new}")

    def confirm(self, question: str) -> bool:
        """Ask before something is changed; with ``--yes`` or ``--json`` the answer is yes.

        Raises
        ------
        ConnectError
            If there is nobody to ask.
        """
        if self.yes or self.json:
            return True
        return self.ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """Ask for a line of text.

        Raises
        ------
        ConnectError
            If there is nobody to ask.
        """
        if not sys.stdin.isatty():
            raise VoicectlError("nobody is here to be asked: say --yes, or run it in a terminal")
        self._out.print(Text(question), end="", soft_wrap=True)
        try:
            return input()
        except EOFError:
            raise VoicectlError("nobody answered: say --yes, or answer in a terminal") from None

    def result(self, value: dict[str, Any]) -> None:
        """Write the JSON object of ``--json``; nothing without."""
        if self.json:
            sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def _console(stream: Any) -> Console:
    if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot write is no fault of ours
        stream.reconfigure(errors="backslashreplace")
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, highlight=False, width=width)


def _cell(value: object) -> str:
    return "" if value is None else str(value)
