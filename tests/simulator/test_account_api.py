"""Application API and Numbers API: what is needed to wire an application and a number."""

from base64 import b64encode
from typing import Any

import pytest

from tests.simulator.conftest import API_SECRET
from tests.simulator.harness import NUMBER, SECOND_NUMBER, SimulatorHarness, WebhookReply, talk

VOICE = {
    "webhooks": {
        "answer_url": {"address": "https://example.com/answer", "http_method": "POST"},
        "event_url": {"address": "https://example.com/event", "http_method": "POST"},
    },
    "signed_callbacks": False,
    "region": "na-east",
}


async def ask(
    stage: SimulatorHarness,
    method: str,
    path: str,
    body: Any = None,
    secret: str = API_SECRET,
    **more: Any,
) -> WebhookReply:
    """Send a request with the account's credentials."""
    credentials = b64encode(f"{stage.simulator.api_key}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    return await stage.request(method, path, body, headers, **more)


async def link(stage: SimulatorHarness, number: str, application_id: str) -> WebhookReply:
    """Link a number to an application."""
    form = f"country=GB&msisdn={number}&app_id={application_id}".encode()
    return await ask(stage, "POST", "/number/update", data=form)


async def test_create_makes_a_key_pair_and_shows_the_private_half_once(
    stage: SimulatorHarness,
) -> None:
    created = await ask(stage, "POST", "/v2/applications", {"name": "mine"})
    assert created.status == 201
    assert "PRIVATE KEY" in created.json["keys"]["private_key"]
    read = await ask(stage, "GET", f"/v2/applications/{created.json['id']}")
    assert set(read.json["keys"]) == {"public_key"}


async def test_create_with_a_public_key_keeps_it(stage: SimulatorHarness, public_pem: str) -> None:
    body = {"name": "mine", "keys": {"public_key": public_pem}, "capabilities": {"voice": VOICE}}
    created = await ask(stage, "POST", "/v2/applications", body)
    assert created.json["keys"] == {"public_key": public_pem}
    assert created.json["capabilities"]["voice"] == VOICE


async def test_update_changes_where_calls_are_answered(stage: SimulatorHarness) -> None:
    stage.on("/elsewhere", [talk("from elsewhere")])
    webhooks = {"answer_url": {"address": stage.url("/elsewhere"), "http_method": "POST"}}
    body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks}}}
    path = f"/v2/applications/{stage.simulator.application_id}"
    assert (await ask(stage, "PUT", path, body)).status == 200
    call = await stage.ring()
    await stage.step(2)
    assert await call.texts() == ["from elsewhere"]
    assert stage.sent_to("/elsewhere")[0].method == "POST"


async def test_update_signed_callbacks_off_sends_unsigned_webhooks(stage: SimulatorHarness) -> None:
    webhooks = {"answer_url": {"address": stage.url("/answer")}}
    voice = {"webhooks": webhooks, "signed_callbacks": False}
    path = f"/v2/applications/{stage.simulator.application_id}"
    await ask(stage, "PUT", path, {"name": "mine", "capabilities": {"voice": voice}})
    await stage.ring([talk("hello")])
    assert "Authorization" not in stage.sent_to("/answer")[0].headers


@pytest.mark.parametrize("name", ["connection_timeout", "connect_timeout"])
async def test_conflicts_both_names_of_the_connect_timeout_are_taken(
    stage: SimulatorHarness, name: str
) -> None:
    for value, status in ((300, 200), (1000, 200), (299, 400), (1001, 400)):
        webhooks = {"answer_url": {"address": "https://example.com/a", name: value}}
        body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks}}}
        path = f"/v2/applications/{stage.simulator.application_id}"
        assert (await ask(stage, "PUT", path, body)).status == status


async def test_list_is_paged(stage: SimulatorHarness) -> None:
    await ask(stage, "POST", "/v2/applications", {"name": "second"})
    body = (await ask(stage, "GET", "/v2/applications?page_size=1&page=2")).json
    assert (body["total_items"], body["total_pages"], body["page"]) == (2, 2, 2)
    assert [one["name"] for one in body["_embedded"]["applications"]] == ["second"]
    assert set(body["_links"]) == {"self", "first", "last", "prev"}


async def test_delete_unlinks_its_numbers(stage: SimulatorHarness) -> None:
    path = f"/v2/applications/{stage.simulator.application_id}"
    assert (await ask(stage, "DELETE", path)).status == 204
    assert (await ask(stage, "GET", path)).status == 404
    ringing = await stage.sim("POST", "/calls", {"from": "447700900999", "to": NUMBER})
    assert ringing.status == 404


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a", "colour": 1}, "colour"),
        ({"name": "a", "keys": {"public_key": "no key"}}, "keys.public_key"),
        ({"name": "a", "capabilities": {"flying": {}}}, "capabilities.flying"),
        ({"name": "a", "capabilities": {"voice": {"region": "moon"}}}, "region"),
        ({"name": "a", "capabilities": {"voice": {"leg_persistence_time": 32}}},
         "leg_persistence_time"),
        ({"name": "a", "capabilities": {"voice": {"conversations_ttl": 9001}}},
         "conversations_ttl"),
        ({"name": "a", "capabilities": {"voice": {"webhooks": {"answer_url": {"address": "x"}}}}},
         "capabilities.voice.webhooks.answer_url.address"),
    ],
)  # fmt: skip
async def test_validation_names_the_parameter(
    stage: SimulatorHarness, body: dict[str, Any], name: str
) -> None:
    answered = await ask(stage, "POST", "/v2/applications", body)
    assert answered.status == 400
    assert answered.json["type"].startswith("https://developer.nexmo.com/api-errors")
    assert [one["name"] for one in answered.json["invalid_parameters"]] == [name]


async def test_wrong_credentials_are_401_in_the_gateways_style(stage: SimulatorHarness) -> None:
    for path in ("/v2/applications", "/account/numbers"):
        answered = await ask(stage, "GET", path, secret="wrong")
        assert answered.status == 401
        assert set(answered.json) == {"type", "title", "detail", "instance"}


async def test_an_applications_token_is_no_credential_here(stage: SimulatorHarness) -> None:
    assert (await stage.api("GET", "/v2/applications")).status == 401


async def test_numbers_list_shows_what_they_are_linked_to(stage: SimulatorHarness) -> None:
    body = (await ask(stage, "GET", "/account/numbers")).json
    assert body["count"] == 2
    assert {number["msisdn"] for number in body["numbers"]} == {NUMBER, SECOND_NUMBER}
    assert body["numbers"][0]["app_id"] == stage.simulator.application_id


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("pattern=4477&search_pattern=0", 2),
        ("pattern=0002&search_pattern=2", 1),
        ("pattern=9000&search_pattern=1", 2),
        ("pattern=555&search_pattern=0", 0),
        ("has_application=true", 2),
        ("has_application=false", 0),
        ("size=1", 2),
    ],
)
async def test_numbers_list_filters(stage: SimulatorHarness, query: str, found: int) -> None:
    body = (await ask(stage, "GET", f"/account/numbers?{query}")).json
    assert body.get("count", 0) == found


async def test_numbers_update_links_a_number_to_another_application(
    stage: SimulatorHarness,
) -> None:
    stage.on("/second", [talk("second")])
    webhooks = {"answer_url": {"address": stage.url("/second")}}
    body = {"name": "second", "capabilities": {"voice": {"webhooks": webhooks}}}
    created = await ask(stage, "POST", "/v2/applications", body)
    linked = await link(stage, SECOND_NUMBER, created.json["id"])
    assert linked.json == {"error-code": "200", "error-code-label": "success"}
    call = await stage.ring(to=SECOND_NUMBER)
    await stage.step(2)
    assert await call.texts() == ["second"]
    # The first application's token does not see the second's call.
    assert (await stage.api("GET", f"/v1/calls/{call.uuid}")).status == 404


async def test_numbers_update_refuses_unknown_numbers_and_applications(
    stage: SimulatorHarness,
) -> None:
    assert (await link(stage, "447700900777", stage.simulator.application_id)).json[
        "error-code"
    ] == "420"
    assert (await link(stage, NUMBER, "unknown")).json["error-code"] == "420"
