"""NCCO reference: input with DTMF and speech, and notify; webhook reference: their events."""

from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import CALLER, NUMBER, SYNTAX_ERROR, SimulatorHarness, talk


def dtmf_input(harness: SimulatorHarness, **dtmf: Any) -> dict[str, Any]:
    """Return a DTMF input that reports to /input."""
    return {
        "action": "input",
        "type": ["dtmf"],
        "dtmf": dtmf,
        "eventUrl": [harness.url("/input")],
    }


def speech_input(harness: SimulatorHarness, **options: Any) -> dict[str, Any]:
    """Return a speech input that reports to /input."""
    return {
        "action": "input",
        "type": ["speech"],
        "speech": options,
        "eventUrl": [harness.url("/input")],
    }


def dtmf_and_speech_input(harness: SimulatorHarness, **dtmf: Any) -> dict[str, Any]:
    """Return an input of DTMF or speech that reports to /input."""
    return dtmf_input(harness, **dtmf) | {"type": ["dtmf", "speech"]}


def result(harness: SimulatorHarness) -> dict[str, Any]:
    """Return the one result that /input received."""
    (webhook,) = harness.sent_to("/input")
    return webhook.fields


async def test_input_dtmf_max_digits_defaults_to_4(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([dtmf_input(harness)])
    await call.press("12345")
    await harness.step(1)
    assert result(harness)["dtmf"] == {"digits": "1234", "timed_out": False}


async def test_input_dtmf_max_digits_ends_it_at_once(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1)])
    await call.press("5")
    await harness.step(0)
    assert result(harness)["dtmf"] == {"digits": "5", "timed_out": False}


async def test_input_dtmf_time_out_defaults_to_3_and_counts_from_the_last_digit(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([dtmf_input(harness)])
    await harness.step(2)
    await call.press("3")
    await harness.step(2.9)
    assert not harness.sent_to("/input")
    await harness.step(0.2)
    assert result(harness)["dtmf"] == {"digits": "3", "timed_out": True}


async def test_input_dtmf_without_keypresses_has_null_digits_and_timed_out(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([dtmf_input(harness, timeOut=5)])
    await harness.step(5)
    assert result(harness)["dtmf"] == {"digits": None, "timed_out": True}


async def test_input_dtmf_submit_on_hash_ends_it_without_the_hash(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([dtmf_input(harness, submitOnHash=True, maxDigits=20)])
    await call.press("12#")
    await harness.step(1)
    assert result(harness)["dtmf"] == {"digits": "12", "timed_out": False}


async def test_input_dtmf_hash_is_an_ordinary_digit_without_submit_on_hash(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([dtmf_input(harness, maxDigits=3)])
    await call.press("1#*")
    await harness.step(1)
    assert result(harness)["dtmf"]["digits"] == "1#*"


async def test_input_event_has_the_fields_of_the_webhook_reference(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1)])
    await call.press("1")
    await harness.step(0)
    assert result(harness) == {
        "speech": {"results": []},
        "dtmf": {"digits": "1", "timed_out": False},
        "from": CALLER,
        "to": NUMBER,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "timestamp": "2023-11-14T22:13:20.000Z",
    }


async def test_input_without_eventurl_reports_to_the_applications_event_url(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call(
        [{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}}]
    )
    await call.press("9")
    await harness.step(0)
    assert [body["dtmf"]["digits"] for body in harness.events() if "dtmf" in body] == ["9"]


async def test_input_event_method_get_sends_nested_objects_as_json_text(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1) | {"eventMethod": "GET"}])
    await call.press("9")
    await harness.step(0)
    assert result(harness)["dtmf"] == '{"digits":"9","timed_out":false}'


async def test_input_response_with_an_ncco_replaces_the_rest(harness: SimulatorHarness) -> None:
    harness.on("/input", [talk("replaced")])
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1), talk("never heard")])
    await call.press("1")
    await harness.step(5)
    assert await call.texts() == ["replaced"]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param([], id="an empty array"),
        pytest.param({"message": "webhook received"}, id="an object"),
        pytest.param(web.Response(status=204), id="204"),
        pytest.param(web.Response(status=200), id="an empty body"),
        pytest.param(web.Response(status=200, text="thanks"), id="text"),
    ],
)
async def test_input_response_without_an_ncco_continues_the_running_one(
    harness: SimulatorHarness, response: Any
) -> None:
    harness.on("/input", response)
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1), talk("goes on")])
    await call.press("1")
    await harness.step(5)
    assert await call.texts() == ["goes on"]


async def test_input_response_with_a_bad_ncco_is_an_error_event_and_continues_the_running_one(
    harness: SimulatorHarness,
) -> None:
    harness.on("/input", [{"action": "sing"}])
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1), talk("goes on")])
    await call.press("1")
    await harness.step(5)
    assert await call.texts() == ["goes on"]
    assert harness.events(reason=SYNTAX_ERROR)


async def test_input_without_type_is_the_old_form_with_a_flat_result(
    harness: SimulatorHarness,
) -> None:
    action = {"action": "input", "maxDigits": 1, "timeOut": 5, "eventUrl": [harness.url("/input")]}
    call = await harness.receive_call([action])
    await call.press("5")
    await harness.step(0)
    assert result(harness) == {
        "dtmf": "5",
        "timed_out": False,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "timestamp": "2023-11-14T22:13:20.000Z",
    }


async def test_input_asynchronous_sends_each_digit_and_does_not_block(
    harness: SimulatorHarness,
) -> None:
    action = {
        "action": "input",
        "type": ["dtmf"],
        "mode": "asynchronous",
        "eventUrl": [harness.url("/input")],
    }
    call = await harness.receive_call([action, talk("in the background", loop=0)])
    await call.press("42")
    await harness.step(1)
    assert [webhook.fields["dtmf"]["digits"] for webhook in harness.sent_to("/input")] == ["4", "2"]
    assert await call.texts() == ["in the background"]


async def test_input_asynchronous_with_dtmf_settings_is_a_syntax_error(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([dtmf_input(harness, maxDigits=1) | {"mode": "asynchronous"}])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"type": "dtmf"}, id="type that is not an array"),
        pytest.param({"type": []}, id="no type in the array"),
        pytest.param({"type": ["eyes"]}, id="unknown type"),
        pytest.param({"dtmf": {"timeOut": 11}}, id="timeOut over 10"),
        pytest.param({"dtmf": {"maxDigits": 0}}, id="maxDigits under 1"),
        pytest.param({"dtmf": {"maxDigits": 21}}, id="maxDigits over 20"),
        pytest.param({"eventUrl": "https://example.com/"}, id="eventUrl that is not an array"),
        pytest.param({"eventMethod": "PATCH"}, id="unknown eventMethod"),
        pytest.param({"type": ["speech"], "speech": {"endOnSilence": 0.3}}, id="endOnSilence"),
        pytest.param({"type": ["speech"], "speech": {"startTimeout": 61}}, id="startTimeout"),
        pytest.param({"type": ["speech"], "speech": {"maxDuration": 0}}, id="maxDuration"),
        pytest.param({"type": ["speech"], "speech": {"sensitivity": 101}}, id="sensitivity"),
        pytest.param({"type": ["speech"], "speech": {"uuid": ["a", "b"]}}, id="two uuids"),
    ],
)
async def test_input_out_of_range_is_a_syntax_error(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.receive_call([{"action": "input", "type": ["dtmf"]} | bad])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


async def test_input_numbers_can_be_text(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([dtmf_input(harness, maxDigits="2", timeOut="5")])
    await call.press("77")
    await harness.step(1)
    assert result(harness)["dtmf"]["digits"] == "77"


async def test_input_speech_ends_after_2_seconds_of_silence(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([speech_input(harness)])
    await harness.step(1)
    await call.say("I would like a flat white please")  # 7 words: 2.625 s
    await harness.step(4.5)
    assert not harness.sent_to("/input")
    await harness.step(0.2)
    recognized = result(harness)["speech"]
    assert recognized["timeout_reason"] == "end_on_silence_timeout"
    assert recognized["results"][0]["text"] == "I would like a flat white please"
    assert isinstance(recognized["results"][0]["confidence"], str)


async def test_input_speech_end_on_silence_is_as_set(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([speech_input(harness, endOnSilence=0.4)])
    await call.say("yes please now sir")  # 1.5 s
    await harness.step(2)
    assert result(harness)["speech"]["results"][0]["text"] == "yes please now sir"


async def test_input_speech_continues_when_the_caller_continues(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([speech_input(harness)])
    await call.say("first of all")
    await harness.step(2)
    await call.say("and then")
    await harness.step(5)
    assert result(harness)["speech"]["results"][0]["text"] == "first of all and then"


async def test_input_speech_start_timeout_defaults_to_10(harness: SimulatorHarness) -> None:
    await harness.receive_call([speech_input(harness)])
    await harness.step(9.9)
    assert not harness.sent_to("/input")
    await harness.step(0.2)
    body = result(harness)
    assert body["speech"] == {"timeout_reason": "start_timeout", "results": []}
    assert body["dtmf"] == {"digits": None, "timed_out": False}


async def test_input_speech_max_duration_ends_it_while_the_caller_speaks(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([speech_input(harness, maxDuration=5)])
    await call.say("one two three four five six seven")
    await harness.step(0.1)
    await call.say(" ".join(["more"] * 40))
    await harness.step(5)
    recognized = result(harness)["speech"]
    assert recognized["timeout_reason"] == "max_duration"
    assert recognized["results"][0]["text"] == "one two three four five six seven"


async def test_input_speech_save_audio_adds_a_recording_url(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([speech_input(harness, saveAudio=True)])
    await call.say("keep this")
    await harness.step(5)
    path = result(harness)["speech"]["recording_url"].partition("/v1/")[2]
    downloaded = await harness.api("GET", "/v1/" + path)
    assert downloaded.headers["Content-Type"] == "audio/mpeg"


async def test_input_speech_uuid_listens_to_that_leg(harness: SimulatorHarness) -> None:
    harness.on("/joined", [{"action": "conversation", "name": "room"}])
    other = await harness.receive_call([{"action": "conversation", "name": "room"}])
    speech_action = speech_input(harness, uuid=[other.uuid]) | {"eventUrl": [harness.url("/input")]}
    ncco = [speech_action]
    call = await harness.receive_call([{"action": "conversation", "name": "room"}])
    conversation_uuid = (await other.view())["conversation_uuid"]
    assert (await call.view())["conversation_uuid"] == conversation_uuid
    outbound = await harness.place_call(ncco)
    await harness.step(1)
    await other.say("not in the same conversation")
    await harness.step(20)
    # A leg of another conversation is not used: the input is on its own leg, which is silent.
    assert result(harness)["uuid"] == outbound.uuid
    assert result(harness)["speech"]["timeout_reason"] == "start_timeout"


async def test_input_of_both_kinds_a_digit_overrides_speech(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([dtmf_and_speech_input(harness, maxDigits=2)])
    await call.say("hello there")
    await harness.step(1)
    await call.press("12")
    await harness.step(1)
    body = result(harness)
    assert body["dtmf"] == {"digits": "12", "timed_out": False}
    assert body["speech"] == {"error": "Speech overridden by DTMF"}


async def test_input_of_both_kinds_with_only_speech_has_null_digits(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([dtmf_and_speech_input(harness, maxDigits=2)])
    await call.say("hello there")
    await harness.step(6)
    body = result(harness)
    assert body["dtmf"]["digits"] is None
    assert body["speech"]["results"][0]["text"] == "hello there"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("results", {"results": []}),
        ("error", {"error": "Speech was not enabled"}),
        ("absent", None),
    ],
)
async def test_conflicts_speech_field_of_a_dtmf_only_input_is_a_setting(
    make_harness: Any, form: str, expected: Any
) -> None:
    harness = await make_harness(dtmf_only_speech=form)
    call = await harness.receive_call([dtmf_input(harness, maxDigits=1)])
    await call.press("1")
    await harness.step(0)
    assert result(harness).get("speech") == expected


async def test_notify_sends_its_payload_without_a_uuid_and_waits(harness: SimulatorHarness) -> None:
    harness.on("/notify", web.Response(status=204))
    notify = {
        "action": "notify",
        "payload": {"foo": "bar"},
        "eventUrl": [harness.url("/notify")],
    }
    call = await harness.receive_call([notify, talk("after")])
    await harness.step(5)
    (webhook,) = harness.sent_to("/notify")
    assert webhook.fields == {
        "payload": {"foo": "bar"},
        "conversation_uuid": call.conversation_uuid,
        "timestamp": "2023-11-14T22:13:20.000Z",
    }
    assert await call.texts() == ["after"]


async def test_notify_response_with_an_ncco_replaces_the_rest(harness: SimulatorHarness) -> None:
    harness.on("/notify", [talk("loud and clear")])
    notify = {"action": "notify", "payload": {}, "eventUrl": [harness.url("/notify")]}
    call = await harness.receive_call([notify, talk("never heard")])
    await harness.step(5)
    assert await call.texts() == ["loud and clear"]


async def test_notify_event_method_get_sends_the_payload_as_json_text(
    harness: SimulatorHarness,
) -> None:
    notify = {
        "action": "notify",
        "payload": {"a b": [1]},
        "eventUrl": [harness.url("/notify?flow=x")],
        "eventMethod": "GET",
    }
    await harness.receive_call([notify])
    await harness.step(1)
    (webhook,) = harness.sent_to("/notify")
    assert webhook.fields["flow"] == "x"
    assert webhook.fields["payload"] == '{"a b":[1]}'


@pytest.mark.parametrize("bad", [{"payload": "text"}, {"payload": None}, {"eventUrl": None}])
async def test_notify_requires_a_payload_and_an_event_url(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    notify = {"action": "notify", "payload": {}, "eventUrl": [harness.url("/notify")]}
    await harness.receive_call([notify | bad])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


@pytest.mark.parametrize(
    "ncco",
    [
        pytest.param({"action": "talk", "text": "hello"}, id="an object"),
        pytest.param(["talk"], id="a string for an action"),
        pytest.param([{"action": "sing"}], id="an unknown action"),
        pytest.param([{"text": "hello"}], id="no action"),
        pytest.param([{"action": "pay", "amount": 5}], id="the retired pay"),
    ],
)
async def test_invalid_ncco_drops_the_call_after_a_second_with_an_error_event(
    harness: SimulatorHarness, ncco: Any
) -> None:
    call = await harness.receive_call(ncco)
    assert await call.status() == "ringing"
    await harness.step(1)
    assert await call.status() == "completed"
    (error,) = harness.events(reason=SYNTAX_ERROR)
    assert set(error) == {"reason", "conversation_uuid", "timestamp"}
    assert len(harness.sent_to("/answer")) == 1
