"""Requests in the forms in which SDKs and samples send them, and which Vonage takes."""

import json
from typing import Any

import pytest

from tests.simulator.harness import CALLEE, NUMBER, SimulatorHarness, SimulatorResponse, talk

PHONE = {"type": "phone", "number": CALLEE}
CALLER = {"type": "phone", "number": NUMBER}
FOREVER = [talk("hello", loop=0)]
SOCKET = {"type": "websocket", "uri": "ws://127.0.0.1:9/socket"}

CREATE = {
    # The PHP SDK sends its default timers as text (php-sdk issue 233).
    "php": {"length_timer": "7200", "ringing_timer": "60", "machine_detection": "continue"},
    "php, the options of its NCCO": {
        "ncco": [
            {"action": "talk", "text": "hi", "bargeIn": "false", "level": "0.5", "loop": "1",
             "style": "2", "premium": "true"},
            {"action": "record", "beepStart": "true", "endOnSilence": "3", "channels": "2",
             "split": "conversation"},
        ]
    },
    "java": {"answer_method": "GET", "random_from_number": True, "from": None},
    "java, without from, as text": {"random_from_number": "true", "from": None},
    ".net": {
        "advanced_machine_detection": {
            "behavior": "continue", "mode": "detect_beep", "beep_timeout": 45,
        },
        "length_timer": 7200,
        "ringing_timer": 60,
    },
    ".net, a provider of text-to-speech": {
        "ncco": [{"action": "talk", "text": "hi", "provider": "ElevenLabs",
                  "providerOptions": {"voice_id": "x"}}]
    },
    "ruby": {
        "to": [{"type": "sip", "uri": "sip:jo@example.com", "headers": {"location": "Leeds"},
                "standard_headers": {"User-to-User": "56a390f3;encoding=hex"}}],
    },
    "ruby, the identity of the caller": {"to": [PHONE | {"shaken": "a.b.c;info=<https://x>"}]},
    "node, members that it adds": {"id": "x", "answerMethod": "GET", "to": [PHONE | {"id": "x"}]},
    "curl, a number as an integer": {
        "to": [{"type": "phone", "number": int(CALLEE)}],
        "from": {"type": "phone", "number": int(NUMBER)},
    },
    "samples, a limit as text": {"limit": "300"},
    "samples, from as text": {"from": NUMBER},
    "samples, from as an integer": {"from": int(NUMBER)},
    "samples, digits as an integer": {"to": [PHONE | {"dtmfAnswer": 12}]},
}  # fmt: skip


async def create(harness: SimulatorHarness, change: dict[str, Any]) -> SimulatorResponse:
    """Place a call with these changes; None omits a member."""
    body = {"to": [PHONE], "from": CALLER, "ncco": FOREVER} | change
    body = {name: value for name, value in body.items() if value is not None}
    return await harness.api("POST", "/v1/calls", body)


@pytest.mark.parametrize("change", CREATE.values(), ids=CREATE.keys())
async def test_a_call_is_created_from_the_forms_of_sdks_and_samples(
    harness: SimulatorHarness, change: dict[str, Any]
) -> None:
    response = await create(harness, change)
    assert response.status == 201, response.raw
    await harness.step(2)
    assert harness.statuses(response.json["uuid"])[:1] == ["started"]


async def test_timers_as_text_have_their_effect(harness: SimulatorHarness) -> None:
    await create(harness, {"length_timer": "5"})
    await harness.step(7)
    assert harness.events(status="completed")[0]["duration"] == "5"


async def test_from_as_text_is_the_caller(harness: SimulatorHarness) -> None:
    await create(harness, {"from": f"+{NUMBER}"})
    await harness.step(0)
    assert harness.events(status="started")[0]["from"] == NUMBER


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"contentType": "audio/l16;rate=8000"},
        {"content_type": "audio/l16;rate=8000"},
        {"content-type": "audio/l16;rate=16000"},
    ],
)
async def test_a_websocket_without_content_type_or_with_another_spelling_speaks_16_khz(
    harness: SimulatorHarness, form: dict[str, str]
) -> None:
    response = await create(harness, {"to": [SOCKET | form]})
    assert response.status == 201, response.raw
    body = (await harness.api("GET", f"/v1/calls/{response.json['uuid']}")).json
    assert body["to"]["content-type"] == "audio/l16;rate=16000"


MODIFY = {
    "php, stream": ("/stream", {"stream_url": ["https://x.y/a.mp3"], "loop": "1", "level": "0"}),
    "php, talk": ("/talk", {"text": "x", "bargeIn": "false", "level": "0.1", "loop": "1"}),
    "php, premium": ("/talk", {"text": "x", "premium": "true"}),
    "node, style as text": ("/talk", {"text": "x", "action": "talk", "style": "11"}),
    "java, talk": (
        "/talk",
        {"text": "x", "loop": 1, "level": 0.0, "premium": False, "style": 0, "language": "en-GB"},
    ),
    "ruby, voice name": ("/talk", {"text": "x", "voice_name": "Salli"}),
    "curl, digits as an integer": ("/dtmf", {"digits": 1234}),
    "php, uuid in the body": ("/dtmf", {"digits": "1#", "uuid": "x"}),
    "node, hangup": ("", {"action": "mute", "id": "x"}),
    ".net, transfer": (
        "",
        {"action": "transfer", "destination": {"type": "ncco", "ncco": FOREVER}},
    ),
}


@pytest.mark.parametrize(("path", "body"), MODIFY.values(), ids=MODIFY.keys())
async def test_a_call_is_modified_from_the_forms_of_sdks_and_samples(
    harness: SimulatorHarness, path: str, body: dict[str, Any]
) -> None:
    call = await harness.place_call(FOREVER)
    await harness.step(2)
    response = await call.put(body, path)
    assert response.status in (200, 204), response.raw


async def test_options_of_an_ncco_may_be_text_and_integers(harness: SimulatorHarness) -> None:
    connect = {"action": "connect", "from": int(NUMBER), "timeout": "45", "limit": "300",
               "endpoint": [{"type": "phone", "number": int(CALLEE)}]}  # fmt: skip
    record = {"action": "record", "endOnKey": 5, "timeOut": "10"}
    await harness.receive_call([record, connect])
    await harness.step(11)
    assert harness.events(to=CALLEE, status="started")[0]["from"] == NUMBER


async def send_as(
    harness: SimulatorHarness, content_type: str, method: str, path: str, body: bytes
) -> SimulatorResponse:
    """Send a body with a content type, as the application."""
    headers = {"Authorization": f"Bearer {harness.token()}", "Content-Type": content_type}
    return await harness.request(method, path, None, headers, data=body)


async def test_a_form_is_415_and_json_sent_as_text_passes(harness: SimulatorHarness) -> None:
    call = await harness.place_call(FOREVER)
    await harness.step(2)
    path = f"/v1/calls/{call.uuid}"
    form = "application/x-www-form-urlencoded"
    refused = await send_as(harness, form, "PUT", path, b"action=mute")
    assert refused.status == 415
    assert refused.json == {
        "type": "UNSUPPORTED_MEDIA_TYPE",
        "error_title": "Unsupported Media Type",
    }
    taken = await send_as(
        harness, "text/plain", "PUT", path, json.dumps({"action": "mute"}).encode()
    )
    assert taken.status == 204


async def test_unknown_filters_of_a_list_are_ignored(harness: SimulatorHarness) -> None:
    response = await harness.api("GET", "/v1/calls?color=blue&page_size=5")
    assert (response.status, response.json["page_size"]) == (200, 5)


async def test_version_2_creates_a_call_like_version_1_with_202(harness: SimulatorHarness) -> None:
    body = {"to": [PHONE], "from": CALLER, "ncco": FOREVER}
    response = await harness.api("POST", "/v2/calls", body)
    assert (response.status, response.json["status"]) == (202, "started")
    await harness.step(2)
    read = await harness.api("GET", f"/v1/calls/{response.json['uuid']}")
    assert read.json["status"] == "answered"


async def test_a_recording_can_be_downloaded_by_its_id(harness: SimulatorHarness) -> None:
    await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(6)
    (event,) = [body for body in harness.events() if "recording_url" in body]
    file_id = event["recording_url"].rpartition("/")[2].partition("?")[0]
    response = await harness.api("GET", f"/v3/files/{file_id}")
    assert (response.status, len(response.raw)) == (200, event["size"])
