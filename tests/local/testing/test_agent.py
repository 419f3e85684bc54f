"""`phone.agent()`, `call.agent` and `call.speak`, with the flow `agent`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator.agents import silence, tone, wav

if TYPE_CHECKING:
    from local.testing import Phone, PhoneCall

ROOT = Path(__file__).parents[3]
pytest_plugins = ["pytester"]
PERSON = "Reception"


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    path.write_bytes(wav(silence(0.1) + tone(0.5) + silence(0.1)))
    return path


def outcome(call: PhoneCall) -> tuple[Any, ...]:
    """Return what was measured and heard."""
    agent = call.agent
    turns = [(one.response, one.cleared, one.silenced, one.talked_over) for one in agent.turns]
    return (*agent.audible, *turns, *call.words, agent.most_frames, agent.underruns)


def test_the_agent_greets_at_once_and_is_heard(phone: Phone) -> None:
    call = phone.call("agent")
    assert call.heard("One moment", "(audio)")
    assert call.agent.first_audio == 0
    assert (call.agent.wrong_frames, call.agent.underruns) == (0, 0)


def test_it_gets_the_headers_of_the_endpoint_and_the_keys(phone: Phone) -> None:
    agent = phone.agent()
    call = phone.call("agent", from_="447700900124").press("5#").wait(1)
    assert agent.messages[0]["event"] == "websocket:connected"
    assert agent.messages[0]["from"] == "447700900124"
    assert [one["digit"] for one in agent.messages[1:]] == ["5", "#"]
    assert call.agent.keys == ["5", "#"]


def test_it_says_a_wav_file_for_as_long_as_the_file(phone: Phone, voice: Path) -> None:
    phone.agent().says(voice)
    call = phone.call("agent").wait(3)
    assert call.agent.first_audio == 0.1
    assert call.agent.most_frames == 35
    assert call.agent.audible == [(0.1, 0.6)]


def test_it_says_a_text_for_as_long_as_the_text_takes(phone: Phone) -> None:
    phone.agent().says("one two three four five six seven eight")
    call = phone.call("agent").wait(5)
    assert call.agent.audible == [(0.0, 3.0)]  # 8 words of 375 ms


def test_what_the_caller_speaks_are_turns_with_exact_times(phone: Phone, voice: Path) -> None:
    phone.agent().says("one two three four five six seven eight")
    call = phone.call("agent").speak(voice)
    (turn,) = call.agent.turns
    assert round(turn.ended - turn.began, 3) == 0.5
    assert (turn.response, turn.cleared, turn.silenced) == (None, None, None)
    assert turn.talked_over == 0.5
    call.wait(3)
    assert call.agent.turns[0].silenced == 2.4  # 3 s of speech; the call waits half a second
    call.speak("Hello")
    assert [one.talked_over for one in call.agent.turns] == [0.5, 0.0]


def test_ten_calls_have_the_same_times(phone: Phone, voice: Path) -> None:
    results = set()
    for _ in range(10):
        call = phone.call("agent").speak(voice).wait(1).speak("no, stop").wait(1).press("1")
        results.add(outcome(call))
        call.hang_up()
    assert len(results) == 1


@pytest.mark.parametrize("behavior", ["closes", "dies"])
def test_an_agent_that_leaves_later_is_followed_by_a_person(phone: Phone, behavior: str) -> None:
    getattr(phone.agent(), behavior)(after=10)
    phone.callee().answers(says=PERSON)
    call = phone.call("agent").wait(9)
    assert call.not_heard("putting you through")
    assert call.wait(10).heard("(audio)", "putting you through", PERSON)


def test_a_silent_agent_has_no_times_and_the_caller_can_leave(phone: Phone) -> None:
    phone.agent().is_silent()
    call = phone.call("agent").speak("Hello?").wait(30)
    assert call.agent.first_audio is None
    assert [one.response for one in call.agent.turns] == [None]
    assert not call.is_over
    assert call.hang_up().is_over


def test_a_flood_is_heard_for_a_minute_and_the_rest_is_lost(phone: Phone) -> None:
    phone.agent().floods()
    call = phone.call("agent").wait(90)
    assert call.agent.most_frames == 4000
    assert call.agent.audible == [(0.0, 61.44)]
    assert not call.is_over


def test_wrong_frames_are_counted_and_the_call_says_what_happened(phone: Phone) -> None:
    phone.agent().sends_wrong_frames()
    phone.callee().answers()
    call = phone.call("agent")
    assert call.agent.wrong_frames == 1
    assert "unexpected frame size: 300 bytes" in str(call)


def test_a_refused_connection_is_in_the_text_of_the_call(phone: Phone) -> None:
    phone.agent().refuses(403)
    phone.callee().answers()
    assert "403" in str(phone.call("agent"))


def test_the_next_test_has_the_default_agent(phone: Phone) -> None:
    phone.agent().is_silent()
    phone.reset()
    assert phone.call("agent").agent.first_audio == 0


def test_a_call_without_an_agent_says_so(phone: Phone) -> None:
    call = phone.call("greet")
    with pytest.raises(AssertionError, match="the flow connected no WebSocket"):
        _ = call.agent


def test_a_file_that_is_missing_or_not_a_wav_file_is_an_error(phone: Phone, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("not audio")
    call = phone.call("agent")
    with pytest.raises(FileNotFoundError):
        call.speak(tmp_path / "missing.wav")
    with pytest.raises(ValueError, match=r"text.wav.*must be a WAV file"):
        call.speak(text)
    with pytest.raises(ValueError, match=r"text.wav: not a WAV file"):
        phone.agent().says(text)


# An agent of one's own

CONFTEST = """
    import subprocess, sys

    import pytest

    @pytest.fixture(scope="session")
    def voice_agent():
        command = [sys.executable, "-m", "examples.bot", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bot:
            yield bot.stdout.readline().removeprefix("listening on ").strip()
            bot.terminate()
    """
OWN = """
    import pytest

    def test_the_agent_is_interrupted(phone):
        results = []
        for _ in range(10):
            call = phone.call("agent").wait(3)
            call.speak("VOICE").wait(1).speak("no, stop").wait(0)
            assert call.agent.first_audio <= 0.1
            turn = call.agent.turns[-1]
            assert turn.cleared <= 0.30 and turn.talked_over <= 0.35
            assert call.press("5").agent.keys == ["5"]
            results.append(call.agent)
            call.hang_up()
        times = [[(one.response, one.silenced) for one in it.turns] for it in results]
        assert times == times[:1] * 10
        assert [it.audible for it in results] == [results[0].audible] * 10

    def test_the_agent_hands_over(phone):
        phone.callee().answers(says="Reception")
        assert phone.call("agent").press("0").wait(10).heard("putting you through", "Reception")

    def test_it_is_not_scripted(phone):
        with pytest.raises(ValueError, match="the fixture voice_agent names the agent"):
            phone.agent()
    """


def test_the_fixture_voice_agent_names_another_agent(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, voice: Path
) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(OWN.replace("VOICE", str(voice)))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("VONAGE_SIGNATURE_SECRET", raising=False)
    plugins = ("-p", "local.testing.plugin", "-p", "no:randomly", "-p", "no:asyncio")
    done = pytester.runpytest_subprocess(*plugins, "-W", "error", "-o", f"voice_root={ROOT}")
    done.assert_outcomes(passed=3)
