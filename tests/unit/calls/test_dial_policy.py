"""The dial policy in the admin API: 403 with the reason, and nothing is dialed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.calls.api_harness import BASE_URL, LEG, NUMBER, connect

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

BOT = "wss://bot.example.com/ws"
OTHER_HOST = "https://evil.example/ncco"
# Not allowed; denied; an unknown country.
NOT_ALLOWED = ["12025550123", "449000000000", "881600000000"]


@pytest.mark.parametrize("number", NOT_ALLOWED)
def test_a_number_outside_the_dial_policy_is_not_dialed(api: ApiHarness, number: str) -> None:
    response = api.place(to=[{"type": "phone", "number": number}])
    assert (response.status, response.body["code"]) == (403, "not_allowed")
    assert number not in str(response.body)
    assert api.vonage.requests == []


def test_without_allowed_prefixes_only_the_second_number_is_called(api: ApiHarness) -> None:
    api.configure(ALLOWED_PREFIXES="")
    assert api.place(to=[{"type": "phone", "number": "447700900001"}]).status == 201
    assert api.place().status == 403


@pytest.mark.parametrize(
    "uri",
    [
        "sip:a@evil.example",
        "sip:a@pbx.example.com.evil.example",
        "sip:a@sub.pbx.example.com",
        "sip:a%40pbx.example.com@evil.example",
        "sip:a@pbx.example.com;maddr=evil.example",
        "sip:449000000000@pbx.example.com",
    ],
)
def test_a_sip_uri_outside_the_dial_policy_is_not_dialed(api: ApiHarness, uri: str) -> None:
    assert api.place(to=[{"type": "sip", "uri": uri}]).status == 403
    assert api.vonage.requests == []


INLINE: list[list[dict[str, Any]]] = [
    [connect()],
    [{"action": "talk", "text": "Wait"}, connect()],
    [connect(NUMBER, onAnswer={"url": OTHER_HOST})],
    [connect(NUMBER, onAnswer={"url": f"{BASE_URL}.evil.example/webhooks/answer"})],
    [{"action": "connect", "endpoint": [{"type": "sip", "uri": "sip:a@evil.example"}]}],
    [{"action": "connect", "endpoint": [{"type": "sip", "user": "a", "domain": "evil.example"}]}],
    [{"action": "input", "type": ["dtmf"], "eventUrl": [OTHER_HOST]}],
    [{"action": "notify", "payload": {}, "eventUrl": [OTHER_HOST]}],
    [connect(NUMBER) | {"eventType": "synchronous", "eventUrl": [OTHER_HOST]}],
    [connect(NUMBER) | {"eventUrl": [OTHER_HOST]}],
]


@pytest.mark.parametrize("ncco", INLINE, ids=range(len(INLINE)))
def test_every_endpoint_and_url_of_an_inline_ncco_is_checked(
    api: ApiHarness, ncco: list[dict[str, Any]]
) -> None:
    assert api.place(flow=None, ncco=ncco).status == 403
    assert api.transfer(ncco=ncco).status == 403
    assert api.vonage.requests == []


def socket(uri: str) -> dict[str, Any]:
    return {"type": "websocket", "uri": uri, "content-type": "audio/l16;rate=16000"}


@pytest.mark.parametrize("agent", ["", BOT], ids=["no agent", "an agent"])
def test_only_the_agents_websocket_server_is_called(api: ApiHarness, agent: str) -> None:
    api.configure(AGENT=agent)
    other = socket("wss://evil.example/ws")
    connects = [{"action": "connect", "endpoint": [other]}]
    assert api.place(to=[other]).body["code"] == "not_allowed"
    assert api.place(flow=None, ncco=connects).status == 403
    assert api.transfer(ncco=connects).status == 403
    assert api.vonage.requests == []


def test_the_agents_websocket_server_is_called(api: ApiHarness) -> None:
    api.configure(AGENT=BOT)
    connects = [{"action": "connect", "endpoint": [socket(BOT)]}]
    assert api.place(to=[socket(BOT)]).status == 201
    assert api.transfer(ncco=connects).status == 204


FOREIGN = [
    OTHER_HOST,
    f"{BASE_URL}.evil.example/webhooks/answer",
    f"{BASE_URL}/calls",
    BASE_URL.replace("https", "http") + "/webhooks/answer",
    f"https://evil.example/?{BASE_URL}/webhooks/answer",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_an_ncco_url_on_another_host_is_refused(api: ApiHarness, url: str) -> None:
    assert api.place(flow=None, answer_url=[url]).status == 403
    assert api.transfer(url=[url]).status == 403
    assert api.vonage.requests == []


def test_digits_cannot_be_sent_to_another_host(api: ApiHarness) -> None:
    response = api.send("PUT", f"/calls/{LEG}/input/dtmf", {"event_url": [OTHER_HOST]})
    assert response.status == 403
    assert api.vonage.requests == []


def test_a_setting_allows_ncco_urls_on_other_hosts(api: ApiHarness) -> None:
    api.configure(FOREIGN_ANSWER_URLS="allow")
    assert api.place(flow=None, answer_url=[OTHER_HOST]).status == 201
    assert api.transfer(url=[OTHER_HOST]).status == 204


def test_that_setting_allows_no_other_number(api: ApiHarness) -> None:
    api.configure(FOREIGN_ANSWER_URLS="allow")
    assert api.place(to=[{"type": "phone", "number": NOT_ALLOWED[0]}]).status == 403
    assert api.transfer(ncco=[connect()]).status == 403


def test_callbacks_whose_response_is_not_an_ncco_can_go_to_another_host(api: ApiHarness) -> None:
    ncco = [{"action": "record", "eventUrl": [OTHER_HOST]}, {"action": "talk", "text": "Hello"}]
    assert api.place(flow=None, ncco=ncco).status == 201


def test_callbacks_of_an_inline_ncco_can_go_to_this_application(api: ApiHarness) -> None:
    ncco = [{"action": "input", "type": ["dtmf"], "eventUrl": [f"{BASE_URL}/webhooks/dtmf?flow=x"]}]
    assert api.place(flow=None, ncco=ncco).status == 201


# Transfers that dial


def test_a_transfer_that_dials_is_counted(api: ApiHarness) -> None:
    assert api.transfer(ncco=[connect(NUMBER), connect(NUMBER)]).status == 204
    assert api.callees_counted("2027-01-15") == 2


def test_a_transfer_that_dials_is_refused_at_the_daily_call_limit(api: ApiHarness) -> None:
    api.configure(CALLS_PER_DAY="1")
    assert api.transfer(ncco=[connect(NUMBER), connect(NUMBER)]).status == 403
    assert api.vonage.requests == []


def test_a_transfer_that_dials_is_refused_when_dialing_is_off(api: ApiHarness) -> None:
    api.set_dialing("off")
    assert api.transfer(ncco=[connect(NUMBER)]).status == 403
    assert api.vonage.requests == []


def test_a_transfer_that_dials_nobody_works_when_dialing_is_off(api: ApiHarness) -> None:
    api.set_dialing("off")
    assert api.transfer(ncco=[{"action": "talk", "text": "Hello"}]).status == 204


def test_an_ncco_from_another_host_is_refused_when_dialing_is_off(api: ApiHarness) -> None:
    api.configure(FOREIGN_ANSWER_URLS="allow")
    api.set_dialing("off")
    asks = {"action": "input", "type": ["dtmf"], "eventUrl": [OTHER_HOST]}
    assert api.transfer(url=[OTHER_HOST]).status == 403
    assert api.transfer(ncco=[asks]).status == 403
    assert api.vonage.requests == []
    assert api.transfer(flow="greet").status == 204


def test_ncco_urls_must_begin_with_the_public_base_url(api: ApiHarness) -> None:
    api.configure(PUBLIC_BASE_URL="https://voice.example.com")
    assert api.place(flow=None, answer_url=[f"{BASE_URL}/webhooks/answer"]).status == 403
    own = "https://voice.example.com/webhooks/answer"
    assert api.place(flow=None, answer_url=[own]).status == 201
