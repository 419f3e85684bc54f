"""NCCO reference: record; recording guide: formats, channels, sizes, retention."""

import io
import logging
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.harness import (
    CALLEE,
    NUMBER,
    SYNTAX_ERROR,
    HarnessCall,
    SimulatorHarness,
    SimulatorResponse,
    talk,
    words,
)


def record(harness: SimulatorHarness, **options: Any) -> dict[str, Any]:
    """Return a record action that reports to /recordings."""
    return {"action": "record", "eventUrl": [harness.url("/recordings")]} | options


def event(harness: SimulatorHarness) -> dict[str, Any]:
    """Return the one record event."""
    (webhook,) = harness.sent_to("/recordings")
    return webhook.fields


async def download(harness: SimulatorHarness) -> SimulatorResponse:
    """Download the recording of the one record event."""
    path = event(harness)["recording_url"].partition("/v1/")[2]
    return await harness.api("GET", "/v1/" + path)


def loudness(samples: "array[int]", begin: float, end: float) -> int:
    """Return the loudest sample between two times."""
    return max(abs(sample) for sample in samples[int(begin * 16000) : int(end * 16000)])


async def wav_channels(harness: SimulatorHarness) -> list["array[int]"]:
    """Return the channels of the one recording, a wav file."""
    content = (await download(harness)).raw
    with wave.open(io.BytesIO(content)) as reader:
        assert (reader.getframerate(), reader.getsampwidth()) == (16000, 2)
        samples = array("h", reader.readframes(reader.getnframes()))
        return [samples[n :: reader.getnchannels()] for n in range(reader.getnchannels())]


async def test_a_recording_that_cannot_be_written_is_logged_in_one_line(
    make_harness: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    harness = await make_harness(temporary_folder=str(tmp_path))
    (files,) = tmp_path.glob("simulated-vonage-*/files")
    files.rmdir()
    call = await harness.receive_call([record(harness, timeOut=3), talk("thank you")])
    await harness.step(10)
    (logged,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "a task of the simulator failed: [Errno 2] No such file" in logged.getMessage()
    assert logged.exc_info is None
    assert await call.texts() == ["thank you"]


async def test_record_end_on_silence_blocks_until_the_caller_is_silent(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([record(harness, endOnSilence=3), talk("thank you")])
    await harness.step(1)
    await call.say(words(8))  # until second 4
    await harness.step(5.9)
    assert await call.texts() == []
    await harness.step(0.2)
    assert await call.texts() == ["thank you"]


async def test_record_end_on_silence_counts_from_the_start_without_speech(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([record(harness, endOnSilence=3), talk("thank you")])
    await harness.step(3.1)
    assert await call.texts() == ["thank you"]


async def test_record_end_on_key_blocks_until_that_key(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([record(harness, endOnKey="#"), talk("thank you")])
    await call.press("12")
    await harness.step(60)
    assert await call.texts() == []
    await call.press("#")
    await harness.step(0.1)
    assert await call.texts() == ["thank you"]


async def test_record_time_out_limits_the_recording(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([record(harness, timeOut=5), talk("thank you")])
    await call.say(words(80))
    await harness.step(4.9)
    assert await call.texts() == []
    await harness.step(0.2)
    assert await call.texts() == ["thank you"]


async def test_record_without_a_condition_runs_in_the_background_until_the_call_ends(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([record(harness), talk("in the background", loop=0)])
    await harness.step(20)
    assert await call.texts() == ["in the background"]
    assert not harness.sent_to("/recordings")
    await call.hang_up()
    await harness.step(2)
    assert (event(harness)["start_time"], event(harness)["end_time"]) == (
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:40Z",
    )


async def test_record_event_is_sent_04_to_2_s_after_the_stop_while_the_call_continues(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([record(harness, timeOut=3), talk("goes on", loop=0)])
    await harness.step(3.39)
    assert not harness.sent_to("/recordings")
    assert await call.texts() == ["goes on"]
    await harness.step(1.7)
    assert event(harness)


async def test_record_event_has_the_fields_of_the_webhook_reference(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([record(harness, timeOut=3)])
    await harness.step(6)
    body = event(harness)
    assert set(body) == {
        "start_time",
        "end_time",
        "recording_url",
        "recording_uuid",
        "size",
        "conversation_uuid",
        "timestamp",
    }
    assert body["conversation_uuid"] == call.conversation_uuid
    assert body["recording_uuid"] not in body["recording_url"]
    assert isinstance(body["size"], int)


async def test_record_without_eventurl_reports_to_the_applications_event_url(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(6)
    assert [body for body in harness.events() if "recording_url" in body]


async def test_record_ignores_an_ncco_in_response(harness: SimulatorHarness) -> None:
    harness.on("/recordings", [talk("not this")])
    call = await harness.receive_call([record(harness, timeOut=3), talk("this", loop=0)])
    await harness.step(10)
    assert await call.texts() == ["this"]


async def test_record_beep_start_beeps_before_it_records(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([record(harness, timeOut=3, beepStart="true")])
    await harness.step(10)
    assert len(await call.heard("beep")) == 1
    assert event(harness)["start_time"] == "2023-11-14T22:13:20Z"


async def test_record_format_is_mp3_of_4000_bytes_a_second(harness: SimulatorHarness) -> None:
    await harness.receive_call([record(harness, timeOut=5)])
    await harness.step(8)
    response = await download(harness)
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert len(response.raw) == event(harness)["size"] == pytest.approx(5 * 4000, rel=0.05)
    assert response.raw[0] == 0xFF


async def test_record_format_wav_is_16_bit_16_khz_of_the_right_length(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([record(harness, timeOut=5, format="wav")])
    await harness.step(1)
    await call.say(words(4))  # from second 1 to 2.5
    await harness.step(8)
    (channel,) = await wav_channels(harness)
    assert len(channel) == 5 * 16000
    assert event(harness)["size"] == 5 * 32000 + 44
    assert loudness(channel, 0, 0.9) == 0
    assert loudness(channel, 1.1, 2.4) > 1000
    assert loudness(channel, 2.6, 4.9) == 0


async def test_record_split_puts_the_caller_left_and_what_the_caller_hears_right(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call(
        [record(harness, split="conversation", format="wav"), talk(words(8))]
    )
    await harness.step(2)
    await call.say(words(8))  # from 2 to 5; the talk is from 0 to 3
    await harness.step(5)
    left, right = await wav_channels(harness)
    assert loudness(left, 0, 1.9) == 0
    assert loudness(left, 2.1, 2.9) > 1000
    assert loudness(right, 0.1, 2.9) > 1000


async def test_record_split_mp3_has_8000_bytes_a_second(harness: SimulatorHarness) -> None:
    await harness.receive_call([record(harness, split="conversation", channels=2, timeOut=5)])
    await harness.step(8)
    assert event(harness)["size"] == pytest.approx(5 * 8000, rel=0.05)


async def test_record_channels_without_split_has_no_effect(harness: SimulatorHarness) -> None:
    await harness.receive_call([record(harness, channels=4, format="wav", timeOut=3)])
    await harness.step(6)
    assert len(await wav_channels(harness)) == 1


async def test_record_of_more_than_2_channels_is_wav_with_a_channel_for_each_person(
    harness: SimulatorHarness,
) -> None:
    connect = {
        "action": "connect",
        "from": NUMBER,
        "endpoint": [{"type": "phone", "number": CALLEE}],
    }
    call = await harness.receive_call(
        [record(harness, split="conversation", channels=3, format="mp3"), connect]
    )
    await harness.step(2)
    await call.say(words(4))  # from 2 to 3.5
    await harness.step(2)
    await (await harness.called_leg()).say(words(4))  # from 4 to 5.5
    await harness.step(2)
    await call.hang_up()
    await harness.step(3)
    first, second, third = await wav_channels(harness)
    assert loudness(first, 2.1, 3.4) > 1000
    assert loudness(first, 3.6, 6) == 0
    assert loudness(second, 2.1, 3.4) == 0
    assert loudness(second, 4.1, 5.4) > 1000
    assert loudness(third, 0, 6) == 0


async def test_record_of_two_people_in_one_channel_has_both(harness: SimulatorHarness) -> None:
    connect = {
        "action": "connect",
        "from": NUMBER,
        "endpoint": [{"type": "phone", "number": CALLEE}],
    }
    call = await harness.receive_call([record(harness, format="wav"), connect])
    await harness.step(2)
    await call.say(words(4))
    await harness.step(2)
    await (await harness.called_leg()).say(words(4))
    await harness.step(2)
    await call.hang_up()
    await harness.step(3)
    (channel,) = await wav_channels(harness)
    assert loudness(channel, 2.1, 3.4) > 1000
    assert loudness(channel, 4.1, 5.4) > 1000


@pytest.mark.parametrize(
    "bad",
    [
        {"endOnSilence": 2},
        {"endOnSilence": 11},
        {"endOnKey": "12"},
        {"endOnKey": "a"},
        {"timeOut": 2},
        {"timeOut": 7201},
        {"format": "flac"},
        {"split": "yes"},
        {"split": "conversation", "channels": 33},
        {"eventUrl": "https://example.com"},
        {"transcription": True},
    ],
)
async def test_record_out_of_range_is_a_syntax_error(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.receive_call([record(harness) | bad])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


async def test_record_numbers_and_booleans_can_be_text(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(
        [record(harness, endOnSilence="3", beepStart="true"), talk("after")]
    )
    await harness.step(4)
    assert await call.texts() == ["after"]


async def test_record_transcription_follows_the_recording(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(
        [record(harness, timeOut=4, transcription={"eventUrl": [harness.url("/transcript")]})]
    )
    await call.say("good morning everybody")
    await harness.step(20)
    (webhook,) = harness.sent_to("/transcript")
    assert set(webhook.fields) == {
        "conversation_uuid", "type", "recording_uuid", "status", "transcription_url",
    }  # fmt: skip
    assert webhook.fields["status"] == "transcribed"
    assert webhook.fields["type"] == "record"
    assert webhook.fields["recording_uuid"] == event(harness)["recording_uuid"]
    path = webhook.fields["transcription_url"].partition("/v1/")[2]
    document = (await harness.api("GET", "/v1/" + path)).json
    assert document["channels"][0]["transcript"][0]["sentence"] == "good morning everybody"
    assert len(document["channels"][0]["transcript"][0]["words"]) == 3


async def test_recordings_need_a_token_of_the_same_application(harness: SimulatorHarness) -> None:
    await harness.receive_call([record(harness, timeOut=3)])
    await harness.step(6)
    path = "/v1/" + event(harness)["recording_url"].partition("/v1/")[2]
    assert (await harness.request("GET", path)).status == 401
    headers = {"Authorization": f"Bearer {harness.token(application_id='another')}"}
    assert (await harness.request("GET", path, headers=headers)).status == 401


async def test_recordings_are_deleted_after_30_days(harness: SimulatorHarness) -> None:
    await harness.receive_call([record(harness, timeOut=3)])
    await harness.step(29 * 86400)
    assert (await download(harness)).status == 200
    await harness.step(86460)
    assert (await download(harness)).status == 404


async def test_recording_url_contains_nexmo_com_for_the_python_sdk(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([record(harness, timeOut=3)])
    await harness.step(6)
    assert "nexmo.com" in event(harness)["recording_url"]


async def test_a_call_that_ends_while_it_is_recorded_has_its_recording(
    harness: SimulatorHarness,
) -> None:
    call: HarnessCall = await harness.receive_call([record(harness, endOnKey="#")])
    await harness.step(4)
    await call.hang_up()
    await harness.step(3)
    assert event(harness)["end_time"] == "2023-11-14T22:13:24Z"
