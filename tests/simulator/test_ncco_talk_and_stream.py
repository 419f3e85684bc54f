"""NCCO reference: talk, stream and wait, as a caller hears them."""

import io
import wave
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import SYNTAX_ERROR, SimulatorHarness, talk, words


def wav(seconds: float, rate: int = 16000, channels: int = 1, sample_bytes: int = 2) -> bytes:
    """Return a silent wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(sample_bytes)
        writer.setframerate(rate)
        writer.writeframes(bytes(round(seconds * rate) * sample_bytes * channels))
    return file.getvalue()


def audio_file(seconds: float, cache_control: str = "") -> web.Response:
    """Return a response with a wav file."""
    headers = {"Content-Type": "audio/wav"}
    if cache_control:
        headers["Cache-Control"] = cache_control
    return web.Response(body=wav(seconds), headers=headers)


async def test_actions_run_in_order_and_the_call_ends_when_they_run_out(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([talk(words(8)), talk("and goodbye")])
    await harness.step(2.9)
    assert len(await call.heard("talk")) == 1
    await harness.step(5)
    assert await call.texts() == [words(8), "and goodbye"]
    assert await call.status() == "completed"
    assert harness.events(status="completed")[0]["disconnected_by"] == "platform"


async def test_talk_takes_as_long_as_its_words_do(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk(words(16))])
    await harness.step(10)
    heard = (await call.heard("talk"))[0]
    assert (heard["from_ms"], heard["to_ms"]) == (0, 6000)


async def test_talk_in_ssml_pauses_at_breaks_and_does_not_speak_its_tags(
    harness: SimulatorHarness,
) -> None:
    text = f'<speak>{words(8)}<break time="2s"/></speak>'
    call = await harness.receive_call([talk(text)])
    await harness.step(10)
    heard = (await call.heard("talk"))[0]
    assert heard["to_ms"] - heard["from_ms"] == pytest.approx(5000, abs=1)


async def test_talk_language_defaults_to_en_us(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("one"), talk("zwei", language="de-DE")])
    await harness.step(5)
    assert [sound["language"] for sound in await call.heard("talk")] == ["en-US", "de-DE"]


async def test_talk_loop_repeats_the_text(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk(words(8), loop=3)])
    await harness.step(20)
    heard = (await call.heard("talk"))[0]
    assert heard["to_ms"] - heard["from_ms"] == 9000


async def test_talk_loop_0_continues_until_the_caller_hangs_up(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("again", loop=0)])
    await harness.step(600)
    assert await call.status() == "answered"
    await call.hang_up()
    assert await call.status() == "completed"


async def test_talk_loop_and_level_can_be_text(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk(words(8), loop="2", level="-0.4", bargeIn="false")])
    await harness.step(20)
    heard = (await call.heard("talk"))[0]
    assert heard["to_ms"] - heard["from_ms"] == 6000


async def test_talk_old_voice_name_and_unknown_options_are_ignored(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call(
        [talk("hello", voiceName="Amy", premium=True, style=2, new=1)]
    )
    await harness.step(5)
    assert await call.texts() == ["hello"]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"text": "x" * 1501}, id="text over 1500 characters"),
        pytest.param({"text": f"<speak>{'x' * 3000}</speak>"}, id="SSML of 3000 characters"),
        pytest.param(
            {"text": f"<speak>{'x' * 750}<break time='1s'/>{'x' * 751}</speak>"},
            id="SSML over 1500 characters without tags",
        ),
        pytest.param({"text": None}, id="no text"),
        pytest.param({"text": 5}, id="text that is a number"),
        pytest.param({"level": 1.5}, id="level over 1"),
        pytest.param({"loop": -1}, id="negative loop"),
        pytest.param({"bargeIn": "perhaps"}, id="bargeIn that is not a boolean"),
    ],
)
async def test_talk_out_of_range_is_a_syntax_error(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.receive_call([{"action": "talk", "text": "hello"} | bad])
    await harness.step(5)
    assert harness.events(reason=SYNTAX_ERROR)


async def test_talk_of_1500_characters_without_its_tags_is_allowed(
    harness: SimulatorHarness,
) -> None:
    text = "<speak>" + "<s>x</s>" * 1500 + "</speak>"
    call = await harness.receive_call([talk(text)])
    await harness.step(1)
    assert await call.texts() == [text]


async def test_talk_of_1500_characters_is_allowed(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("x" * 1500)])
    await harness.step(5)
    assert len((await call.texts())[0]) == 1500


async def test_talk_bargein_is_stopped_by_a_digit_and_the_input_gets_it(
    harness: SimulatorHarness,
) -> None:
    harness.on("/input", [])
    input_action = {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}}
    call = await harness.receive_call(
        [talk(words(80), bargeIn=True), input_action | {"eventUrl": [harness.url("/input")]}]
    )
    await harness.step(2)
    await call.press("7")
    await harness.step(1)
    assert (await call.heard("talk"))[0]["to_ms"] == 2000
    assert harness.sent_to("/input")[0].fields["dtmf"]["digits"] == "7"


async def test_talk_bargein_is_stopped_by_speech(harness: SimulatorHarness) -> None:
    harness.on("/input", [])
    input_action = {"action": "input", "type": ["speech"], "eventUrl": [harness.url("/input")]}
    call = await harness.receive_call([talk(words(80), bargeIn=True), input_action])
    await harness.step(3)
    await call.say("stop it please now")
    await harness.step(6)
    assert (await call.heard("talk"))[0]["to_ms"] == 3000
    results = harness.sent_to("/input")[0].fields["speech"]["results"]
    assert results[0]["text"] == "stop it please now"


async def test_talk_without_bargein_is_not_stopped_by_a_digit(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk(words(16))])
    await harness.step(1)
    await call.press("1")
    await harness.step(10)
    assert (await call.heard("talk"))[0]["to_ms"] == 6000


async def test_talk_bargein_stays_true_for_later_talks_until_an_input(
    harness: SimulatorHarness,
) -> None:
    harness.on("/input", [])
    input_action = {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}}
    call = await harness.receive_call(
        [
            talk(words(8), bargeIn=True),
            talk(words(8)),
            input_action | {"eventUrl": [harness.url("/input")]},
            talk(words(8)),
        ]
    )
    await harness.step(4)  # in the second talk
    await call.press("1")
    await harness.step(1)  # in the third, which cannot be interrupted
    await call.press("2")
    await harness.step(10)
    first, second, third = await call.heard("talk")
    assert first["to_ms"] == 3000
    assert second["to_ms"] == 4000
    assert third["to_ms"] - third["from_ms"] == 3000


async def test_input_timers_start_when_the_prompt_before_it_has_ended(
    harness: SimulatorHarness,
) -> None:
    harness.on("/input", [])
    input_action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 3}}
    await harness.receive_call(
        [talk(words(16), bargeIn=True), input_action | {"eventUrl": [harness.url("/input")]}]
    )
    await harness.step(8.9)
    assert not harness.sent_to("/input")
    await harness.step(0.2)
    assert harness.sent_to("/input")[0].fields["dtmf"] == {"digits": None, "timed_out": True}


async def test_stream_plays_the_file_for_its_length(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", audio_file(4))
    call = await harness.receive_call(
        [{"action": "stream", "streamUrl": [harness.url("/music.wav")]}]
    )
    await harness.step(10)
    heard = (await call.heard("stream"))[0]
    assert heard["url"] == harness.url("/music.wav")
    assert heard["to_ms"] - heard["from_ms"] == 4000


@pytest.mark.parametrize(("sample_bytes", "warnings"), [(1, 1), (2, 0), (3, 1), (4, 1)])
async def test_stream_of_a_wav_file_that_is_not_16_bit_plays_with_a_warning(
    harness: SimulatorHarness, sample_bytes: int, warnings: int
) -> None:
    url = harness.url("/music.wav")
    harness.on("/music.wav", web.Response(body=wav(2, sample_bytes=sample_bytes)))
    call = await harness.receive_call([{"action": "stream", "streamUrl": [url]}])
    await harness.step(5)
    heard = (await call.heard("stream"))[0]
    assert heard["to_ms"] - heard["from_ms"] == 2000
    written = await harness.entries("warning", call.uuid)
    reason = "WAV file is not 16-bit PCM; Vonage documents MP3 and 16-bit WAV"
    assert [(entry["reason"], entry["detail"]) for entry in written] == [(reason, url)] * warnings


async def test_stream_loop_repeats_the_file(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", audio_file(2))
    url = harness.url("/music.wav")
    call = await harness.receive_call([{"action": "stream", "streamUrl": [url], "loop": 3}])
    await harness.step(10)
    heard = (await call.heard("stream"))[0]
    assert heard["to_ms"] - heard["from_ms"] == 6000


async def test_stream_cache_control_is_honored(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", audio_file(1, "max-age=60"))
    action = {"action": "stream", "streamUrl": [harness.url("/music.wav")]}
    await harness.receive_call([action, action])
    await harness.step(10)
    assert len(harness.sent_to("/music.wav")) == 1


async def test_stream_without_cache_control_is_fetched_each_time(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", audio_file(1))
    action = {"action": "stream", "streamUrl": [harness.url("/music.wav")]}
    await harness.receive_call([action, action])
    await harness.step(10)
    assert len(harness.sent_to("/music.wav")) == 2


async def test_stream_that_cannot_be_fetched_is_skipped(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", web.Response(status=404))
    call = await harness.receive_call(
        [{"action": "stream", "streamUrl": [harness.url("/music.wav")]}, talk("after")]
    )
    await harness.step(5)
    assert await call.texts() == ["after"]


async def test_stream_bargein_is_stopped_by_a_digit(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", audio_file(30))
    harness.on("/input", [])
    stream = {"action": "stream", "streamUrl": [harness.url("/music.wav")], "bargeIn": True}
    input_action = {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}}
    call = await harness.receive_call(
        [stream, input_action | {"eventUrl": [harness.url("/input")]}]
    )
    await harness.step(5)
    await call.press("1")
    await harness.step(1)
    assert (await call.heard("stream"))[0]["to_ms"] == 5000


@pytest.mark.parametrize("url", ["https://example.com/a.mp3", [], ["a", "b"], [5], None])
async def test_stream_url_must_be_an_array_of_one_url(harness: SimulatorHarness, url: Any) -> None:
    await harness.receive_call([{"action": "stream", "streamUrl": url}])
    await harness.step(5)
    assert harness.events(reason=SYNTAX_ERROR)


@pytest.mark.parametrize(
    ("timeout", "milliseconds"),
    [(None, 10_000), (2.5, 2500), ("4", 4000), (0, 100), (-5, 100), (99_999, 7_200_000)],
)
async def test_wait_timeout_defaults_to_10_and_is_clamped_to_a_tenth_to_7200(
    harness: SimulatorHarness, timeout: Any, milliseconds: int
) -> None:
    wait = {"action": "wait"} if timeout is None else {"action": "wait", "timeout": timeout}
    call = await harness.receive_call([wait, talk("after")])
    await harness.step(milliseconds / 1000 - 0.05)
    assert await call.texts() == []
    await harness.step(0.1)
    assert await call.texts() == ["after"]
