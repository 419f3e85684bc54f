"""What is measured of an agent at a WebSocket, with a stopped clock: exact times."""

from array import array
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest

from tests.simulator.agents import CountingAgent, serving, silence, tone, wav
from tests.simulator.harness import NUMBER, HarnessCall, SimulatorHarness
from vonage_simulator.websocket_measures import (
    AgentTurn,
    AudibleSpan,
    WebSocketMeasures,
    utterances_of,
)

VOICE = wav(silence(0.1) + tone(0.6) + silence(0.2))


@dataclass
class MeasuredCall:
    """A call that is connected to an agent."""

    harness: SimulatorHarness
    call: HarnessCall

    @property
    def measures(self) -> WebSocketMeasures:
        caller = self.harness.simulator.leg(self.call.uuid)
        (leg,) = [leg for leg in caller.conversation.everyone if leg.websocket is not None]
        measures: WebSocketMeasures = leg.websocket.measures
        return measures

    @property
    def turns(self) -> list[AgentTurn]:
        simulator = self.harness.simulator
        utterances = utterances_of(self.call.uuid, simulator.journal.entries())
        return self.measures.turns(utterances, simulator.clock.now())

    async def speak(self, content: bytes = VOICE) -> float:
        """Speak a WAV file to its end."""
        response = await speak(self.harness, self.call, content)
        seconds = float(response.json["seconds"])
        await self.harness.step(seconds)
        return seconds


async def speak(harness: SimulatorHarness, call: HarnessCall, content: bytes) -> Any:
    return await harness.request("POST", f"/sim/calls/{call.uuid}/audio", data=BytesIO(content))


async def connected(harness: SimulatorHarness, url: str, **endpoint: Any) -> MeasuredCall:
    """Return a call that is connected to an agent."""
    target = {"type": "websocket", "uri": url, "content-type": "audio/l16;rate=16000"} | endpoint
    ncco = [{"action": "connect", "from": NUMBER, "endpoint": [target]}]
    return MeasuredCall(harness, await harness.receive_call(ncco))


async def test_first_audio_counts_from_the_connection_and_a_greeting_at_once_is_0(
    harness: SimulatorHarness,
) -> None:
    async with serving(CountingAgent()) as url:
        call = await connected(harness, url)
        await harness.step(0.5)
        assert call.measures.first_audio == 0


async def test_a_turn_has_the_response_after_the_last_loud_frame_of_the_voice(
    harness: SimulatorHarness,
) -> None:
    async with serving(CountingAgent()) as url:
        call = await connected(harness, url)
        await harness.step(2)
        assert await call.speak() == 0.9
        await harness.step(2)
        (turn,) = call.turns
        assert round(turn.ended - turn.began, 3) == 0.6
        # 20 quiet frames, and one until the reply is played
        assert 0.4 <= turn.response <= 0.44  # type: ignore[operator]
        assert (turn.cleared, turn.silenced, turn.talked_over) == (None, None, 0.0)


async def test_an_interruption_is_measured_to_clear_and_to_silence_at_the_ear(
    harness: SimulatorHarness,
) -> None:
    async with serving(agent := CountingAgent()) as url:
        call = await connected(harness, url)
        await harness.step(0.3)
        await call.speak()
        await harness.step(2)
        (turn,) = call.turns
        assert turn.cleared is not None and 0.1 <= turn.cleared <= 0.16
        assert turn.silenced == turn.talked_over
        assert turn.silenced is not None and turn.cleared <= turn.silenced <= 0.16
        assert turn.response is not None
        assert {"event": "websocket:cleared"} in agent.texts


async def test_an_agent_that_talks_over_the_caller_is_silent_at_the_end_of_its_speech(
    harness: SimulatorHarness,
) -> None:
    async with serving(CountingAgent("talks over")) as url:
        call = await connected(harness, url)
        await harness.step(0.3)
        await call.speak(wav(tone(0.66)))
        await harness.step(1)
        (turn,) = call.turns
        assert turn.cleared is None
        assert turn.talked_over == 0.66
        assert turn.silenced is not None and 0.65 <= turn.silenced <= 0.75


@pytest.mark.parametrize("change", ["is silent", "sends silence"])
async def test_an_agent_without_a_voice_has_no_times(
    harness: SimulatorHarness, change: str
) -> None:
    async with serving(CountingAgent(change)) as url:
        call = await connected(harness, url)
        await call.speak()
        await harness.step(2)
        assert call.measures.first_audio is None
        assert [turn.response for turn in call.turns] == [None]


async def test_ten_calls_in_stopped_time_have_the_same_measures(harness: SimulatorHarness) -> None:
    results = set()
    async with serving(CountingAgent()) as url:
        for _ in range(10):
            call = await connected(harness, url)
            await harness.step(2)
            await call.speak()
            await harness.step(1)
            await call.speak()
            await harness.step(2)
            turns = [
                (turn.response, turn.cleared, turn.silenced, turn.talked_over)
                for turn in call.turns
            ]
            results.add((call.measures.first_audio, *turns, call.measures.most_frames_per_second))
            await call.call.hang_up()
    assert len(results) == 1


async def test_digits_that_reach_the_agent_are_kept_in_order(harness: SimulatorHarness) -> None:
    async with serving(agent := CountingAgent()) as url:
        call = await connected(harness, url)
        await call.call.press("5#")
        await harness.step(1)
        assert list(call.measures.digits) == ["5", "#"]
        assert [text["digit"] for text in agent.texts if "digit" in text] == ["5", "#"]


async def test_wrong_frames_are_counted(harness: SimulatorHarness) -> None:
    async with serving(CountingAgent("sends wrong frames")) as url:
        call = await connected(harness, url)
        await harness.step(1)
        assert call.measures.wrong_frames == 1  # the first ends the leg
        assert call.measures.first_audio is None


def test_a_text_and_a_voice_are_utterances_and_recognized_text_is_not() -> None:
    entries = [
        {"kind": "voice", "uuid": "a", "at": 1.0, "state": "started"},
        {"kind": "speech", "uuid": "a", "at": 1.5, "seconds": 0.5, "recognised": True},
        {"kind": "voice", "uuid": "a", "at": 2.0, "state": "ended"},
        {"kind": "speech", "uuid": "b", "at": 2.5, "seconds": 1.0},
        {"kind": "speech", "uuid": "a", "at": 3.0, "seconds": 1.0},
        {"kind": "voice", "uuid": "a", "at": 5.0, "state": "started"},
    ]
    assert utterances_of("a", entries) == [(1.0, 2.0), (3.0, 4.0)]


def test_audio_that_comes_too_late_is_an_underrun_but_a_pause_is_not() -> None:
    measures = WebSocketMeasures()
    loud, quiet = samples(5000), samples(0)
    plan = [loud, loud, None, loud, quiet, None, loud, *[None] * 15, loud, None]
    for number, piece in enumerate(plan):
        measures.play(piece, number * 0.02, number * 0.02 + 0.02)
    assert measures.underruns == 1


def test_after_a_clear_or_a_notify_nothing_is_late() -> None:
    measures = WebSocketMeasures()
    measures.play(samples(5000), 0.0, 0.02)
    measures.play(None, 0.02, 0.04)
    measures.clear(0.03)
    measures.play(samples(5000), 0.04, 0.06)
    measures.end_utterance()
    measures.play(None, 0.06, 0.08)
    measures.play(samples(5000), 0.08, 0.1)
    assert measures.underruns == 0
    assert len(measures.audible) == 2  # a clear ends what was audible


def test_the_most_frames_of_any_second_are_counted() -> None:
    measures = WebSocketMeasures()
    for at in (0.0, 0.5, 0.6, 1.2, 1.3, 1.4, 3.0):
        measures.receive_frame(at)
    assert (measures.frames, measures.most_frames_per_second) == (7, 5)


def samples(level: int) -> Any:
    return array("h", [level] * 320)


def heard(*spans: tuple[float, float], clears: tuple[float, ...] = ()) -> WebSocketMeasures:
    """Return measures of an agent that was audible at these times."""
    measures = WebSocketMeasures()
    measures.audible.extend(AudibleSpan(*span) for span in spans)
    measures.clears.extend(clears)
    return measures


def test_an_agent_that_pauses_while_the_caller_speaks_and_goes_on_is_not_silent_before() -> None:
    measures = heard((0, 2), (2.5, 4), (6, 7))
    assert measures.turns([(1.0, 3.0)], now=8) == [AgentTurn(1.0, 3.0, 3.0, None, 3.0, 2.0)]


def test_what_an_agent_says_after_it_cleared_is_a_response_not_the_interrupted_speech() -> None:
    measures = heard((0, 2), (2.5, 4), clears=(2.0,))
    assert measures.turns([(1.0, 2.4)], now=8) == [AgentTurn(1.0, 2.4, 0.1, 1.0, 1.0, 1.0)]


def test_an_agent_that_is_still_audible_was_not_silenced() -> None:
    (turn,) = heard((0, 2)).turns([(1.0, 1.5)], now=2.1)
    assert (turn.silenced, turn.talked_over) == (None, 0.5)


def test_a_response_belongs_to_the_latest_utterance() -> None:
    turns = heard((5, 6)).turns([(3.0, 4.0), (1.0, 2.0)], now=8)
    assert [turn.response for turn in turns] == [None, 1.0]


# Speaking a WAV file


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "must be a WAV file with 16-bit samples"),
        (b"RIFF", "must be a WAV file with 16-bit samples"),
        (wav(bytes(1000), width=1), "must be a WAV file with 16-bit samples"),
        (wav(bytes(17 * 1024 * 1024)), "can have up to 16777216 bytes"),
    ],
)
async def test_what_is_not_a_wav_file_is_refused(
    harness: SimulatorHarness, content: bytes, reason: str
) -> None:
    call = await harness.receive_call([{"action": "talk", "text": "Hello"}])
    response = await speak(harness, call, content)
    assert response.status == 400
    assert response.json["invalid_parameters"][0]["reason"] == reason


async def test_files_are_spoken_one_after_the_other(harness: SimulatorHarness) -> None:
    async with serving(CountingAgent("is silent")) as url:
        call = await connected(harness, url)
        assert (await speak(harness, call.call, VOICE)).json["seconds"] == 0.9
        assert (await speak(harness, call.call, VOICE)).json["seconds"] == 1.8
        await harness.step(2)
        first, second = call.turns
        assert round(second.began - first.began, 3) == 0.9


async def test_a_file_interrupts_a_prompt_and_is_not_recognized(harness: SimulatorHarness) -> None:
    harness.on("/input", [])
    ncco = [
        {"action": "talk", "text": "one two three four five six seven eight", "bargeIn": True},
        {
            "action": "input",
            "type": ["speech"],
            "speech": {"endOnSilence": 1, "startTimeout": 5},
            "eventUrl": [harness.url("/input")],
        },
    ]
    call = await harness.receive_call(ncco)
    await harness.step(0.5)
    await speak(harness, call, VOICE)
    await harness.step(20)
    (talk,) = await call.heard("talk")
    assert talk["to_ms"] - talk["from_ms"] == 600
    (sent,) = harness.sent_to("/input")
    assert not sent.fields["speech"].get("results")
