"""Voice API: every path of /v1/calls, its errors, its limits; tokens; the call state machine."""

import asyncio
import time
from typing import Any

import jwt
import pytest
from aiohttp import web

from tests.simulator.conftest import API_SECRET
from tests.simulator.harness import (
    CALLEE,
    CALLER,
    NUMBER,
    SECOND_NUMBER,
    HarnessCall,
    SimulatorHarness,
    talk,
)
from tests.simulator.test_ncco_talk_and_stream import audio_file

FOREVER = [talk("again", loop=0)]
STATE_ERROR = {"type": "BAD_REQUEST", "error_title": "Bad Request"}


def parameters(response: Any) -> list[str]:
    """Return the names of the parameters that a 400 reports."""
    assert response.status == 400, response.raw
    assert (response.json["type"], response.json["title"]) == (400, "Bad Request")
    return [parameter["name"] for parameter in response.json["invalid_parameters"]]


async def answered_call(harness: SimulatorHarness) -> HarnessCall:
    """Return an answered outbound call."""
    call = await harness.place_call(FOREVER)
    await harness.step(2)
    return call


# POST /v1/calls


async def test_create_returns_201_with_uuid_status_direction_and_conversation(
    harness: SimulatorHarness,
) -> None:
    body = {
        "to": [{"type": "phone", "number": CALLEE}],
        "from": {"type": "phone", "number": NUMBER},
        "ncco": FOREVER,
    }
    response = await harness.api("POST", "/v1/calls", body)
    assert response.status == 201
    assert set(response.json) == {"uuid", "status", "direction", "conversation_uuid"}
    assert (response.json["status"], response.json["direction"]) == ("started", "outbound")
    assert response.json["conversation_uuid"].startswith("CON-")


async def test_create_with_ncco_runs_it_when_the_callee_answers(harness: SimulatorHarness) -> None:
    call = await harness.place_call([talk("This is a text to speech call")])
    await harness.step(0.9)
    assert await call.texts() == []
    await harness.step(0.2)
    assert await call.texts() == ["This is a text to speech call"]


async def test_create_answer_method_post(harness: SimulatorHarness) -> None:
    harness.on("/answer", [talk("hello")])
    await harness.place_call(None, answer_url=[harness.url("/answer")], answer_method="POST")
    await harness.step(2)
    assert harness.sent_to("/answer")[0].method == "POST"


async def test_create_random_from_number(harness: SimulatorHarness) -> None:
    body = {"to": [{"type": "phone", "number": CALLEE}], "random_from_number": True, "ncco": []}
    assert (await harness.api("POST", "/v1/calls", body)).status == 201
    await harness.step(0)
    assert harness.events(status="started")[0]["from"] in (NUMBER, SECOND_NUMBER)


async def test_create_length_timer_ends_the_call(harness: SimulatorHarness) -> None:
    await harness.place_call(FOREVER, length_timer=5)
    await harness.step(5.9)
    assert not harness.events(status="completed")
    await harness.step(0.2)
    assert harness.events(status="completed")[0]["disconnected_by"] == "platform"


async def test_create_ringing_timer_ends_with_timeout(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="no_answer")
    await harness.place_call(FOREVER, ringing_timer=20)
    await harness.step(20)
    assert harness.statuses() == ["started", "ringing", "timeout", "completed"]


async def test_create_dtmf_answer_is_played_to_the_callee(harness: SimulatorHarness) -> None:
    endpoint = {"type": "phone", "number": CALLEE, "dtmfAnswer": "1p2"}
    call = await harness.place_call(FOREVER, to=[endpoint])
    await harness.step(3)
    assert [sound["digits"] for sound in await call.heard("dtmf")] == ["1p2"]


@pytest.mark.parametrize(
    "endpoint",
    [
        {"type": "phone", "number": CALLEE},
        {"type": "sip", "uri": "sip:jo@example.com", "headers": {"a": "b"}},
        {"type": "vbc", "extension": "123"},
        {"type": "app", "user": "jo"},
    ],
)
async def test_create_calls_every_type_of_endpoint(
    harness: SimulatorHarness, endpoint: dict[str, Any]
) -> None:
    call = await harness.place_call(FOREVER, to=[endpoint])
    await harness.step(2)
    body = (await harness.api("GET", f"/v1/calls/{call.uuid}")).json
    assert body["status"] == "answered"
    assert body["to"]["type"] == endpoint["type"]


GOOD = {
    "to": [{"type": "phone", "number": CALLEE}],
    "from": {"type": "phone", "number": NUMBER},
    "ncco": FOREVER,
}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"to": None}, "to"),
        ({"to": {"type": "phone", "number": CALLEE}}, "to"),
        ({"to": []}, "to"),
        ({"to": [{"type": "phone"}]}, "number"),
        ({"to": [{"type": "phone", "number": "12345678901234567890"}]}, "number"),
        ({"to": [{"type": "carrier pigeon"}]}, "type"),
        ({"to": [{"type": "sip", "uri": "example.com"}]}, "uri"),
        ({"to": ["447700900555"]}, "endpoint"),
        ({"from": None}, "from"),
        ({"from": "me"}, "from"),
        ({"from": True}, "from"),
        (
            {"to": [{"type": "websocket", "uri": "wss://x", "content-type": "audio/mp3"}]},
            "content-type",
        ),
        ({"random_from_number": "perhaps"}, "random_from_number"),
        ({"length_timer": "long"}, "length_timer"),
        ({"length_timer": "86401"}, "length_timer"),
        ({"from": {"type": "phone", "number": "abc"}}, "number"),
        ({"from": {"type": "sip", "number": NUMBER}}, "type"),
        ({"random_from_number": True}, "random_from_number"),
        ({"ncco": {"action": "talk"}}, "ncco"),
        ({"ncco": [{"action": "sing"}]}, "ncco"),
        ({"answer_url": ["https://example.com"]}, "ncco"),
        ({"event_url": "https://example.com"}, "event_url"),
        ({"event_url": ["not a url"]}, "event_url"),
        ({"event_method": "DELETE"}, "event_method"),
        ({"machine_detection": "maybe"}, "machine_detection"),
        ({"advanced_machine_detection": {"mode": "x"}}, "mode"),
        ({"advanced_machine_detection": {"beep_timeout": 121}}, "beep_timeout"),
        ({"length_timer": 0}, "length_timer"),
        ({"length_timer": 86401}, "length_timer"),
        ({"ringing_timer": 121}, "ringing_timer"),
        ({"ringing_timer": True}, "ringing_timer"),
    ],
)
async def test_create_rejects_invalid_fields_with_400_and_their_name(
    harness: SimulatorHarness, change: dict[str, Any], name: str
) -> None:
    assert parameters(await harness.api("POST", "/v1/calls", GOOD | change)) == [name]


async def test_create_requires_exactly_one_of_ncco_and_answer_url(
    harness: SimulatorHarness,
) -> None:
    body = {name: value for name, value in GOOD.items() if name != "ncco"}
    assert parameters(await harness.api("POST", "/v1/calls", body)) == ["ncco"]


async def test_create_answer_url_must_be_an_array(harness: SimulatorHarness) -> None:
    body = {name: value for name, value in GOOD.items() if name != "ncco"}
    body["answer_url"] = "https://example.com"
    assert parameters(await harness.api("POST", "/v1/calls", body)) == ["answer_url"]


async def test_create_requires_an_event_url_when_the_application_has_none(
    make_harness: Any,
) -> None:
    harness = await make_harness(event=False)
    assert parameters(await harness.api("POST", "/v1/calls", GOOD)) == ["event_url"]
    with_url = GOOD | {"event_url": ["https://example.com/event"]}
    assert (await harness.api("POST", "/v1/calls", with_url)).status == 201


# GET /v1/calls


async def three_calls(harness: SimulatorHarness) -> list[HarnessCall]:
    """Return three calls, a minute apart, of which the first has ended."""
    calls = []
    for _ in range(3):
        calls.append(await harness.place_call(FOREVER))
        await harness.step(60)
    await calls[0].hang_up()
    return calls


async def listed(harness: SimulatorHarness, query: str) -> list[str]:
    """Return the uuids of a list."""
    response = await harness.api("GET", f"/v1/calls?{query}")
    assert response.status == 200, response.raw
    return [call["uuid"] for call in response.json["_embedded"]["calls"]]


async def test_list_is_a_hal_page_of_ten_in_ascending_order(harness: SimulatorHarness) -> None:
    calls = await three_calls(harness)
    body = (await harness.api("GET", "/v1/calls")).json
    assert (body["count"], body["page_size"], body["record_index"]) == (3, 10, 0)
    assert set(body["_links"]) == {"self", "first", "last"}
    assert [call["uuid"] for call in body["_embedded"]["calls"]] == [call.uuid for call in calls]


async def test_list_order_desc(harness: SimulatorHarness) -> None:
    calls = await three_calls(harness)
    assert await listed(harness, "order=desc") == [call.uuid for call in reversed(calls)]


async def test_list_status(harness: SimulatorHarness) -> None:
    calls = await three_calls(harness)
    assert await listed(harness, "status=completed") == [calls[0].uuid]
    assert await listed(harness, "status=busy") == []


async def test_list_date_start_and_date_end(harness: SimulatorHarness) -> None:
    calls = await three_calls(harness)
    query = "date_start=2023-11-14T22:14:00Z&date_end=2023-11-14T22:15:00Z"
    assert await listed(harness, query) == [calls[1].uuid]


async def test_list_conversation_uuid(harness: SimulatorHarness) -> None:
    calls = await three_calls(harness)
    query = f"conversation_uuid={calls[2].conversation_uuid}"
    assert await listed(harness, query) == [calls[2].uuid]


async def test_list_page_size_and_record_index_with_links(harness: SimulatorHarness) -> None:
    calls = await three_calls(harness)
    body = (await harness.api("GET", "/v1/calls?page_size=1&record_index=1")).json
    assert [call["uuid"] for call in body["_embedded"]["calls"]] == [calls[1].uuid]
    assert {name: link["href"] for name, link in body["_links"].items()} == {
        "self": "/v1/calls?page_size=1&record_index=1",
        "first": "/v1/calls?page_size=1",
        "last": "/v1/calls?page_size=1&record_index=2",
        "prev": "/v1/calls?page_size=1&record_index=0",
        "next": "/v1/calls?page_size=1&record_index=2",
    }


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=sleeping", "status"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=ten", "page_size"),
        ("record_index=-1", "record_index"),
        ("order=up", "order"),
        ("date_start=yesterday", "date_start"),
    ],
)
async def test_list_rejects_an_invalid_filter(
    harness: SimulatorHarness, query: str, name: str
) -> None:
    assert parameters(await harness.api("GET", f"/v1/calls?{query}")) == [name]


async def test_legs_are_stored_for_two_days(harness: SimulatorHarness) -> None:
    call = await harness.place_call([])
    await harness.step(2 * 86400)
    assert (await harness.api("GET", "/v1/calls")).json["count"] == 1
    await harness.step(60)
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).status == 404
    assert (await harness.api("GET", "/v1/calls")).json["count"] == 0
    assert (await harness.control("GET", f"/calls/{call.uuid}")).status == 404
    assert (await harness.control("GET", "")).json["calls_forgotten"] == 1


# GET /v1/calls/{uuid}


async def test_get_returns_a_call_in_progress(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).json == {
        "_links": {"self": {"href": f"/v1/calls/{call.uuid}"}},
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "to": {"type": "phone", "number": CALLEE},
        "from": {"type": "phone", "number": NUMBER},
        "status": "answered",
        "direction": "outbound",
    }


async def test_get_returns_price_and_times_of_a_completed_call(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    await harness.step(28)
    await call.hang_up()
    body = (await harness.api("GET", f"/v1/calls/{call.uuid}")).json
    assert body["status"] == "completed"
    assert body["start_time"] == "2023-11-14T22:13:21.000Z"
    assert body["end_time"] == "2023-11-14T22:13:50.000Z"
    assert (body["duration"], body["rate"]) == ("29", "0.00720000")
    assert (body["price"], body["network"]) == ("0.00348000", "23433")


async def test_get_of_an_unknown_call_is_404(harness: SimulatorHarness) -> None:
    assert (await harness.api("GET", "/v1/calls/unknown")).status == 404


async def test_get_in_another_region_is_404(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    port = harness.simulator.http_url.rpartition(":")[2]
    headers = {"Authorization": f"Bearer {harness.token()}"}
    found = [
        (
            await harness.request(
                "GET",
                f"/v1/calls/{call.uuid}",
                headers=headers | {"Host": f"{host}.localhost:{port}"},
            )
        ).status
        for host in ("api-eu-3", "api-us-3", "api")
    ]
    assert found == [200, 404, 200]


# PUT /v1/calls/{uuid}


async def test_modify_hangup_ends_the_leg_with_204(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    response = await call.put({"action": "hangup"})
    assert (response.status, response.raw) == (204, b"")
    assert harness.events(status="completed")[0]["disconnected_by"] == "platform"


async def test_modify_hangup_too_early_is_400_even_if_answered(
    harness: SimulatorHarness,
) -> None:
    call = await harness.place_call(FOREVER)
    await harness.step(1.2)
    assert await call.status() == "answered"
    assert (await call.put({"action": "hangup"})).status == 400


async def test_modify_hangup_of_a_call_that_was_just_placed_is_400(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.place_call(FOREVER)
    await harness.step(1)
    response = await call.put({"action": "hangup"})
    assert (response.status, response.json) == (400, STATE_ERROR)
    await harness.step(1)
    assert (await call.put({"action": "hangup"})).status == 204
    assert harness.statuses(call.uuid) == ["started", "ringing", "cancelled", "completed"]


async def test_modify_after_the_end_is_404(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    await call.hang_up()
    assert (await call.put({"action": "hangup"})).status == 404


async def test_modify_mute_and_unmute(harness: SimulatorHarness) -> None:
    first = await harness.receive_call([{"action": "conversation", "name": "room"}])
    second = await harness.receive_call([{"action": "conversation", "name": "room"}])
    assert (await first.put({"action": "mute"})).status == 204
    await first.say("not heard")
    await harness.step(3)
    assert (await first.put({"action": "unmute"})).status == 204
    await first.say("heard")
    await harness.step(3)
    assert [sound["text"] for sound in await second.heard("speech")] == ["heard"]


async def test_modify_earmuff_and_unearmuff(harness: SimulatorHarness) -> None:
    first = await harness.receive_call([{"action": "conversation", "name": "room"}])
    second = await harness.receive_call([{"action": "conversation", "name": "room"}])
    assert (await second.put({"action": "earmuff"})).status == 204
    await first.say("not heard")
    await harness.step(3)
    assert (await second.put({"action": "unearmuff"})).status == 204
    await first.say("heard")
    await harness.step(3)
    assert [sound["text"] for sound in await second.heard("speech")] == ["heard"]


async def test_modify_earmuff_stops_the_sounds_that_the_leg_hears(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call(FOREVER)
    await harness.step(2)
    await call.put({"action": "earmuff"})
    assert (await call.heard("talk"))[0]["to_ms"] == 2000


async def test_modify_transfer_inline_runs_the_ncco_in_a_new_conversation(
    harness: SimulatorHarness,
) -> None:
    call = await answered_call(harness)
    destination = {"type": "ncco", "ncco": [talk("transferred", loop=0)]}
    response = await call.put({"action": "transfer", "destination": destination})
    assert response.status == 204
    assert (await call.texts())[-1] == "transferred"
    (event,) = harness.events(type="transfer")
    assert event["conversation_uuid_from"] == call.conversation_uuid
    assert event["conversation_uuid_to"] == (await call.view())["conversation_uuid"]
    assert set(event) == {
        "conversation_uuid_from",
        "conversation_uuid_to",
        "uuid",
        "type",
        "timestamp",
    }


async def test_modify_transfer_url_is_fetched_like_an_answer_webhook(
    harness: SimulatorHarness,
) -> None:
    call = await answered_call(harness)
    harness.on("/other", [talk("from the url", loop=0)])
    destination = {"type": "ncco", "url": [harness.url("/other")]}
    assert (await call.put({"action": "transfer", "destination": destination})).status == 204
    assert (await call.texts())[-1] == "from the url"
    (webhook,) = harness.sent_to("/other")
    assert (webhook.method, webhook.fields["uuid"]) == ("GET", call.uuid)


async def test_modify_transfer_of_one_leg_leaves_the_other_to_be_transferred_too(
    harness: SimulatorHarness,
) -> None:
    connect = {"action": "connect", "from": NUMBER, "endpoint": GOOD["to"]}
    call = await harness.receive_call([connect])
    await harness.step(3)
    called = await harness.called_leg()
    room = {"type": "ncco", "ncco": [{"action": "conversation", "name": "hold"}]}
    assert (await call.put({"action": "transfer", "destination": room})).status == 204
    assert (await called.put({"action": "transfer", "destination": room})).status == 204
    await call.say("together again")
    await harness.step(3)
    assert [sound["text"] for sound in await called.heard("speech")] == ["together again"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "action"),
        ({"action": "explode"}, "action"),
        ({"action": ["hangup"]}, "action"),
        ({"action": "transfer"}, "destination"),
        ({"action": "transfer", "destination": {"type": "x", "url": ["https://x.y"]}}, "type"),
        ({"action": "transfer", "destination": {"type": "ncco"}}, "destination"),
        ({"action": "transfer", "destination": {"type": "ncco", "url": "https://x.y"}}, "url"),
        ({"action": "transfer", "destination": {"type": "ncco", "ncco": {"ncco": []}}}, "ncco"),
    ],
)
async def test_modify_rejects_invalid_fields_with_400_and_their_name(
    harness: SimulatorHarness, body: dict[str, Any], name: str
) -> None:
    call = await answered_call(harness)
    assert parameters(await call.put(body)) == [name]


@pytest.mark.parametrize("action", ["mute", "unmute", "earmuff", "unearmuff", "transfer"])
async def test_modify_before_the_call_is_answered_is_400(
    harness: SimulatorHarness, action: str
) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.place_call(FOREVER)
    await harness.step(5)
    body: dict[str, Any] = {"action": action}
    if action == "transfer":
        body["destination"] = {"type": "ncco", "ncco": []}
    response = await call.put(body)
    assert (response.status, response.json) == (400, STATE_ERROR)


# Talk, stream, digits


async def test_talk_into_a_call_starts_and_stops(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    body = {"text": "Hello", "language": "en-GB", "style": 1, "loop": 0, "level": "0.4"}
    response = await call.put(body, "/talk")
    assert (response.status, response.json) == (
        200,
        {"message": "Talk started", "uuid": call.uuid},
    )
    await harness.step(5)
    stopped = await harness.api("DELETE", f"/v1/calls/{call.uuid}/talk")
    assert stopped.json == {"message": "Talk stopped", "uuid": call.uuid}
    heard = (await call.heard("talk"))[-1]
    assert (heard["text"], heard["language"]) == ("Hello", "en-GB")
    assert heard["to_ms"] - heard["from_ms"] == 5000


async def test_talk_into_a_call_ignores_the_node_snippets_action(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    assert (await call.put({"text": "Hello", "action": "talk"}, "/talk")).status == 200


async def test_stream_into_a_call_starts_and_stops(harness: SimulatorHarness) -> None:
    harness.on("/music.wav", audio_file(3))
    call = await answered_call(harness)
    response = await call.put({"stream_url": [harness.url("/music.wav")], "loop": 0}, "/stream")
    assert response.json == {"message": "Stream started", "uuid": call.uuid}
    await harness.step(10)
    stopped = await harness.api("DELETE", f"/v1/calls/{call.uuid}/stream")
    assert stopped.json == {"message": "Stream stopped", "uuid": call.uuid}
    heard = (await call.heard("stream"))[-1]
    assert heard["to_ms"] - heard["from_ms"] == 10_000


class SlowFile:
    """An endless stream whose file the application's server does not send yet."""

    def __init__(self, harness: SimulatorHarness) -> None:
        self._requested, self._released = asyncio.Event(), asyncio.Event()
        self.release = self._released.set
        self.body = {"stream_url": [harness.url("/slow.wav")], "loop": 0}
        harness.on("/slow.wav", lambda webhook: self._response())

    async def requested(self) -> None:
        """Wait until the simulator has requested the file."""
        await self._requested.wait()

    async def _response(self) -> web.Response:
        self._requested.set()
        await self._released.wait()
        return audio_file(3)


async def test_stream_stops_while_its_file_is_fetched(harness: SimulatorHarness) -> None:
    file = SlowFile(harness)
    call = await answered_call(harness)
    path = f"/v1/calls/{call.uuid}/stream"
    await harness.api("PUT", path, file.body)
    await file.requested()
    assert (await harness.api("DELETE", path)).status == 200
    file.release()
    await harness.step(5)
    assert await call.heard("stream") == []


async def test_stream_replaces_one_whose_file_is_fetched(harness: SimulatorHarness) -> None:
    file = SlowFile(harness)
    harness.on("/second.wav", audio_file(3))
    call = await answered_call(harness)
    path = f"/v1/calls/{call.uuid}/stream"
    await harness.api("PUT", path, file.body)
    await file.requested()
    await harness.api("PUT", path, {"stream_url": [harness.url("/second.wav")], "loop": 0})
    file.release()
    await harness.step(5)
    await harness.api("DELETE", path)
    (heard,) = await call.heard("stream")
    assert heard["url"] == harness.url("/second.wav")
    assert heard["to_ms"] - heard["from_ms"] == 5000


async def test_dtmf_into_a_call(harness: SimulatorHarness) -> None:
    call = await answered_call(harness)
    response = await call.put({"digits": "1p#*"}, "/dtmf")
    assert response.json == {"message": "DTMF sent", "uuid": call.uuid}
    assert (await call.heard("dtmf"))[-1]["digits"] == "1p#*"


async def test_dtmf_into_a_call_accepts_the_curl_snippets_bare_number(
    harness: SimulatorHarness,
) -> None:
    call = await answered_call(harness)
    assert (await call.put({"digits": 1713}, "/dtmf")).status == 200
    assert (await call.heard("dtmf"))[-1]["digits"] == "1713"


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/talk", {}, "text"),
        ("/talk", {"text": 5}, "text"),
        ("/talk", {"text": "x", "level": 2}, "level"),
        ("/talk", {"text": "x", "style": "loud"}, "style"),
        ("/talk", {"text": "x", "premium": "yes"}, "premium"),
        ("/stream", {}, "stream_url"),
        ("/stream", {"stream_url": "https://example.com/a.mp3"}, "stream_url"),
        ("/stream", {"stream_url": []}, "stream_url"),
        ("/stream", {"stream_url": ["https://x.y"], "loop": -1}, "loop"),
        ("/dtmf", {}, "digits"),
        ("/dtmf", {"digits": "12a"}, "digits"),
        ("/dtmf", {"digits": ""}, "digits"),
        ("/dtmf", {"digits": True}, "digits"),
        ("/input/dtmf", {}, "event_url"),
        ("/input/dtmf", {"event_url": "VOICE_EVENT_URL"}, "event_url"),
        ("/input/dtmf", {"eventUrl": ["https://x.y"]}, "event_url"),
    ],
)
async def test_media_rejects_invalid_fields_with_400_and_their_name(
    harness: SimulatorHarness, path: str, body: dict[str, Any], name: str
) -> None:
    call = await answered_call(harness)
    assert parameters(await call.put(body, path)) == [name]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/talk", {"text": "x"}),
        ("/stream", {"stream_url": ["https://x.y/a.mp3"]}),
        ("/dtmf", {"digits": "1"}),
        ("/input/dtmf", {"event_url": ["https://x.y"]}),
    ],
)
async def test_media_on_a_call_that_is_not_active_is_400_then_404(
    harness: SimulatorHarness, path: str, body: dict[str, Any]
) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.place_call(FOREVER)
    response = await call.put(body, path)
    assert (response.status, response.json) == (400, STATE_ERROR)
    await call.hang_up()
    assert (await call.put(body, path)).status == 404


async def test_input_dtmf_subscription_gets_each_digit_until_it_is_deleted(
    harness: SimulatorHarness,
) -> None:
    listen = {"action": "input", "type": ["dtmf"], "mode": "asynchronous"}
    call = await harness.receive_call([listen, *FOREVER])
    response = await call.put({"event_url": [harness.url("/keys")]}, "/input/dtmf")
    assert (response.status, response.raw) == (200, b"")
    await call.press("1")
    await harness.step(1)
    stopped = await harness.api("DELETE", f"/v1/calls/{call.uuid}/input/dtmf")
    assert (stopped.status, stopped.raw) == (200, b"")
    await call.press("2")
    await harness.step(1)
    assert [webhook.fields["dtmf"]["digits"] for webhook in harness.sent_to("/keys")] == ["1"]


async def test_input_dtmf_subscription_requires_asynchronous_input(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call(FOREVER)
    assert (await call.put({"event_url": [harness.url("/keys")]}, "/input/dtmf")).status == 200
    await call.press("1")
    await harness.step(1)
    assert not harness.sent_to("/keys")


# Errors and limits


async def test_responses_have_vonages_headers(harness: SimulatorHarness) -> None:
    response = await harness.api("GET", "/v1/calls")
    assert response.headers["Server"] == "nginx"
    assert response.headers["Content-Disposition"] == 'attachment; filename="api.txt"'
    assert response.headers["X-Nexmo-Trace-Id"]


async def test_errors_of_an_invalid_type_have_the_text_of_captured_traffic(
    harness: SimulatorHarness,
) -> None:
    call = await answered_call(harness)
    response = await call.put({"stream_url": "https://example.com"}, "/stream")
    reason = response.json["invalid_parameters"][0]["reason"]
    assert reason.startswith("Invalid type parameter provided")


async def test_limits_three_calls_a_second_then_429(harness: SimulatorHarness) -> None:
    statuses = [(await harness.api("POST", "/v1/calls", GOOD)).status for _ in range(4)]
    assert statuses == [201, 201, 201, 429]
    await harness.step(1)
    assert (await harness.api("POST", "/v1/calls", GOOD)).status == 201


async def test_limits_fifteen_other_requests_a_second_then_429(harness: SimulatorHarness) -> None:
    statuses = [(await harness.api("GET", "/v1/calls")).status for _ in range(16)]
    assert statuses == [200] * 15 + [429]


# Tokens


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"application_id": None}, id="no application_id"),
        pytest.param({"application_id": "another"}, id="unknown application"),
        pytest.param({"iat": None}, id="no iat"),
        pytest.param({"jti": None}, id="no jti"),
        pytest.param({"iat": int(time.time()) + 3600}, id="iat ahead"),
        pytest.param({"exp": int(time.time()) - 10}, id="expired"),
        pytest.param({"exp": int(time.time()) + 90_000}, id="exp more than 24 h after iat"),
        pytest.param({"exp": "soon"}, id="exp that is not a number"),
        pytest.param({"nbf": int(time.time()) + 3600}, id="not yet valid"),
    ],
)
async def test_token_is_rejected_with_401(
    harness: SimulatorHarness, changes: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {harness.token(**changes)}"}
    assert (await harness.request("GET", "/v1/calls", headers=headers)).status == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer é", "x" * 2000]
)
async def test_token_malformed_is_401(harness: SimulatorHarness, header: str) -> None:
    response = await harness.request("GET", "/v1/calls", headers={"Authorization": header})
    assert response.status == 401


async def test_token_signed_with_another_algorithm_is_401(harness: SimulatorHarness) -> None:
    now = int(time.time())
    claims = {"application_id": harness.simulator.application_id, "iat": now, "jti": "x"}
    token = jwt.encode(claims, API_SECRET * 3, algorithm="HS256")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await harness.request("GET", "/v1/calls", headers=headers)).status == 401


async def test_token_without_exp_or_with_acl_and_sub_is_accepted(harness: SimulatorHarness) -> None:
    for changes in ({"exp": None}, {"sub": "jo", "acl": {"paths": {"/*/legs/**": {}}}}):
        headers = {"Authorization": f"Bearer {harness.token(**changes)}"}
        assert (await harness.request("GET", "/v1/calls", headers=headers)).status == 200


# Call states


async def api_calls(harness: SimulatorHarness, status: str) -> list[dict[str, Any]]:
    """Return the calls that GET /v1/calls lists with a status."""
    calls: list[dict[str, Any]] = (await harness.api("GET", f"/v1/calls?status={status}")).json[
        "_embedded"
    ]["calls"]
    return calls


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("answer", ["started", "ringing", "answered", "completed"]),
        ("busy", ["started", "ringing", "busy", "completed"]),
        ("no_answer", ["started", "ringing", "timeout", "completed"]),
        ("unavailable", ["started", "ringing", "unanswered", "completed"]),
        ("invalid", ["started", "ringing", "failed", "completed"]),
        ("reject", ["started", "ringing", "rejected"]),
    ],
)
async def test_states_of_an_outbound_call(
    harness: SimulatorHarness, behaviour: str, expected: list[str]
) -> None:
    await harness.callee(behaviour=behaviour)
    call = await harness.place_call([talk("hello")])
    await harness.step(70)
    assert harness.statuses(call.uuid) == expected


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("busy", "busy"),
        ("no_answer", "timeout"),
        ("unavailable", "unanswered"),
        ("invalid", "failed"),
        ("reject", "rejected"),
    ],
)
async def test_status_of_an_unanswered_call_remains_with_duration_0_and_empty_times(
    harness: SimulatorHarness, behaviour: str, status: str
) -> None:
    await harness.callee(behaviour=behaviour)
    call = await harness.place_call([talk("hello")])
    await harness.step(70)
    (view,) = await api_calls(harness, status)
    assert (view["uuid"], view["status"], view["duration"]) == (call.uuid, status, "0")
    assert (view["start_time"], view["end_time"], view["price"]) == ("", "", "0.00000000")
    assert not await api_calls(harness, "completed")
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).json == view


async def test_status_of_an_outbound_call_hung_up_before_the_answer_remains_cancelled(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="no_answer")
    call = await harness.place_call([talk("hello")])
    await harness.step(2)
    assert (await call.put({"action": "hangup"})).status == 204
    (view,) = await api_calls(harness, "cancelled")
    assert (view["uuid"], view["duration"], view["end_time"]) == (call.uuid, "0", "")


async def test_status_of_an_inbound_caller_who_gives_up_is_cancelled(
    make_harness: Any,
) -> None:
    harness = await make_harness()
    harness.on("/answer", {"bad": 1})
    call = await harness.receive_call()
    await call.hang_up()
    (view,) = await api_calls(harness, "cancelled")
    assert (view["uuid"], view["direction"], view["duration"]) == (call.uuid, "inbound", "0")
    assert harness.events(status="completed")[0]["duration"] == "0"


async def test_status_of_an_answered_call_is_completed_with_its_times(
    harness: SimulatorHarness,
) -> None:
    await harness.place_call([talk("hello")])
    await harness.step(10)
    (view,) = await api_calls(harness, "completed")
    assert view["start_time"].endswith(".000Z")
    assert view["end_time"].endswith(".000Z")


async def test_states_of_an_inbound_call_that_is_hung_up_during_ringing(make_harness: Any) -> None:
    harness = await make_harness()
    harness.on("/answer", {"bad": 1})
    call = await harness.receive_call()
    await call.hang_up()
    assert harness.statuses(call.uuid) == ["started", "ringing", "cancelled", "completed"]
    assert harness.events(status="completed")[0]["from"] == CALLER
