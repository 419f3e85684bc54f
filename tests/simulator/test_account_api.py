"""Application, Numbers and Account API."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.simulator.conftest import API_SECRET
from tests.simulator.harness import NUMBER, SECOND_NUMBER, SimulatorHarness, SimulatorResponse, talk

VOICE: dict[str, Any] = {
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


async def update_voice(harness: SimulatorHarness, **options: int) -> None:
    """Set options of the application's voice capability, and leave its webhooks."""
    webhooks = {name: {"address": harness.url(f"/{name[:-4]}")} for name in VOICE["webhooks"]}
    body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks} | options}}
    path = f"/v2/applications/{harness.simulator.application_id}"
    assert (await account_request(harness, "PUT", path, body)).status == 200


@pytest.mark.parametrize("days", [1, 4])
async def test_leg_persistence_time_is_how_long_legs_are_stored(
    harness: SimulatorHarness, days: int
) -> None:
    await update_voice(harness, leg_persistence_time=days)
    call = await harness.place_call([])
    await harness.step(days * 86400)
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).status == 200
    await harness.step(60)
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).status == 404


@pytest.mark.parametrize("hours", [1, 60])
async def test_conversations_ttl_is_how_long_an_empty_named_conversation_is_stored(
    harness: SimulatorHarness, hours: int
) -> None:
    await update_voice(harness, conversations_ttl=hours)
    for pause in (hours * 3600, hours * 3600 + 60, 0):
        call = await harness.receive_call([{"action": "conversation", "name": "room"}])
        await call.hang_up()
        await harness.step(pause)
    first, second, third = (
        event["conversation_uuid_to"] for event in harness.events(type="transfer")
    )
    assert first == second != third


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
        ({"name": "a", "keys": {"public_key": "no key"}}, "keys.public_key"),
        ({"name": "a", "privacy": {"improve_ai": "maybe"}}, "improve_ai"),
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


async def test_invalid_credentials_of_the_application_api_are_401_with_problem_details(
    harness: SimulatorHarness,
) -> None:
    response = await account_request(harness, "GET", "/v2/applications", secret="wrong")
    assert response.status == 401
    assert set(response.json) == {"type", "title", "detail", "instance"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account/numbers"),
        ("GET", "/number/search?country=GB"),
        ("POST", "/number/buy"),
        ("GET", "/account/get-balance"),
    ],
)
async def test_invalid_credentials_of_the_other_apis_are_401_with_an_error_code(
    harness: SimulatorHarness, method: str, path: str
) -> None:
    response = await account_request(harness, method, path, secret="wrong")
    assert response.status == 401
    assert response.json == {"error-code": "401", "error-code-label": "authentication failed"}


async def test_update_ignores_unknown_members_and_keeps_improve_ai(
    harness: SimulatorHarness,
) -> None:
    path = f"/v2/applications/{harness.simulator.application_id}"
    body = {"id": "x", "_links": {}, "name": "mine", "capabilities": {"flying": {}, "voice": VOICE}}
    changed = await account_request(harness, "PUT", path, body | {"privacy": {"improve_ai": False}})
    assert changed.status == 200
    again = await account_request(harness, "PUT", path, body)
    assert again.json["privacy"] == {"improve_ai": False}


async def test_improve_ai_is_on_in_a_new_application_unless_it_says_otherwise(
    harness: SimulatorHarness,
) -> None:
    for body, expected in (
        ({"name": "a"}, True),
        ({"name": "a", "privacy": {"improve_ai": "false"}}, False),
    ):
        created = await account_request(harness, "POST", "/v2/applications", body)
        assert created.json["privacy"] == {"improve_ai": expected}


async def test_the_balance_is_a_number_of_euros(harness: SimulatorHarness) -> None:
    response = await account_request(harness, "GET", "/account/get-balance")
    assert response.json == {"value": 100.0, "autoReload": False}


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


async def test_a_number_without_application_in_an_update_is_unlinked(
    harness: SimulatorHarness,
) -> None:
    (listed,) = (await account_request(harness, "GET", f"/account/numbers?pattern={NUMBER}")).json[
        "numbers"
    ]
    # The CLI sends the number as it was listed, without its application.
    form = urlencode({name: value for name, value in listed.items() if name != "app_id"})
    unlinked = await account_request(harness, "POST", "/number/update", data=form.encode())
    assert unlinked.status == 200
    assert (await harness.control("GET", "")).json["numbers"][NUMBER] is None


async def test_a_number_is_found_bought_linked_called_and_cancelled(
    harness: SimulatorHarness,
) -> None:
    path = "/number/search?country=us&features=SMS,VOICE&pattern=99&search_pattern=2"
    found = (await account_request(harness, "GET", path)).json
    assert [one["cost"] for one in found["numbers"]] == ["1.25"]
    number = found["numbers"][0]["msisdn"]
    form = f"country=US&msisdn={number}".encode()
    bought = await account_request(harness, "POST", "/number/buy", data=form)
    assert (bought.status, bought.json["error-code"]) == (200, "200")
    assert (await account_request(harness, "GET", path)).json == {}
    assert (await link(harness, number, harness.simulator.application_id)).status == 200
    await harness.receive_call([talk("hello")], to=number)
    cancelled = await account_request(harness, "POST", "/number/cancel", data=form)
    assert cancelled.status == 200
    assert number not in (await harness.control("GET", "")).json["numbers"]
    again = await account_request(harness, "POST", "/number/cancel", data=form)
    assert again.json == {"error-code": "420", "error-code-label": "method failed"}


async def test_numbers_for_sale_have_pages(harness: SimulatorHarness) -> None:
    pages = [
        (await account_request(harness, "GET", f"/number/search?country=US&size=60&index={index}"))
        for index in (1, 2)
    ]
    found = [one["msisdn"] for page in pages for one in page.json["numbers"]]
    assert len(found) == len(set(found)) == pages[0].json["count"] == 100


@pytest.mark.parametrize(
    "query", ["country=DE", "country=GB&features=MMS", "country=GB&type=landline"]
)
async def test_a_search_that_finds_no_number_is_empty(
    harness: SimulatorHarness, query: str
) -> None:
    assert (await account_request(harness, "GET", f"/number/search?{query}")).json == {}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (f"country=GB&msisdn={NUMBER}", 420),  # owned
        ("country=GB&msisdn=447911123456", 420),  # not for sale
        ("country=US&msisdn=447700900500", 420),  # of another country
        ("country=US", 400),
        ("msisdn=447700900500", 400),
    ],
)
async def test_buy_refuses_numbers_that_are_not_for_sale(
    harness: SimulatorHarness, form: str, status: int
) -> None:
    response = await account_request(harness, "POST", "/number/buy", data=form.encode())
    assert response.status == status
