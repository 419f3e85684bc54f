"""The tutorial, as its reader follows it: each step's file in its place, each claim looked at."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS = ROOT / "docs" / "tutorial"
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def put(checkout: Path) -> Iterator[list[Path]]:
    """What a reader has saved; it is gone when the test ends."""
    saved: list[Path] = []
    yield saved
    for path in saved:
        path.unlink()


def save(checkout: Path, put: list[Path], source: Path, folder: str) -> None:
    target = checkout / folder / source.name
    shutil.copy(source, target)
    put.append(target)


def types(checkout: Path, *words: str) -> tuple[int, str]:
    """Type a command; give its status and what it said."""
    done = subprocess.run(
        [".venv/bin/python", "-m", *words],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("step", "status", "said"),
    [
        ("1", 0, "no problems found"),
        ("2", 1, "infinite loop: at the start: a silent caller is never disconnected"),
        ("3", 0, "no problems found"),
    ],
)
def test_the_explorer_finds_in_each_step_what_the_page_says(
    checkout: Path, put: list[Path], step: str, status: int, said: str
) -> None:
    save(checkout, put, STEPS / step / "appointment.py", "functions/flows")
    ended, told = types(checkout, "local.explore", "appointment")
    assert (ended, said in told) == (status, True), told


def test_the_flow_passes_its_tests(checkout: Path, put: list[Path]) -> None:
    save(checkout, put, STEPS / "3" / "appointment.py", "functions/flows")
    save(checkout, put, STEPS / "4" / "test_appointment.py", "tests/flows")
    ended, told = types(checkout, "pytest", "tests/flows/test_appointment.py")
    assert (ended, "6 passed in" in told) == (0, True), told


def test_a_failure_tells_the_call_as_the_page_shows(checkout: Path, put: list[Path]) -> None:
    save(checkout, put, STEPS / "3" / "appointment.py", "functions/flows")
    test = checkout / "tests" / "flows" / "test_wrong.py"
    put.append(test)
    test.write_text(
        'def test_wrong(phone):\n    phone.call("appointment").press("1").heard("is canceled")\n'
    )
    ended, told = types(checkout, "pytest", str(test))
    shown = re.findall(r"```text\n(.*?)```", (ROOT / "docs/flows.md").read_text(), re.DOTALL)[0]
    assert ended == 1
    lines = [line.removeprefix("E").strip() for line in told.splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith("AssertionError"))
    for real, line in zip(lines[first:], shown.splitlines(), strict=False):
        assert real.startswith(line.partition("…")[0].strip()), told


def test_the_readmes_flow_passes_its_test(checkout: Path, put: list[Path]) -> None:
    save(checkout, put, EXAMPLES / "echo_key.py", "functions/flows")
    save(checkout, put, EXAMPLES / "test_echo_key.py", "tests/flows")
    ended, told = types(checkout, "pytest", "tests/flows/test_echo_key.py")
    assert (ended, "1 passed" in told) == (0, True), told
