"""The fixture `phone`, as a project with flows of its own uses it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
pytest_plugins = ["pytester"]

# Flows with every fault that a test must tell of.
FLOWS = {
    "raises": """
        def answer(call):
            return [{"action": "talk", "text": greeting(call)}]

        def greeting(call):
            raise RuntimeError("no greeting today")
        """,
    "broken": """
        def answer(call):
            return [
        """,
    "endless": """
        from voicekit import ncco

        def answer(call):
            return [ncco.talk("On and on.", loop=0)]
        """,
    "dials": """
        from voicekit import ncco

        def answer(call):
            return [ncco.connect(ncco.phone("447700900555"))]
        """,
    "asks": """
        from voicekit import ncco

        def answer(call):
            return [
                ncco.talk("<speak>One or <break time='1s'/>two?</speak>"),
                ncco.input(dtmf=ncco.dtmf(max_digits=1, time_out=5), event_url=call.url("dtmf")),
            ]

        def dtmf(call, input):
            return [ncco.talk(f"You pressed {input.digits or 'nothing'}.")]
        """,
}
TESTS = {
    "test_good": """
        def test_a_key(phone):
            assert phone.call("asks").press("1").heard("One or two?", "You pressed 1.")

        def test_silence(phone):
            call = phone.call("asks").wait()
            assert call.heard("You pressed nothing.") and call.not_heard("wrong", "unknown")

        def test_two_at_once(phone):
            first, second = phone.call("asks"), phone.call("asks", from_="447700900124")
            second.press("2")
            first.press("1")
            assert first.heard("You pressed 1.") and second.heard("You pressed 2.")

        def test_whom_samconfig_allows(phone):
            phone.callee("447700900555").answers(says="Good morning.")
            assert phone.call("dials").heard("Good morning.")

        def test_left_open(phone):
            call = phone.call("asks")
            assert not call.is_over
        """,
    "test_bad": """
        def test_not_heard(phone):
            phone.call("asks").press("1").heard("You pressed 2.")

        def test_heard_after_all(phone):
            phone.call("asks").press("1").not_heard("wrong", "You pressed 1.")

        def test_wrong_order(phone):
            phone.call("asks").press("1").heard("You pressed 1.", "One or two?")

        def test_raises(phone):
            phone.call("raises")

        def test_broken(phone):
            phone.call("broken")

        def test_unknown(phone):
            phone.call("unheard_of")

        def test_endless(phone):
            phone.call("endless")

        def test_after_the_end(phone):
            phone.call("asks").press("1").press("2")

        def test_no_key(phone):
            phone.call("asks").press("x")

        def test_nobody_called(phone):
            phone.call("asks").other

        def test_no_number(phone):
            phone.call("asks", to="447700900999")
        """,
}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """A project with these flows; gives what pytest says of its tests."""
    for name in ("functions", "layers", "template.yaml"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, pytester.path / name)
        else:
            shutil.copy(ROOT / name, pytester.path / name)
    installed = pytester.path / ".local"
    installed.mkdir()
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (installed / "layers").symlink_to(ROOT / ".local" / "layers")
    for path, text in FLOWS.items():
        source = pytester.makepyfile(**{path: text})
        source.rename(pytester.path / "functions" / "flows" / source.name)
    pytester.makepyfile(**TESTS)
    allowed = '[default.deploy.parameters]\nparameter_overrides = "AllowedPrefixes=44"\n'
    (pytester.path / "samconfig.toml").write_text(allowed)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run() -> str:
        plugins = ("-p", "local.testing.plugin", "-p", "no:randomly", "-p", "no:asyncio")
        done = pytester.runpytest_subprocess(*plugins, "-W", "error", "--tb=short")
        return str(done.stdout)

    return run


def test_tests_in_three_lines_pass_and_each_failure_tells_what_happened_on_the_call(
    project: Callable[[], str],
) -> None:
    said = project()
    assert "11 failed, 5 passed" in said
    for told in (
        "not heard: 'You pressed 2.'",
        "heard   One or two?",
        "said    1",
        "heard: 'You pressed 1.'\n",
        "not heard (after the ones before it): 'One or two?'",
        "the flow raises failed, and the caller heard an apology: RuntimeError",
        "flows/raises.py",
        "broken.py, line 2: '[' was never closed",
        "there is no flow unheard_of; there are asks, broken,",
        "it never was the caller's turn",
        "cannot press keys: the call is over",
        "can contain the digits 0-9",
        "nobody was called",
        "No application is linked to that number",
    ):
        assert told in said, told
