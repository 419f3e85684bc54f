"""The example's agent: what it does at each frame and message of a call."""

from __future__ import annotations

from typing import Any

import pytest

from examples.bot.agent import CLOSE, Agent, Message
from tests.examples.conftest import SILENCE, VOICE

CLEAR = {"action": "clear"}


class AgentCall:
    """A call to an agent: what it did, each with the time in milliseconds of audio."""

    def __init__(self, sounds: dict[str, bytes]) -> None:
        self.agent = Agent(sounds)
        self.names = {audio: name for name, audio in sounds.items()}
        self.time = 0
        self.done: list[tuple[int, str]] = []
        self.asked: list[dict[str, Any]] = []

    def text(self, **message: Any) -> None:
        """Send a text message."""
        self._note(self.agent.text(message))

    def hears(self, frame: bytes, milliseconds: int) -> None:
        """Send the same audio for some time."""
        for _ in range(milliseconds // 20):
            self.time += 20
            self._note(self.agent.hear(frame))

    def plays(self) -> None:
        """Report that all audio was played."""
        self.text(event="websocket:notify", payload=self.asked[-1]["payload"])

    def _note(self, messages: list[Message]) -> None:
        for one in messages:
            if isinstance(one, bytes):
                self.done.append((self.time, self.names[one]))
            elif one == CLOSE:
                self.done.append((self.time, "close"))
            elif one == CLEAR:
                self.done.append((self.time, "clear"))
            else:
                assert one["action"] == "notify"
                self.asked.append(one)


@pytest.fixture
def call(sounds: dict[str, bytes]) -> AgentCall:
    """A call whose agent has greeted, and was heard."""
    one = AgentCall(sounds)
    one.text(event="websocket:connected")
    one.plays()
    assert one.done == [(0, "greeting")]
    one.done.clear()
    return one


def test_it_greets_at_once_and_asks_to_be_told_the_end(sounds: dict[str, bytes]) -> None:
    greeting, notify = Agent(sounds).text({"event": "websocket:connected"})
    assert greeting == sounds["greeting"]
    assert notify == {"action": "notify", "payload": {"utterance": 1, "sound": "greeting"}}


def test_it_replies_after_400_ms_of_silence(call: AgentCall) -> None:
    call.hears(VOICE, 200)
    call.hears(SILENCE, 1000)
    assert call.done == [(600, "reply")]


def test_a_noise_of_less_than_200_ms_gets_no_reply(call: AgentCall) -> None:
    for _ in range(3):
        call.hears(VOICE, 180)
        call.hears(SILENCE, 400)
    assert call.done == []


def test_pauses_within_a_sentence_do_not_end_it(call: AgentCall) -> None:
    for _ in range(3):
        call.hears(VOICE, 100)
        call.hears(SILENCE, 380)
    assert call.done == []
    call.hears(SILENCE, 20)
    assert [name for _, name in call.done] == ["reply"]


def test_it_is_interrupted_by_120_ms_of_voice_and_then_replies(sounds: dict[str, bytes]) -> None:
    call = AgentCall(sounds)
    call.text(event="websocket:connected")
    call.hears(VOICE, 500)
    call.hears(SILENCE, 400)
    assert call.done == [(0, "greeting"), (120, "clear"), (900, "reply")]


def test_it_is_not_interrupted_by_a_shorter_noise(sounds: dict[str, bytes]) -> None:
    call = AgentCall(sounds)
    call.text(event="websocket:connected")
    for _ in range(5):
        call.hears(VOICE, 100)
        call.hears(SILENCE, 20)
    call.hears(SILENCE, 1000)
    assert call.done == [(0, "greeting")]


def test_the_end_of_an_interrupted_utterance_is_not_that_of_the_next(
    sounds: dict[str, bytes],
) -> None:
    call = AgentCall(sounds)
    call.text(event="websocket:connected")
    call.hears(VOICE, 200)
    call.hears(SILENCE, 400)
    call.text(event="websocket:notify", payload=call.asked[0]["payload"])  # late
    call.hears(VOICE, 120)
    assert call.done[-1] == (720, "clear")


@pytest.mark.parametrize("digit", ["1", "2"])
def test_a_key_with_an_answer_gets_it(call: AgentCall, digit: str) -> None:
    call.text(event="websocket:dtmf", digit=digit, duration=260)
    assert call.done == [(0, digit)]


def test_a_key_interrupts(call: AgentCall) -> None:
    call.text(event="websocket:dtmf", digit="1")
    call.text(event="websocket:dtmf", digit="2")
    assert [name for _, name in call.done] == ["1", "clear", "2"]


def test_the_tone_of_a_key_is_not_voice(call: AgentCall) -> None:
    call.hears(VOICE, 200)
    call.text(event="websocket:dtmf", digit="1")
    call.hears(VOICE, 260)
    call.hears(SILENCE, 140)
    call.plays()
    call.hears(SILENCE, 1000)
    assert [name for _, name in call.done] == ["1"]
    call.text(event="websocket:dtmf", digit="1")
    call.hears(VOICE, 520)  # the caller speaks after the tone
    assert [name for _, name in call.done] == ["1", "1", "clear"]


def test_0_hands_over_to_a_person_by_closing(call: AgentCall) -> None:
    call.text(event="websocket:dtmf", digit="0")
    assert call.done == [(0, "close")]


@pytest.mark.parametrize("digit", ["9", "#", "greeting", None, ["1"], {}])
def test_other_keys_get_no_answer(call: AgentCall, digit: Any) -> None:
    call.text(event="websocket:dtmf", digit=digit)
    assert call.done == []


def test_a_line_without_voice_is_handed_over_after_half_a_minute(call: AgentCall) -> None:
    call.hears(SILENCE, 29_980)
    assert call.done == []
    call.hears(SILENCE, 20)
    assert call.done == [(30_000, "close")]


def test_a_line_that_never_reports_the_end_of_an_utterance_is_handed_over_too(
    sounds: dict[str, bytes],
) -> None:
    call = AgentCall(sounds)
    call.text(event="websocket:connected")
    call.hears(SILENCE, 30_000)
    assert call.done == [(0, "greeting"), (30_000, "close")]


def test_voice_and_keys_keep_the_call(call: AgentCall) -> None:
    call.hears(SILENCE, 29_000)
    call.hears(VOICE, 20)
    call.hears(SILENCE, 29_000)
    call.text(event="websocket:dtmf", digit="5")
    call.hears(SILENCE, 29_000)
    assert call.done == []


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": None},
        {"event": ["websocket:dtmf"]},
        {"event": "websocket:media:update", "active": False},
        {"event": "websocket:cleared"},
        {"event": "websocket:notify"},
        {"event": "websocket:notify", "payload": "text"},
        {"event": "websocket:notify", "payload": {"utterance": [1]}},
    ],
)
def test_other_messages_change_nothing(call: AgentCall, message: dict[str, Any]) -> None:
    call.text(**message)
    assert call.done == []
