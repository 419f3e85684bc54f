"""Each step of the tutorial in docs/flows.md works as the page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.docs.conftest import remove_flow
from tests.docs.pages import ROOT
from voicectl.flow_files import FLOWS, create_flow, recipes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS = ROOT / "docs" / "tutorial"
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def saved_files() -> Iterator[list[Path]]:
    """Yield a list for the files that a test saves, and delete them at its end."""
    paths: list[Path] = []
    yield paths
    for path in paths:
        path.unlink()


def save(checkout: Path, saved_files: list[Path], source: Path, folder: str) -> None:
    target = checkout / folder / source.name
    shutil.copy(source, target)
    saved_files.append(target)


# The suites that look at the flows in functions/flows.
SUITES_OF_FLOWS = [
    "tests/flows",
    "tests/recipes",
    "tests/unit/flows",
    "tests/unit/dispatch/test_flow_runner.py",
    "tests/unit/test_cold_start_imports.py",
    "tests/repository",
    "tests/local/explore/test_command.py::test_an_unknown_name_lists_the_flows",
    "tests/local/test_flows.py",
    "tests/local/webconsole/test_flow_routes.py",
]

# The suites that start the application in this folder.
SUITES_WITH_PARAMETERS = [
    "tests/flows",
    "tests/local/explore/test_command.py::test_explores_with_a_switchboard",
    "tests/local/test_call_events.py::test_the_stack_file_names_the_bus_and_its_queues",
]
OWN_TEST = "tests/flows/test_own.py"


def run(checkout: Path, *words: str, timeout: float = 120) -> tuple[int, str]:
    """Run a Python module; return its exit status and output."""
    done = subprocess.run(
        [".venv/bin/python", "-m", *words],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("step", "expected_status", "expected_output"),
    [
        ("1", 0, "no problems found"),
        ("2", 1, "infinite loop: at the start: a silent caller is never disconnected"),
        ("3", 0, "no problems found"),
    ],
)
def test_the_explorer_reports_what_the_page_shows(
    checkout: Path, saved_files: list[Path], step: str, expected_status: int, expected_output: str
) -> None:
    save(checkout, saved_files, STEPS / step / "appointment.py", "functions/flows")
    status, output = run(checkout, "local.explore", "appointment")
    assert (status, expected_output in output) == (expected_status, True), output


def test_the_tutorial_flow_passes_its_tests(checkout: Path, saved_files: list[Path]) -> None:
    save(checkout, saved_files, STEPS / "3" / "appointment.py", "functions/flows")
    save(checkout, saved_files, STEPS / "4" / "test_appointment.py", "tests/flows")
    status, output = run(checkout, "pytest", "tests/flows/test_appointment.py")
    assert (status, "6 passed in" in output) == (0, True), output


def test_a_failure_shows_the_call_as_in_the_page(checkout: Path, saved_files: list[Path]) -> None:
    save(checkout, saved_files, STEPS / "3" / "appointment.py", "functions/flows")
    test = checkout / "tests" / "flows" / "test_wrong.py"
    saved_files.append(test)
    test.write_text(
        'def test_wrong(phone):\n    phone.call("appointment").press("1").heard("is canceled")\n'
    )
    status, output = run(checkout, "pytest", str(test))
    page = (ROOT / "docs/flows.md").read_text()
    documented = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[0]
    assert status == 1
    lines = [line.removeprefix("E").strip() for line in output.splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith("AssertionError"))
    for actual, line in zip(lines[first:], documented.splitlines(), strict=False):
        assert actual.startswith(line.partition("…")[0].strip()), output


def test_the_tests_pass_with_flows_of_your_own(checkout: Path, saved_files: list[Path]) -> None:
    save(checkout, saved_files, STEPS / "3" / "appointment.py", "functions/flows")
    examples = [EXAMPLES / f"test_{name}.py" for name in ("missed_call", "agent_measures")]
    for test in (STEPS / "4" / "test_appointment.py", *examples):
        save(checkout, saved_files, test, "tests/flows")
    for recipe in recipes(checkout):
        # A recipe keeps its name, and an included flow gets another.
        included = (checkout / FLOWS / f"{recipe}.py").exists()
        saved_files += create_flow(checkout, f"my_{recipe}" if included else recipe, recipe)
    status, output = run(checkout, "pytest", "-q", "-n", "2", *SUITES_OF_FLOWS, timeout=600)
    assert status == 0, output


@pytest.mark.parametrize(
    ("second", "suites"), [("4915187654321", SUITES_WITH_PARAMETERS), ("", [OWN_TEST])]
)
def test_the_tests_pass_with_parameters_of_your_own(
    checkout: Path, saved_files: list[Path], second: str, suites: list[str]
) -> None:
    """The included flows have the template's parameters, a flow of your own has yours."""
    yours = (
        f"VonageNumber=493090182000 SecondNumber={second} DefaultFlow=greet"
        " NumberFlows=447700900000=speech,447700900010=voicemail,493090182000=voicemail"
        " AllowedPrefixes=33,49 DeniedPrefixes=4477,4930 AllowedSipDomains=sip.example.com"
        " Language=de-DE Agent=wss://agent.example.com/ws CallsPerDay=0 Stage=production"
        " NotifyEmail=me@example.com VonageApi=https://api-eu-3.vonage.com"
    )
    own = """
        def test_own(phone):
            assert (phone.vonage_number, phone.second_number) == ("493090182000", "%s")
            assert phone.call().heard("leave a message")
    """
    saved_files.append(checkout / OWN_TEST)
    saved_files[-1].write_text(textwrap.dedent(own % second))
    settings = checkout / "samconfig.toml"
    before = settings.read_text()
    settings.write_text(
        f'[default.deploy.parameters]\nparameter_overrides = "{yours}"\n', encoding="utf-8"
    )
    try:
        status, output = run(checkout, "pytest", "-q", "-n", "2", *suites)
    finally:
        settings.write_text(before)
    assert status == 0, output


def test_the_readme_flow_passes_its_test(checkout: Path, saved_files: list[Path]) -> None:
    remove_flow(checkout, "echo_key")
    saved_files += create_flow(checkout, "echo_key")
    status, output = run(checkout, "pytest", "tests/flows/test_echo_key.py")
    assert (status, "1 passed" in output) == (0, True), output


def test_the_flow_of_the_ten_minute_start_passes_its_changed_test(
    checkout: Path, saved_files: list[Path]
) -> None:
    remove_flow(checkout, "hello")
    saved_files += create_flow(checkout, "hello")
    for path in saved_files:
        text = path.read_text()
        assert "please press a digit" in text
        path.write_text(text.replace("please press a digit", "which day suits you"))
    status, output = run(checkout, "pytest", "tests/flows/test_hello.py")
    assert (status, "1 passed" in output) == (0, True), output


def test_the_example_with_state_and_a_look_up_passes_its_test(
    checkout: Path, saved_files: list[Path]
) -> None:
    for flow in ("cancel.py", "_customers.py"):
        save(checkout, saved_files, EXAMPLES / flow, "functions/flows")
    save(checkout, saved_files, EXAMPLES / "test_cancel.py", "tests/flows")
    status, output = run(checkout, "pytest", "tests/flows/test_cancel.py")
    assert (status, "1 passed" in output) == (0, True), output
