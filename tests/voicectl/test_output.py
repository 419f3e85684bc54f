"""What callers chose, such as a SIP address, changes no terminal and no column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicectl.output import Output

if TYPE_CHECKING:
    import pytest

HOSTILE = "sip:a\x1b]0;title\x07\x9b2J\r@example.com"
SHOWN = r"sip:a\x1b]0;title\x07\x9b2J\x0d@example.com"


def test_control_characters_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.line(HOSTILE)
    output.note(HOSTILE)
    output.warn(HOSTILE)
    output.error(HOSTILE)
    shown = capsys.readouterr()
    assert shown.out == f"{SHOWN}\n" * 2
    assert shown.err == f"warning: {SHOWN}\nerror: {SHOWN}\n"


def test_a_cell_of_a_table_stays_one_cell(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("caller", "words"), [(HOSTILE, "two\tcells\nand lines"), (None, "Zoë")])
    assert capsys.readouterr().out == (f"caller\twords\n{SHOWN}\ttwo cells and lines\n\tZoë\n")
