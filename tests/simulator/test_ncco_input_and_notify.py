"""NCCO reference: input with keys and speech, and notify; webhook reference: what they send."""

from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import CALLER, NUMBER, SYNTAX_ERROR, SimulatorHarness, talk


def keys(stage: SimulatorHarness, **dtmf: Any) -> dict[str, Any]:
    """An input of keys that reports to /input."""
    return {
        "action": "input",
        "type": ["dtmf"],
        "dtmf": dtmf,
        "eventUrl": [stage.url("/input")],
    }


def speech(stage: SimulatorHarness, **options: Any) -> dict[str, Any]:
    """An input of speech that reports to /input."""
    return {
        "action": "input",
        "type": ["speech"],
        "speech": options,
        "eventUrl": [stage.url("/input")],
    }


def both(stage: SimulatorHarness, **dtmf: Any) -> dict[str, Any]:
    """An input of keys or speech that reports to /input."""
    return keys(stage, **dtmf) | {"type": ["dtmf", "speech"]}


def result(stage: SimulatorHarness) -> dict[str, Any]:
    """The one result that /input got."""
    (got,) = stage.sent_to("/input")
    return got.fields


async def test_input_dtmf_max_digits_defaults_to_4(stage: SimulatorHarness) -> None:
    call = await stage.ring([keys(stage)])
    await call.press("12345")
    await stage.step(1)
    assert result(stage)["dtmf"] == {"digits": "1234", "timed_out": False}


async def test_input_dtmf_max_digits_ends_it_at_once(stage: SimulatorHarness) -> None:
    call = await stage.ring([keys(stage, maxDigits=1)])
    await call.press("5")
    await stage.step(0)
    assert result(stage)["dtmf"] == {"digits": "5", "timed_out": False}


async def test_input_dtmf_time_out_defaults_to_3_and_counts_from_the_last_key(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([keys(stage)])
    await stage.step(2)
    await call.press("3")
    await stage.step(2.9)
    assert not stage.sent_to("/input")
    await stage.step(0.2)
    assert result(stage)["dtmf"] == {"digits": "3", "timed_out": True}


async def test_input_dtmf_without_keys_has_null_digits_and_timed_out(
    stage: SimulatorHarness,
) -> None:
    await stage.ring([keys(stage, timeOut=5)])
    await stage.step(5)
    assert result(stage)["dtmf"] == {"digits": None, "timed_out": True}


async def test_input_dtmf_submit_on_hash_ends_it_without_the_hash(stage: SimulatorHarness) -> None:
    call = await stage.ring([keys(stage, submitOnHash=True, maxDigits=20)])
    await call.press("12#")
    await stage.step(1)
    assert result(stage)["dtmf"] == {"digits": "12", "timed_out": False}


async def test_input_dtmf_hash_is_a_key_like_others_without_submit_on_hash(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([keys(stage, maxDigits=3)])
    await call.press("1#*")
    await stage.step(1)
    assert result(stage)["dtmf"]["digits"] == "1#*"


async def test_input_event_has_the_fields_of_the_webhook_reference(stage: SimulatorHarness) -> None:
    call = await stage.ring([keys(stage, maxDigits=1)])
    await call.press("1")
    await stage.step(0)
    assert result(stage) == {
        "speech": {"results": []},
        "dtmf": {"digits": "1", "timed_out": False},
        "from": CALLER,
        "to": NUMBER,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "timestamp": "2023-11-14T22:13:20.000Z",
    }


async def test_input_without_eventurl_reports_to_the_applications_event_url(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}}])
    await call.press("9")
    await stage.step(0)
    assert [body["dtmf"]["digits"] for body in stage.events() if "dtmf" in body] == ["9"]


async def test_input_event_method_get_sends_nested_objects_as_json_text(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([keys(stage, maxDigits=1) | {"eventMethod": "GET"}])
    await call.press("9")
    await stage.step(0)
    assert result(stage)["dtmf"] == '{"digits":"9","timed_out":false}'


async def test_input_reply_with_an_ncco_replaces_the_rest(stage: SimulatorHarness) -> None:
    stage.on("/input", [talk("replaced")])
    call = await stage.ring([keys(stage, maxDigits=1), talk("never heard")])
    await call.press("1")
    await stage.step(5)
    assert await call.texts() == ["replaced"]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param([], id="an empty array"),
        pytest.param({"message": "webhook received"}, id="an object"),
        pytest.param(web.Response(status=204), id="204"),
        pytest.param(web.Response(status=200), id="an empty body"),
        pytest.param(web.Response(status=200, text="thanks"), id="text"),
    ],
)
async def test_input_reply_without_an_ncco_lets_the_running_one_go_on(
    stage: SimulatorHarness, reply: Any
) -> None:
    stage.on("/input", reply)
    call = await stage.ring([keys(stage, maxDigits=1), talk("goes on")])
    await call.press("1")
    await stage.step(5)
    assert await call.texts() == ["goes on"]


async def test_input_reply_with_a_bad_ncco_is_an_error_event_and_the_running_one_goes_on(
    stage: SimulatorHarness,
) -> None:
    stage.on("/input", [{"action": "sing"}])
    call = await stage.ring([keys(stage, maxDigits=1), talk("goes on")])
    await call.press("1")
    await stage.step(5)
    assert await call.texts() == ["goes on"]
    assert stage.events(reason=SYNTAX_ERROR)


async def test_input_without_type_is_the_old_form_with_a_flat_result(
    stage: SimulatorHarness,
) -> None:
    action = {"action": "input", "maxDigits": 1, "timeOut": 5, "eventUrl": [stage.url("/input")]}
    call = await stage.ring([action])
    await call.press("5")
    await stage.step(0)
    assert result(stage) == {
        "dtmf": "5",
        "timed_out": False,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "timestamp": "2023-11-14T22:13:20.000Z",
    }


async def test_input_asynchronous_sends_each_key_and_does_not_block(
    stage: SimulatorHarness,
) -> None:
    action = {
        "action": "input",
        "type": ["dtmf"],
        "mode": "asynchronous",
        "eventUrl": [stage.url("/input")],
    }
    call = await stage.ring([action, talk("meanwhile", loop=0)])
    await call.press("42")
    await stage.step(1)
    assert [got.fields["dtmf"]["digits"] for got in stage.sent_to("/input")] == ["4", "2"]
    assert await call.texts() == ["meanwhile"]


async def test_input_asynchronous_with_dtmf_settings_is_a_syntax_error(
    stage: SimulatorHarness,
) -> None:
    await stage.ring([keys(stage, maxDigits=1) | {"mode": "asynchronous"}])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"type": "dtmf"}, id="type that is no array"),
        pytest.param({"type": []}, id="no type in the array"),
        pytest.param({"type": ["eyes"]}, id="unknown type"),
        pytest.param({"dtmf": {"timeOut": 11}}, id="timeOut over 10"),
        pytest.param({"dtmf": {"maxDigits": 0}}, id="maxDigits under 1"),
        pytest.param({"dtmf": {"maxDigits": 21}}, id="maxDigits over 20"),
        pytest.param({"eventUrl": "https://example.com/"}, id="eventUrl that is no array"),
        pytest.param({"eventMethod": "PATCH"}, id="unknown eventMethod"),
        pytest.param({"type": ["speech"], "speech": {"endOnSilence": 0.3}}, id="endOnSilence"),
        pytest.param({"type": ["speech"], "speech": {"startTimeout": 61}}, id="startTimeout"),
        pytest.param({"type": ["speech"], "speech": {"maxDuration": 0}}, id="maxDuration"),
        pytest.param({"type": ["speech"], "speech": {"sensitivity": 101}}, id="sensitivity"),
        pytest.param({"type": ["speech"], "speech": {"uuid": ["a", "b"]}}, id="two uuids"),
    ],
)
async def test_input_out_of_range_is_a_syntax_error(
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await stage.ring([{"action": "input", "type": ["dtmf"]} | bad])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


async def test_input_numbers_may_be_text(stage: SimulatorHarness) -> None:
    call = await stage.ring([keys(stage, maxDigits="2", timeOut="5")])
    await call.press("77")
    await stage.step(1)
    assert result(stage)["dtmf"]["digits"] == "77"


async def test_input_speech_ends_after_2_seconds_of_silence(stage: SimulatorHarness) -> None:
    call = await stage.ring([speech(stage)])
    await stage.step(1)
    await call.say("I would like a flat white please")  # 7 words: 2.625 s
    await stage.step(4.5)
    assert not stage.sent_to("/input")
    await stage.step(0.2)
    got = result(stage)["speech"]
    assert got["timeout_reason"] == "end_on_silence_timeout"
    assert got["results"][0]["text"] == "I would like a flat white please"
    assert isinstance(got["results"][0]["confidence"], str)


async def test_input_speech_end_on_silence_is_as_set(stage: SimulatorHarness) -> None:
    call = await stage.ring([speech(stage, endOnSilence=0.4)])
    await call.say("yes please now sir")  # 1.5 s
    await stage.step(2)
    assert result(stage)["speech"]["results"][0]["text"] == "yes please now sir"


async def test_input_speech_goes_on_when_the_caller_does(stage: SimulatorHarness) -> None:
    call = await stage.ring([speech(stage)])
    await call.say("first of all")
    await stage.step(2)
    await call.say("and then")
    await stage.step(5)
    assert result(stage)["speech"]["results"][0]["text"] == "first of all and then"


async def test_input_speech_start_timeout_defaults_to_10(stage: SimulatorHarness) -> None:
    await stage.ring([speech(stage)])
    await stage.step(9.9)
    assert not stage.sent_to("/input")
    await stage.step(0.2)
    got = result(stage)
    assert got["speech"] == {"timeout_reason": "start_timeout", "results": []}
    assert got["dtmf"] == {"digits": None, "timed_out": False}


async def test_input_speech_max_duration_ends_it_while_the_caller_speaks(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([speech(stage, maxDuration=5)])
    await call.say("one two three four five six seven")
    await stage.step(0.1)
    await call.say(" ".join(["more"] * 40))
    await stage.step(5)
    got = result(stage)["speech"]
    assert got["timeout_reason"] == "max_duration"
    assert got["results"][0]["text"] == "one two three four five six seven"


async def test_input_speech_save_audio_adds_a_recording_url(stage: SimulatorHarness) -> None:
    call = await stage.ring([speech(stage, saveAudio=True)])
    await call.say("keep this")
    await stage.step(5)
    path = result(stage)["speech"]["recording_url"].partition("/v1/")[2]
    downloaded = await stage.api("GET", "/v1/" + path)
    assert downloaded.headers["Content-Type"] == "audio/mpeg"


async def test_input_speech_uuid_listens_to_that_leg(stage: SimulatorHarness) -> None:
    stage.on("/joined", [{"action": "conversation", "name": "room"}])
    other = await stage.ring([{"action": "conversation", "name": "room"}])
    ask = speech(stage, uuid=[other.uuid]) | {"eventUrl": [stage.url("/input")]}
    ncco = [ask]
    call = await stage.ring([{"action": "conversation", "name": "room"}])
    room = (await other.view())["conversation_uuid"]
    assert (await call.view())["conversation_uuid"] == room
    reply = await stage.place(ncco)
    await stage.step(1)
    await other.say("not in the same conversation")
    await stage.step(20)
    # A leg elsewhere is not listened to: the first leg is, and it says nothing.
    assert result(stage)["uuid"] == reply.uuid
    assert result(stage)["speech"]["timeout_reason"] == "start_timeout"


async def test_input_of_both_a_key_overrides_speech(stage: SimulatorHarness) -> None:
    call = await stage.ring([both(stage, maxDigits=2)])
    await call.say("hello there")
    await stage.step(1)
    await call.press("12")
    await stage.step(1)
    got = result(stage)
    assert got["dtmf"] == {"digits": "12", "timed_out": False}
    assert got["speech"] == {"error": "Speech overridden by DTMF"}


async def test_input_of_both_speech_alone_leaves_digits_null(stage: SimulatorHarness) -> None:
    call = await stage.ring([both(stage, maxDigits=2)])
    await call.say("hello there")
    await stage.step(6)
    got = result(stage)
    assert got["dtmf"]["digits"] is None
    assert got["speech"]["results"][0]["text"] == "hello there"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("results", {"results": []}),
        ("error", {"error": "Speech was not enabled"}),
        ("absent", None),
    ],
)
async def test_conflicts_speech_part_of_a_keys_only_input_is_a_setting(
    make_stage: Any, form: str, expected: Any
) -> None:
    stage = await make_stage(dtmf_only_speech=form)
    call = await stage.ring([keys(stage, maxDigits=1)])
    await call.press("1")
    await stage.step(0)
    assert result(stage).get("speech") == expected


async def test_notify_sends_its_payload_without_a_uuid_and_waits(stage: SimulatorHarness) -> None:
    stage.on("/notify", web.Response(status=204))
    notify = {
        "action": "notify",
        "payload": {"foo": "bar"},
        "eventUrl": [stage.url("/notify")],
    }
    call = await stage.ring([notify, talk("after")])
    await stage.step(5)
    (got,) = stage.sent_to("/notify")
    assert got.fields == {
        "payload": {"foo": "bar"},
        "conversation_uuid": call.conversation_uuid,
        "timestamp": "2023-11-14T22:13:20.000Z",
    }
    assert await call.texts() == ["after"]


async def test_notify_reply_with_an_ncco_replaces_the_rest(stage: SimulatorHarness) -> None:
    stage.on("/notify", [talk("loud and clear")])
    notify = {"action": "notify", "payload": {}, "eventUrl": [stage.url("/notify")]}
    call = await stage.ring([notify, talk("never heard")])
    await stage.step(5)
    assert await call.texts() == ["loud and clear"]


async def test_notify_event_method_get_sends_the_payload_as_json_text(
    stage: SimulatorHarness,
) -> None:
    notify = {
        "action": "notify",
        "payload": {"a b": [1]},
        "eventUrl": [stage.url("/notify?flow=x")],
        "eventMethod": "GET",
    }
    await stage.ring([notify])
    await stage.step(1)
    (got,) = stage.sent_to("/notify")
    assert got.fields["flow"] == "x"
    assert got.fields["payload"] == '{"a b":[1]}'


@pytest.mark.parametrize("bad", [{"payload": "text"}, {"payload": None}, {"eventUrl": None}])
async def test_notify_needs_a_payload_and_an_event_url(
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    notify = {"action": "notify", "payload": {}, "eventUrl": [stage.url("/notify")]}
    await stage.ring([notify | bad])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


@pytest.mark.parametrize(
    "ncco",
    [
        pytest.param({"action": "talk", "text": "hello"}, id="an object"),
        pytest.param(["talk"], id="a text for an action"),
        pytest.param([{"action": "sing"}], id="an unknown action"),
        pytest.param([{"text": "hello"}], id="no action"),
        pytest.param([{"action": "pay", "amount": 5}], id="the retired pay"),
    ],
)
async def test_invalid_ncco_drops_the_call_after_a_second_with_an_error_event(
    stage: SimulatorHarness, ncco: Any
) -> None:
    call = await stage.ring(ncco)
    assert await call.status() == "ringing"
    await stage.step(1)
    assert await call.status() == "completed"
    (error,) = stage.events(reason=SYNTAX_ERROR)
    assert set(error) == {"reason", "conversation_uuid", "timestamp"}
    assert len(stage.sent_to("/answer")) == 1
