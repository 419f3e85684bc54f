"""Vonage's Node SDK with the HTTPS port, changing only its host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sdk.conftest import PUBLIC_HOST
from tests.simulator.conftest import SIGNATURE_SECRET
from tests.simulator.harness import CALLEE, CLIENT_ACL, NUMBER, SimulatorHarness, talk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sdk.conftest import NodePackages

FOREVER = [talk("hello", loop=0)]
CALL = {
    "to": [{"type": "phone", "number": CALLEE}],
    "from": {"type": "phone", "number": NUMBER},
    "ncco": FOREVER,
    "lengthTimer": 60,
    "ringingTimer": 30,
}


def errors(results: list[Any]) -> list[Any]:
    """Return the results that are errors."""
    return [one for one in results if isinstance(one, dict) and "error" in one]


async def answered_call(harness: SimulatorHarness, node: NodePackages) -> str:
    """Return the UUID of an answered call."""
    (created,) = await node.call(["voice.createOutboundCall", CALL])
    await harness.step(2)
    return str(created["uuid"])


async def test_calls_are_created_found_and_listed(
    harness: SimulatorHarness, node: NodePackages
) -> None:
    created = await node.call(*[["voice.createOutboundCall", CALL]] * 3)
    assert [one["status"] for one in created] == ["started"] * 3
    await harness.step(2)
    found, page, every, searched = await node.call(
        ["voice.getCall", created[0]["uuid"]],
        ["voice.getCallsPage", {"pageSize": 2}],
        ["voice.getAllCalls", {"pageSize": 2}],
        ["voice.search", {"status": "answered"}],
    )
    assert (found["status"], found["conversationUUID"]) == (
        "answered",
        created[0]["conversationUUID"],
    )
    assert (page["count"], len(page["_embedded"]["calls"])) == (3, 2)
    assert [one["uuid"] for one in every] == [one["uuid"] for one in created]
    assert searched["count"] == 3


async def test_a_call_to_each_type_of_endpoint_is_created(node: NodePackages) -> None:
    endpoints = (
        {"type": "sip", "uri": "sip:jo@example.com", "headers": {"a": "b"}},
        # The SDK's own type has contentType; samples spell it content_type.
        {"type": "websocket", "uri": "ws://127.0.0.1:9/", "contentType": "audio/l16;rate=16000"},
        {"type": "websocket", "uri": "ws://127.0.0.1:9/", "content_type": "audio/l16;rate=16000"},
        {"type": "app", "user": "jo"},
        {"type": "vbc", "extension": "123"},
    )
    results = await node.call(
        *[["voice.createOutboundCall", CALL | {"to": [endpoint]}] for endpoint in endpoints]
    )
    assert not errors(results)


async def test_a_call_is_modified(harness: SimulatorHarness, node: NodePackages) -> None:
    harness.on("/other", FOREVER)
    uuid = await answered_call(harness, node)
    results = await node.call(
        ["voice.muteCall", uuid],
        ["voice.unmuteCall", uuid],
        ["voice.earmuffCall", uuid],
        ["voice.unearmuffCall", uuid],
        ["voice.playDTMF", uuid, "1p2#"],
        ["voice.playTTS", uuid, {"text": "hi", "style": "2", "premium": True, "loop": 1}],
        ["voice.stopTTS", uuid],
        ["voice.streamAudio", uuid, harness.url("/music.mp3"), 0, 0.5],
        ["voice.stopStreamAudio", uuid],
        ["voice.subscribeDTMF", uuid, harness.url("/keys")],
        ["voice.unsubscribeDTMF", uuid],
        ["voice.transferCallWithNCCO", uuid, FOREVER],
        ["voice.transferCallWithURL", uuid, harness.url("/other")],
    )
    assert not errors(results)
    await harness.step(1)
    assert len(harness.sent_to("/other")) == 1
    assert await node.call(["voice.hangupCall", uuid]) == [None]
    await harness.step(1)
    (ended,) = await node.call(["voice.getCall", uuid])
    assert ended["status"] == "completed"


@pytest.mark.parametrize("by", ["URL", "id"])
async def test_a_recording_is_downloaded_under_the_public_host(
    harness: SimulatorHarness, node: NodePackages, tmp_path: Path, by: str
) -> None:
    await harness.receive_call([{"action": "record", "timeOut": 3, "transcription": {}}])
    await harness.step(20)
    (event,) = [body for body in harness.events() if "recording_url" in body]
    (done,) = [body for body in harness.events() if "transcription_url" in body]
    urls = [event["recording_url"], done["transcription_url"]]
    assert urls[0].startswith(f"https://{PUBLIC_HOST}:{node.port}/v1/files/")
    if by == "id":
        urls = [url.rpartition("/")[2].partition("?")[0] for url in urls]
    recording, transcription = str(tmp_path / "recording.mp3"), str(tmp_path / "transcription")
    results = await node.call(
        ["voice.downloadRecording", urls[0], recording],
        ["voice.downloadTranscription", urls[1], transcription],
        host=PUBLIC_HOST,
    )
    assert results == [None, None]
    assert (tmp_path / "recording.mp3").stat().st_size == event["size"]
    assert '"transcript"' in (tmp_path / "transcription").read_text()


async def test_an_invalid_request_an_unknown_call_and_another_secret_are_errors(
    node: NodePackages,
) -> None:
    results = await node.call(
        ["voice.createOutboundCall", CALL | {"to": [{"type": "phone", "number": "me"}]}],
        ["voice.getCall", "unknown"],
        ["applications.getApplication", "unknown"],
    )
    assert [one["status"] for one in results] == [400, 404, 404]


async def test_applications(harness: SimulatorHarness, node: NodePackages) -> None:
    webhook = {"address": harness.url("/answer"), "httpMethod": "GET"}
    voice = {"webhooks": {"answerUrl": webhook}, "signedCallbacks": True}
    (created,) = await node.call(
        [
            "applications.createApplication",
            {"name": "mine", "capabilities": {"voice": voice}, "privacy": {"improveAi": False}},
        ]
    )
    assert "PRIVATE KEY" in created["keys"]["privateKey"]
    read, page, every, updated, deleted = await node.call(
        ["applications.getApplication", created["id"]],
        ["applications.listApplications", {"pageSize": 1}],
        ["applications.listAllApplications", {"pageSize": 1}],
        ["applications.updateApplication", created | {"name": "yours"}],
        ["applications.deleteApplication", created["id"]],
    )
    assert read["privacy"]["improveAi"] is False
    assert read["capabilities"]["voice"]["webhooks"]["answerUrl"]["address"] == webhook["address"]
    assert (page["totalItems"], len(every)) == (2, 2)
    assert updated["name"] == "yours"
    assert deleted is None


async def test_numbers(harness: SimulatorHarness, node: NodePackages) -> None:
    (found,) = await node.call(
        ["numbers.getAvailableNumbers", {"country": "GB", "features": ["VOICE"], "size": 1}]
    )
    one = {"country": "GB", "msisdn": found["numbers"][0]["msisdn"]}
    bought, linked, owned = await node.call(
        ["numbers.buyNumber", one],
        ["numbers.updateNumber", one | {"applicationId": harness.simulator.application_id}],
        ["numbers.getOwnedNumbers", {"pattern": one["msisdn"], "index": 1, "size": 100}],
    )
    assert bought == linked == {"errorCode": "200", "errorCodeLabel": "success"}
    assert owned["numbers"][0]["app_id"] == harness.simulator.application_id
    # The CLI unlinks a number by sending it as it is listed, without the application.
    listed = {name: value for name, value in owned["numbers"][0].items() if name != "app_id"}
    unlinked, after, cancelled, again = await node.call(
        ["numbers.updateNumber", listed],
        ["numbers.getOwnedNumbers", {"hasApplication": False}],
        ["numbers.cancelNumber", one],
        ["numbers.cancelNumber", one],
    )
    assert unlinked["errorCode"] == cancelled["errorCode"] == "200"
    assert [number["msisdn"] for number in after["numbers"]] == [one["msisdn"]]
    assert again["status"] == 420


async def test_the_balance(node: NodePackages) -> None:
    assert await node.call(["accounts.getBalance"]) == [{"value": 100, "autoReload": False}]


async def test_users_and_their_tokens(harness: SimulatorHarness, node: NodePackages) -> None:
    created, twice = await node.call(
        ["users.createUser", {"name": "jo", "displayName": "Jo"}],
        ["users.createUser", {"name": "jo"}],
    )
    assert twice["status"] == 400
    read, changed, every, token = await node.call(
        ["users.getUser", created["id"]],
        ["users.updateUser", created | {"displayName": "Joe"}],
        ["users.listAllUsers", {"pageSize": 1}],
        [
            "jwt.tokenGenerate",
            harness.simulator.application_id,
            node.private_pem,
            {"sub": "jo", "acl": CLIENT_ACL},
        ],
    )
    assert (read["name"], changed["displayName"]) == ("jo", "Joe")
    assert [user["id"] for user in every] == [created["id"]]
    checked = (await harness.control("POST", "/tokens", {"token": token})).json
    assert (checked["valid"], checked["problems"]) == (True, [])
    assert await node.call(["users.deleteUser", created["id"]]) == [None]


async def test_a_webhooks_signature_is_verified(
    harness: SimulatorHarness, node: NodePackages
) -> None:
    await harness.receive_call([talk("hello")])
    token = harness.received[0].headers["Authorization"].removeprefix("Bearer ")
    assert await node.call(
        ["jwt.verifySignature", token, SIGNATURE_SECRET],
        ["jwt.verifySignature", token, "another secret"],
    ) == [True, False]
