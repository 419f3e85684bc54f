"""The fixture `phone`, used by a project with its own flows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
pytest_plugins = ["pytester"]

# Flows with every error that a test must report.
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
    "remembers": """
        from voicekit import ncco

        def answer(call):
            return ask("Your PIN?", call.url("dtmf", state={"tries": 1}, secret=True))

        def dtmf(call, input):
            call.emit("pin.entered", call.signed_state)
            return [ncco.talk(f"{input.digits}, try {call.signed_state['tries']}.")]

        def ask(prompt, url):
            return [ncco.talk(prompt), ncco.input(dtmf=ncco.dtmf(), event_url=url)]
        """,
    "marks": """
        from voicekit import ncco

        def answer(call):
            text = "<speak>In <emphasis>York &amp; Leeds</emphasis>.<break time='1s'/>Yes?</speak>"
            return [ncco.talk(text), ncco.talk("Is 1 < 2 and 3 > 2?")]
        """,
    "doubts": """
        from voicekit import ncco

        def answer(call):
            return [ncco.input(speech=ncco.speech(end_on_silence=1), event_url=call.url("asr"))]

        def asr(call, input):
            if not input.speech:
                return [ncco.talk(f"What? {input.timeout_reason}")]
            return [ncco.talk("Sure." if input.speech[0].confidence > 0.5 else "Are you sure?")]
        """,
    "fails_at_event": """
        from voicekit import ncco

        def answer(call):
            second = ncco.phone(call.settings.second_number)
            return [ncco.connect(second, event_url=call.url("event")), ncco.talk("Goodbye.")]

        def event(call, event):
            if event.status == "busy":
                raise RuntimeError("no event today")
        """,
    "fails_at_notification": """
        from voicekit import ncco

        def answer(call):
            return [ncco.notify({"step": 1}, event_url=call.url("notification"))]

        def notification(call, payload):
            raise RuntimeError("no notification today")
        """,
    "out_of_range": """
        from voicekit import ncco

        def answer(call):
            return [ncco.talk("Hello", level=5)]
        """,
    "mistyped": """
        from voicekit import ncco

        def answer(call):
            return [ncco.talk("Hello", leval=1)]
        """,
    "returns_nothing": """
        def answer(call):
            pass
        """,
    "half": """
        from voicekit import ncco

        def answer(call):
            return [ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))]
        """,
    "anwser": """
        def anwser(call):
            return []
        """,
    "two-words": """
        def answer(call):
            return []
        """,
}
# A folder with a switchboard of its own; its tests run after those of the others.
LINE = {
    "conftest": """
        import pytest

        @pytest.fixture(scope="session")
        def voice_switchboard():
            return {"lines": {"447700900010": {"greeting": "Bakery, good day."}}}
        """,
    "test_line": """
        def test_a_line_of_this_folder(phone):
            phone.callee().answers()
            assert phone.call(to="447700900010").heard("Bakery, good day.")
        """,
}
TESTS = {
    "test_good": """
        def test_a_digit(phone):
            assert phone.call("asks").press("1").heard("One or two?", "You pressed 1.")

        def test_silence(phone):
            call = phone.call("asks").wait()
            assert call.heard("You pressed nothing.") and call.not_heard("wrong", "unknown")

        def test_two_calls(phone):
            first, second = phone.call("asks"), phone.call("asks", from_="447700900124")
            second.press("2")
            first.press("1")
            assert first.heard("You pressed 1.") and second.heard("You pressed 2.")

        def test_number_that_samconfig_allows(phone):
            phone.callee("447700900555").answers(says="Good morning.")
            assert phone.call("dials").heard("Good morning.")

        def test_state_and_secret_input(phone):
            call = phone.call("remembers").press("4711")
            assert call.heard("Your PIN?", "4711, try 1.")
            (entered,) = [event for event in call.events if event.kind == "input"]
            assert entered.fields["dtmf"] == {"digits": "secret", "timed_out": False}

        def test_left_open(phone):
            call = phone.call("asks")
            assert not call.is_over

        def test_ssml_tags_are_not_heard(phone):
            assert phone.call("marks").heard("In York & Leeds. Yes?", "Is 1 < 2 and 3 > 2?")

        def test_confidence(phone):
            assert phone.call("doubts").say("yes").heard("Sure.")
            assert phone.call("doubts").say("yes", confidence=0.2).heard("Are you sure?")
            unheard = phone.call("doubts").say("yes", confidence=0)
            assert unheard.heard("What? end_on_silence_timeout")

        def test_order_of_events(phone):
            for _ in range(4):
                call = phone.call("asks").press("1")
                kinds = [event.fields.get("status", event.kind) for event in call.events]
                assert kinds == ["started", "ringing", "answered", "input", "completed"]
            assert call.kept == call.events  # the old name
        """,
    "test_bad": """
        def test_not_heard(phone):
            phone.call("asks").press("1").heard("You pressed 2.")

        def test_heard_unexpectedly(phone):
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

        def test_not_a_digit(phone):
            phone.call("asks").press("x")

        def test_nobody_called(phone):
            phone.call("asks").other

        def test_no_number(phone):
            phone.call("asks", to="447700900999")

        def test_no_caller(phone):
            phone.call("asks", from_="unknown")

        def test_at_event(phone):
            phone.callee().is_busy()
            phone.call("fails_at_event").heard("Goodbye.")

        def test_at_notification(phone):
            phone.call("fails_at_notification")

        def test_out_of_range(phone):
            phone.call("out_of_range")

        def test_mistyped(phone):
            phone.call("mistyped")

        def test_returns_nothing(phone):
            phone.call("returns_nothing")

        def test_half(phone):
            phone.call("half").press("1")

        def test_misspelled_answer(phone):
            phone.call("anwser")

        def test_two_words(phone):
            phone.call("two-words")

        def test_waits_forever(phone):
            phone.callee().answers()
            phone.call("connect").wait()
        """,
}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """A project with these flows; returns pytest's output for its tests."""
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
    pytester.makepyfile(**TESTS, **{f"with_line/{name}": text for name, text in LINE.items()})
    allowed = '[default.deploy.parameters]\nparameter_overrides = "AllowedPrefixes=44"\n'
    (pytester.path / "samconfig.toml").write_text(allowed)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run() -> str:
        plugins = ("-p", "local.testing.plugin", "-p", "no:randomly", "-p", "no:asyncio")
        done = pytester.runpytest_subprocess(*plugins, "-W", "error", "--tb=short")
        return str(done.stdout)

    return run


def test_good_tests_pass_and_each_failure_shows_the_call(
    project: Callable[[], str],
) -> None:
    output = project()
    assert "21 failed, 10 passed" in output
    # pytest shows the line of the test.
    assert "local/testing/" not in output
    for text in (
        "not heard: 'You pressed 2.'",
        "heard   One or two?",
        "said    1",
        "heard: 'You pressed 1.'\n",
        "not heard (after the previous texts): 'One or two?'",
        "the flow raises failed at the webhook answer: RuntimeError",
        "flows/raises.py",
        "broken.py, line 2: '[' was never closed",
        "there is no flow unheard_of; expected agent, anwser, asks, broken,",
        "it never was the caller's turn",
        "cannot press digits: the call is over",
        "can contain the digits 0-9",
        "from: can contain up to 15 digits",
        "the flow called nobody",
        "No application is linked to that number",
        "no event today",
        "flows/fails_at_event.py:9 event",
        "no notification today",
        "flows/fails_at_notification.py:7 notification",
        "talk.level: 5 is out of range; expected -1 to 1",
        "flows/out_of_range.py:4 answer",
        "unexpected keyword argument leval",
        "answer returned None; expected a list of actions",
        "the flow has no function dtmf",
        "anwser.py: no function answer; ",
        "two-words.py: invalid flow name; expected letters, digits and underscores",
        "the current action does not end by itself",
    ):
        assert text in output, text


def test_ctrl_c_during_the_start_stops_the_platform(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        """
        import os, signal, threading, time

        def test_interrupted(request, tmp_path_factory):
            def interrupt():
                while not list(tmp_path_factory.getbasetemp().glob("voice*/lock")):
                    time.sleep(0.001)
                os.kill(os.getpid(), signal.SIGINT)

            threading.Thread(target=interrupt).start()
            request.getfixturevalue("phone")
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    plugins = ("-p", "local.testing.plugin", "-p", "no:randomly", "-p", "no:asyncio")
    done = pytester.runpytest_subprocess(*plugins, "-W", "error", "-o", f"voice_root={ROOT}")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert "destroyed" not in f"{done.stdout}{done.stderr}"
    assert "Traceback" not in f"{done.stdout}{done.stderr}"
