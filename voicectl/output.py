"""Output of commands: rich on a terminal, plain text in a pipe, one JSON object with ``--json``."""

from __future__ import annotations

import io
import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Control characters but tab and line feed. A caller's SIP address can have them, and a terminal
# would obey them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PLAIN_WIDTH = 4000  # columns, so that lines in a pipe do not wrap
_TEXT_WIDTH = 30  # columns of a terminal that are enough for a text with blanks, which can wrap
_GAP = 2  # columns of a terminal between those of a table


class Change(NamedTuple):
    """A value that a command is about to change; None if there is no value before or after.

    The values of a ``secret`` change are not shown.
    """

    what: str
    old: str | None
    new: str | None
    secret: bool = False

    def shown(self) -> tuple[str, str]:
        """Return the old and the new value for display."""
        return self._shown(self.old, "(old value)"), self._shown(self.new, "(new value)")

    def _shown(self, value: str | None, hidden: str) -> str:
        if value is None or value == "":
            return "(none)"
        return hidden if self.secret else value


class Output:
    """The output of a command.

    Parameters
    ----------
    json
        Write only one JSON object, at the end.
    yes
        Answer every prompt with yes.
    """

    def __init__(self, *, json: bool = False, yes: bool = False) -> None:
        self.json = json
        self.yes = yes
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    def line(self, text: str, style: str = "") -> None:
        """Write a line; nothing with ``--json``. ``style`` is rich's, for terminals only."""
        if not self.json:
            self._out.print(Text(_harmless(text), style=style), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write a line immediately: with ``--json``, to standard error."""
        (self._err if self.json else self._out).print(Text(_harmless(text)), soft_wrap=True)

    def event(self, value: dict[str, Any]) -> None:
        """Write one JSON line immediately, for a running command; nothing without ``--json``."""
        if self.json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def warn(self, text: str) -> None:
        """Write a warning to standard error, with ``--json`` too."""
        self._err.print(Text(f"warning: {_harmless(text)}", style="yellow"), soft_wrap=True)

    def error(self, text: str) -> None:
        """Write an error: one line on standard error, or a JSON object with ``--json``."""
        if self.json:
            self.result({"error": text})
        else:
            self._err.print(Text(f"error: {_harmless(text)}", style="bold red"), soft_wrap=True)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        least_important: Sequence[str] = (),
    ) -> None:
        """Write a table, tab-separated in a pipe; nothing with ``--json``.

        No word is cut, so that each identifier can be copied.

        Parameters
        ----------
        columns, rows
            The headings, and the values.
        least_important
            The columns that a narrow terminal leaves out, the first one first.
        """
        if self.json:
            return
        cells = [[_cell(one) for one in row] for row in (columns, *rows)]
        if not self._out.is_terminal:
            for row in cells:  # not through rich, which replaces tabs with spaces
                self._out.file.write("\t".join(row) + "\n")
            return
        shown = dict(zip(columns, zip(*cells, strict=True), strict=True))
        left_out = []
        for name in least_important:
            if sum(map(_width, shown.values())) + _GAP * (len(shown) - 1) <= self._out.width:
                break
            del shown[name]
            left_out.append(name)
        drawn = Table(box=None, header_style="bold", pad_edge=False)
        for name, column in shown.items():
            drawn.add_column(name, min_width=_longest_word(column))
        for values in list(zip(*shown.values(), strict=True))[1:]:
            drawn.add_row(*map(Text, values))
        self._out.print(drawn, crop=False)
        if left_out:
            self.line(f"left out, since the terminal is narrow: {', '.join(left_out)}", "dim")

    def changes(self, changes: Sequence[Change]) -> None:
        """Write one line for each change: ``what: old → new``."""
        for change in changes:
            old, new = change.shown()
            self.line(f"  {change.what}: {old} → {new}")

    @property
    def can_prompt(self) -> bool:
        """Whether there is a user to ask: a terminal, without ``--yes`` and ``--json``."""
        return not (self.yes or self.json) and sys.stdin.isatty()

    def confirm(self, question: str) -> bool:
        """Prompt for confirmation; with ``--yes`` or ``--json``, return True without a prompt.

        Raises
        ------
        VoicectlError
            If standard input is not a terminal.
        """
        if self.yes or self.json:
            return True
        return self.ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """Prompt for a line of text.

        Raises
        ------
        VoicectlError
            If standard input is not a terminal, or ends.
        """
        if not sys.stdin.isatty():
            raise VoicectlError(
                "cannot prompt: standard input is not a terminal. Pass --yes, or run the command"
                " in a terminal."
            )
        self._out.print(Text(question), end="", soft_wrap=True)
        try:
            return input()
        except EOFError:
            raise VoicectlError(
                "no answer: standard input ended. Pass --yes, or answer the prompt."
            ) from None

    def result(self, value: dict[str, Any]) -> None:
        """Write the JSON object of ``--json``; nothing without ``--json``."""
        if self.json:
            sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def counted(number: int, noun: str) -> str:
    """Return a number and a noun, in the singular for 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _console(stream: Any) -> Console:
    if isinstance(stream, io.TextIOWrapper):  # characters that the terminal cannot encode
        stream.reconfigure(errors="backslashreplace")
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, highlight=False, width=width)


def _width(column: Sequence[str]) -> int:
    """Return the width that a column of a table needs in a terminal."""
    return max(_longest_word(column), min(_TEXT_WIDTH, max(map(cell_len, column))))


def _longest_word(column: Sequence[str]) -> int:
    return max(cell_len(word) for cell in column for word in cell.split(" "))


def _cell(value: object) -> str:
    return "" if value is None else re.sub(r"[\t\n]", " ", _harmless(str(value)))


def _harmless(text: str) -> str:
    """Return a text whose control characters are visible escapes such as ``\\x1b``."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
