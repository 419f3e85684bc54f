"""Application API and Numbers API: what it takes to link an application and a number."""

from base64 import b64encode
from typing import Any

import pytest

from tests.simulator.conftest import API_SECRET
from tests.simulator.harness import NUMBER, SECOND_NUMBER, SimulatorHarness, SimulatorResponse, talk

VOICE = {
    "webhooks": {
        "answer_url": {"address": "https://example.com/answer", "http_method": "POST"},
        "event_url": {"address": "https://example.com/event", "http_method": "POST"},
    },
    "signed_callbacks": False,
    "region": "na-east",
}


async def account_request(
    harness: SimulatorHarness,
    method: str,
    path: str,
    body: Any = None,
    secret: str = API_SECRET,
    **more: Any,
) -> SimulatorResponse:
    """Send a request with the account's credentials."""
    credentials = b64encode(f"{harness.simulator.api_key}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    return await harness.request(method, path, body, headers, **more)


async def link(harness: SimulatorHarness, number: str, application_id: str) -> SimulatorResponse:
    form = f"country=GB&msisdn={number}&app_id={application_id}".encode()
    return await account_request(harness, "POST", "/number/update", data=form)


async def test_create_returns_the_private_key_of_a_new_key_pair_once(
    harness: SimulatorHarness,
) -> None:
    created = await account_request(harness, "POST", "/v2/applications", {"name": "mine"})
    assert created.status == 201
    assert "PRIVATE KEY" in created.json["keys"]["private_key"]
    read = await account_request(harness, "GET", f"/v2/applications/{created.json['id']}")
    assert set(read.json["keys"]) == {"public_key"}


async def test_create_with_a_public_key_stores_it(
    harness: SimulatorHarness, public_pem: str
) -> None:
    body = {"name": "mine", "keys": {"public_key": public_pem}, "capabilities": {"voice": VOICE}}
    created = await account_request(harness, "POST", "/v2/applications", body)
    assert created.json["keys"] == {"public_key": public_pem}
    assert created.json["capabilities"]["voice"] == VOICE


async def test_update_changes_the_answer_url(harness: SimulatorHarness) -> None:
    harness.on("/elsewhere", [talk("from elsewhere")])
    webhooks = {"answer_url": {"address": harness.url("/elsewhere"), "http_method": "POST"}}
    body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks}}}
    path = f"/v2/applications/{harness.simulator.application_id}"
    assert (await account_request(harness, "PUT", path, body)).status == 200
    call = await harness.receive_call()
    await harness.step(2)
    assert await call.texts() == ["from elsewhere"]
    assert harness.sent_to("/elsewhere")[0].method == "POST"


async def test_update_signed_callbacks_off_sends_unsigned_webhooks(
    harness: SimulatorHarness,
) -> None:
    webhooks = {"answer_url": {"address": harness.url("/answer")}}
    voice = {"webhooks": webhooks, "signed_callbacks": False}
    path = f"/v2/applications/{harness.simulator.application_id}"
    await account_request(harness, "PUT", path, {"name": "mine", "capabilities": {"voice": voice}})
    await harness.receive_call([talk("hello")])
    assert "Authorization" not in harness.sent_to("/answer")[0].headers


@pytest.mark.parametrize("name", ["connection_timeout", "connect_timeout"])
async def test_conflicts_both_names_of_the_connect_timeout_are_accepted(
    harness: SimulatorHarness, name: str
) -> None:
    for value, status in ((300, 200), (1000, 200), (299, 400), (1001, 400)):
        webhooks = {"answer_url": {"address": "https://example.com/a", name: value}}
        body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks}}}
        path = f"/v2/applications/{harness.simulator.application_id}"
        assert (await account_request(harness, "PUT", path, body)).status == status


async def test_list_is_paged(harness: SimulatorHarness) -> None:
    await account_request(harness, "POST", "/v2/applications", {"name": "second"})
    body = (await account_request(harness, "GET", "/v2/applications?page_size=1&page=2")).json
    assert (body["total_items"], body["total_pages"], body["page"]) == (2, 2, 2)
    assert [one["name"] for one in body["_embedded"]["applications"]] == ["second"]
    assert set(body["_links"]) == {"self", "first", "last", "prev"}


async def test_delete_unlinks_its_numbers(harness: SimulatorHarness) -> None:
    path = f"/v2/applications/{harness.simulator.application_id}"
    assert (await account_request(harness, "DELETE", path)).status == 204
    assert (await account_request(harness, "GET", path)).status == 404
    ringing = await harness.control("POST", "/calls", {"from": "447700900999", "to": NUMBER})
    assert ringing.status == 404


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a", "color": 1}, "color"),
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
    harness: SimulatorHarness, body: dict[str, Any], name: str
) -> None:
    response = await account_request(harness, "POST", "/v2/applications", body)
    assert response.status == 400
    assert response.json["type"].startswith("https://developer.nexmo.com/api-errors")
    assert [one["name"] for one in response.json["invalid_parameters"]] == [name]


async def test_invalid_credentials_are_401_with_problem_details(harness: SimulatorHarness) -> None:
    for path in ("/v2/applications", "/account/numbers"):
        response = await account_request(harness, "GET", path, secret="wrong")
        assert response.status == 401
        assert set(response.json) == {"type", "title", "detail", "instance"}


async def test_an_applications_token_is_401(harness: SimulatorHarness) -> None:
    assert (await harness.api("GET", "/v2/applications")).status == 401


async def test_numbers_list_shows_the_linked_application(harness: SimulatorHarness) -> None:
    body = (await account_request(harness, "GET", "/account/numbers")).json
    assert body["count"] == 2
    assert {number["msisdn"] for number in body["numbers"]} == {NUMBER, SECOND_NUMBER}
    assert body["numbers"][0]["app_id"] == harness.simulator.application_id


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
async def test_numbers_list_filters(harness: SimulatorHarness, query: str, found: int) -> None:
    body = (await account_request(harness, "GET", f"/account/numbers?{query}")).json
    assert body.get("count", 0) == found


async def test_numbers_update_links_a_number_to_another_application(
    harness: SimulatorHarness,
) -> None:
    harness.on("/second", [talk("second")])
    webhooks = {"answer_url": {"address": harness.url("/second")}}
    body = {"name": "second", "capabilities": {"voice": {"webhooks": webhooks}}}
    created = await account_request(harness, "POST", "/v2/applications", body)
    linked = await link(harness, SECOND_NUMBER, created.json["id"])
    assert linked.json == {"error-code": "200", "error-code-label": "success"}
    call = await harness.receive_call(to=SECOND_NUMBER)
    await harness.step(2)
    assert await call.texts() == ["second"]
    # The first application's token does not see the second's call.
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).status == 404


async def test_numbers_update_rejects_unknown_numbers_and_applications(
    harness: SimulatorHarness,
) -> None:
    assert (await link(harness, "447700900777", harness.simulator.application_id)).json[
        "error-code"
    ] == "420"
    assert (await link(harness, NUMBER, "unknown")).json["error-code"] == "420"
