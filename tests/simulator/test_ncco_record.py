"""NCCO reference: record; recording guide: formats, channels, sizes, retention."""

import io
import wave
from array import array
from typing import Any

import pytest

from tests.simulator.harness import (
    CALLEE,
    NUMBER,
    SYNTAX_ERROR,
    HarnessCall,
    SimulatorHarness,
    WebhookReply,
    talk,
)
from tests.simulator.harness import words as said


def record(stage: SimulatorHarness, **options: Any) -> dict[str, Any]:
    """A record action that reports to /recordings."""
    return {"action": "record", "eventUrl": [stage.url("/recordings")]} | options


def event(stage: SimulatorHarness) -> dict[str, Any]:
    """The one record event."""
    (got,) = stage.sent_to("/recordings")
    return got.fields


async def download(stage: SimulatorHarness) -> WebhookReply:
    """The recording of the one record event."""
    path = event(stage)["recording_url"].partition("/v1/")[2]
    return await stage.api("GET", "/v1/" + path)


def loudness(samples: "array[int]", begin: float, end: float) -> int:
    """The loudest sample between two seconds."""
    return max(abs(sample) for sample in samples[int(begin * 16000) : int(end * 16000)])


async def wav_channels(stage: SimulatorHarness) -> list["array[int]"]:
    """The channels of the one recording, a wav file."""
    content = (await download(stage)).raw
    with wave.open(io.BytesIO(content)) as reader:
        assert (reader.getframerate(), reader.getsampwidth()) == (16000, 2)
        samples = array("h", reader.readframes(reader.getnframes()))
        return [samples[n :: reader.getnchannels()] for n in range(reader.getnchannels())]


async def test_record_end_on_silence_blocks_until_the_caller_falls_silent(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage, endOnSilence=3), talk("thank you")])
    await stage.step(1)
    await call.say(said(8))  # until second 4
    await stage.step(5.9)
    assert await call.texts() == []
    await stage.step(0.2)
    assert await call.texts() == ["thank you"]


async def test_record_end_on_silence_counts_from_the_start_when_nothing_is_said(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage, endOnSilence=3), talk("thank you")])
    await stage.step(3.1)
    assert await call.texts() == ["thank you"]


async def test_record_end_on_key_blocks_until_that_key(stage: SimulatorHarness) -> None:
    call = await stage.ring([record(stage, endOnKey="#"), talk("thank you")])
    await call.press("12")
    await stage.step(60)
    assert await call.texts() == []
    await call.press("#")
    await stage.step(0.1)
    assert await call.texts() == ["thank you"]


async def test_record_time_out_blocks_for_so_long_at_most(stage: SimulatorHarness) -> None:
    call = await stage.ring([record(stage, timeOut=5), talk("thank you")])
    await call.say(said(80))
    await stage.step(4.9)
    assert await call.texts() == []
    await stage.step(0.2)
    assert await call.texts() == ["thank you"]


async def test_record_without_a_condition_runs_beside_until_the_call_ends(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage), talk("meanwhile", loop=0)])
    await stage.step(20)
    assert await call.texts() == ["meanwhile"]
    assert not stage.sent_to("/recordings")
    await call.hang_up()
    await stage.step(2)
    assert (event(stage)["start_time"], event(stage)["end_time"]) == (
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:40Z",
    )


async def test_record_event_comes_04_to_2_s_after_the_stop_while_the_call_goes_on(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage, timeOut=3), talk("goes on", loop=0)])
    await stage.step(3.39)
    assert not stage.sent_to("/recordings")
    assert await call.texts() == ["goes on"]
    await stage.step(1.7)
    assert event(stage)


async def test_record_event_has_the_fields_of_the_webhook_reference(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage, timeOut=3)])
    await stage.step(6)
    got = event(stage)
    assert set(got) == {
        "start_time",
        "end_time",
        "recording_url",
        "recording_uuid",
        "size",
        "conversation_uuid",
        "timestamp",
    }
    assert got["conversation_uuid"] == call.conversation_uuid
    assert got["recording_uuid"] not in got["recording_url"]
    assert isinstance(got["size"], int)


async def test_record_without_eventurl_reports_to_the_applications_event_url(
    stage: SimulatorHarness,
) -> None:
    await stage.ring([{"action": "record", "timeOut": 3}])
    await stage.step(6)
    assert [body for body in stage.events() if "recording_url" in body]


async def test_record_reply_with_an_ncco_is_not_honoured(stage: SimulatorHarness) -> None:
    stage.on("/recordings", [talk("not this")])
    call = await stage.ring([record(stage, timeOut=3), talk("this", loop=0)])
    await stage.step(10)
    assert await call.texts() == ["this"]


async def test_record_beep_start_beeps_before_it_records(stage: SimulatorHarness) -> None:
    call = await stage.ring([record(stage, timeOut=3, beepStart="true")])
    await stage.step(10)
    assert len(await call.heard("beep")) == 1
    assert event(stage)["start_time"] == "2023-11-14T22:13:20Z"


async def test_record_format_is_mp3_of_4000_bytes_a_second(stage: SimulatorHarness) -> None:
    await stage.ring([record(stage, timeOut=5)])
    await stage.step(8)
    got = await download(stage)
    assert got.headers["Content-Type"] == "audio/mpeg"
    assert len(got.raw) == event(stage)["size"] == pytest.approx(5 * 4000, rel=0.05)
    assert got.raw[0] == 0xFF


async def test_record_format_wav_is_16_bit_16_khz_of_the_right_length(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage, timeOut=5, format="wav")])
    await stage.step(1)
    await call.say(said(4))  # from second 1 to 2.5
    await stage.step(8)
    (channel,) = await wav_channels(stage)
    assert len(channel) == 5 * 16000
    assert event(stage)["size"] == 5 * 32000 + 44
    assert loudness(channel, 0, 0.9) == 0
    assert loudness(channel, 1.1, 2.4) > 1000
    assert loudness(channel, 2.6, 4.9) == 0


async def test_record_split_puts_the_caller_left_and_what_the_caller_hears_right(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([record(stage, split="conversation", format="wav"), talk(said(8))])
    await stage.step(2)
    await call.say(said(8))  # from 2 to 5; the talk is from 0 to 3
    await stage.step(5)
    left, right = await wav_channels(stage)
    assert loudness(left, 0, 1.9) == 0
    assert loudness(left, 2.1, 2.9) > 1000
    assert loudness(right, 0.1, 2.9) > 1000


async def test_record_split_mp3_has_8000_bytes_a_second(stage: SimulatorHarness) -> None:
    await stage.ring([record(stage, split="conversation", channels=2, timeOut=5)])
    await stage.step(8)
    assert event(stage)["size"] == pytest.approx(5 * 8000, rel=0.05)


async def test_record_channels_without_split_has_no_effect(stage: SimulatorHarness) -> None:
    await stage.ring([record(stage, channels=4, format="wav", timeOut=3)])
    await stage.step(6)
    assert len(await wav_channels(stage)) == 1


async def test_record_of_more_than_2_channels_is_wav_with_a_channel_for_each_person(
    stage: SimulatorHarness,
) -> None:
    connect = {
        "action": "connect",
        "from": NUMBER,
        "endpoint": [{"type": "phone", "number": CALLEE}],
    }
    call = await stage.ring(
        [record(stage, split="conversation", channels=3, format="mp3"), connect]
    )
    await stage.step(2)
    await call.say(said(4))  # from 2 to 3.5
    await stage.step(2)
    await (await stage.called_leg()).say(said(4))  # from 4 to 5.5
    await stage.step(2)
    await call.hang_up()
    await stage.step(3)
    first, second, third = await wav_channels(stage)
    assert loudness(first, 2.1, 3.4) > 1000
    assert loudness(first, 3.6, 6) == 0
    assert loudness(second, 2.1, 3.4) == 0
    assert loudness(second, 4.1, 5.4) > 1000
    assert loudness(third, 0, 6) == 0


async def test_record_of_two_people_in_one_channel_has_both(stage: SimulatorHarness) -> None:
    connect = {
        "action": "connect",
        "from": NUMBER,
        "endpoint": [{"type": "phone", "number": CALLEE}],
    }
    call = await stage.ring([record(stage, format="wav"), connect])
    await stage.step(2)
    await call.say(said(4))
    await stage.step(2)
    await (await stage.called_leg()).say(said(4))
    await stage.step(2)
    await call.hang_up()
    await stage.step(3)
    (channel,) = await wav_channels(stage)
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
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await stage.ring([record(stage) | bad])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


async def test_record_numbers_and_booleans_may_be_text(stage: SimulatorHarness) -> None:
    call = await stage.ring([record(stage, endOnSilence="3", beepStart="true"), talk("after")])
    await stage.step(4)
    assert await call.texts() == ["after"]


async def test_record_transcription_follows_the_recording(stage: SimulatorHarness) -> None:
    call = await stage.ring(
        [record(stage, timeOut=4, transcription={"eventUrl": [stage.url("/transcript")]})]
    )
    await call.say("good morning everybody")
    await stage.step(20)
    (got,) = stage.sent_to("/transcript")
    assert got.fields["status"] == "transcribed"
    assert got.fields["type"] == "record"
    assert got.fields["recording_uuid"] == event(stage)["recording_uuid"]
    path = got.fields["transcription_url"].partition("/v1/")[2]
    document = (await stage.api("GET", "/v1/" + path)).json
    assert document["channels"][0]["transcript"][0]["sentence"] == "good morning everybody"
    assert len(document["channels"][0]["transcript"][0]["words"]) == 3


async def test_recordings_need_a_token_of_the_same_application(stage: SimulatorHarness) -> None:
    await stage.ring([record(stage, timeOut=3)])
    await stage.step(6)
    path = "/v1/" + event(stage)["recording_url"].partition("/v1/")[2]
    assert (await stage.request("GET", path)).status == 401
    wrong = {"Authorization": f"Bearer {stage.token(application_id='another')}"}
    assert (await stage.request("GET", path, headers=wrong)).status == 401


async def test_recordings_are_deleted_after_30_days(stage: SimulatorHarness) -> None:
    await stage.ring([record(stage, timeOut=3)])
    await stage.step(29 * 86400)
    assert (await download(stage)).status == 200
    await stage.step(86460)
    assert (await download(stage)).status == 404


async def test_recording_url_contains_nexmo_com_for_the_python_sdk(stage: SimulatorHarness) -> None:
    await stage.ring([record(stage, timeOut=3)])
    await stage.step(6)
    assert "nexmo.com" in event(stage)["recording_url"]


async def test_a_call_that_ends_while_it_is_recorded_has_its_recording(
    stage: SimulatorHarness,
) -> None:
    call: HarnessCall = await stage.ring([record(stage, endOnKey="#")])
    await stage.step(4)
    await call.hang_up()
    await stage.step(3)
    assert event(stage)["end_time"] == "2023-11-14T22:13:24Z"
