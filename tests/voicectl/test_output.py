"""What callers chose changes no terminal and no column; tables fit into a narrow terminal."""

from __future__ import annotations

import io
import sys

import pytest

from voicectl.output import Output, counted

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


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 voicemails"), (1, "1 voicemail"), (2, "2 voicemails")]
)
def test_one_is_counted_in_the_singular(number: int, text: str) -> None:
    assert counted(number, "voicemail") == text


def test_a_cell_of_a_table_stays_one_cell(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("caller", "words"), [(HOSTILE, "two\tcells\nand lines"), (None, "Zoë")])
    assert capsys.readouterr().out == (f"caller\twords\n{SHOWN}\ttwo cells and lines\n\tZoë\n")


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


COLUMNS = ("uuid", "start_time", "from", "flow", "what")
ROW = (
    "5ad3e1f0-1c8d-4035-a0c0-78e7579a067e",
    "2026-01-31T10:00:00.000Z",
    "sip:a-name-of-a-caller@sip.example.com",
    "reception",
    "a text of some length that wraps if there are not enough columns for it",
)


def drawn(monkeypatch: pytest.MonkeyPatch, width: int) -> str:
    """Return the table as a terminal of this width shows it."""
    for name, value in {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    stdout = Terminal()
    monkeypatch.setattr(sys, "stdout", stdout)
    Output().table(COLUMNS, [ROW, ROW], ("start_time", "flow"))
    return stdout.getvalue()


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(200, ()), (150, ()), (143, ("start_time",)), (115, ("start_time", "flow"))],
)
def test_a_narrow_terminal_leaves_out_the_least_important_columns(
    monkeypatch: pytest.MonkeyPatch, width: int, left_out: tuple[str, ...]
) -> None:
    shown = drawn(monkeypatch, width)
    (heading,) = [line for line in shown.splitlines() if line.lstrip("\x1b[1m").startswith("uuid")]
    assert [name for name in COLUMNS if name not in heading] == list(left_out)
    assert ("left out" in shown) == bool(left_out)
    assert all(name in shown for name in COLUMNS)


def test_a_table_never_cuts_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in range(20, 200, 9):
        shown = drawn(monkeypatch, width)
        assert shown.count(ROW[0]) == shown.count(ROW[2]) == 2, width
        assert set(ROW[-1].split()) <= set(shown.split()), width
