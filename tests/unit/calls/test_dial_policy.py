"""Whom the owner's API lets be called: 403 with the reason, and nothing dialled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.calls.api_harness import HERE, LEG, NUMBER, connect

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

ELSEWHERE = "https://evil.example/ncco"
# Not allowed; denied; an unknown country.
CLOSED = ["12025550123", "449000000000", "881600000000"]


@pytest.mark.parametrize("number", CLOSED)
def test_a_number_that_may_not_be_called_is_not_dialled(stage: ApiHarness, number: str) -> None:
    reply = stage.place(to=[{"type": "phone", "number": number}])
    assert (reply.status, reply.body["code"]) == (403, "not_allowed")
    assert number not in str(reply.body)
    assert stage.vonage.asked == []


def test_the_second_number_may_be_called_where_nothing_is_opened(stage: ApiHarness) -> None:
    stage.settle_in(ALLOWED_PREFIXES="")
    assert stage.place(to=[{"type": "phone", "number": "447700900001"}]).status == 201
    assert stage.place().status == 403


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
def test_a_sip_address_that_may_not_be_called_is_not_dialled(stage: ApiHarness, uri: str) -> None:
    assert stage.place(to=[{"type": "sip", "uri": uri}]).status == 403
    assert stage.vonage.asked == []


INLINE: list[list[dict[str, Any]]] = [
    [connect()],
    [{"action": "talk", "text": "Wait"}, connect()],
    [connect(NUMBER, onAnswer={"url": ELSEWHERE})],
    [connect(NUMBER, onAnswer={"url": f"{HERE}.evil.example/webhooks/answer"})],
    [{"action": "connect", "endpoint": [{"type": "sip", "uri": "sip:a@evil.example"}]}],
    [{"action": "connect", "endpoint": [{"type": "sip", "user": "a", "domain": "evil.example"}]}],
    [{"action": "input", "type": ["dtmf"], "eventUrl": [ELSEWHERE]}],
    [{"action": "notify", "payload": {}, "eventUrl": [ELSEWHERE]}],
    [connect(NUMBER) | {"eventType": "synchronous", "eventUrl": [ELSEWHERE]}],
    [connect(NUMBER) | {"eventUrl": [ELSEWHERE]}],
]


@pytest.mark.parametrize("ncco", INLINE, ids=range(len(INLINE)))
def test_what_an_inline_ncco_hides_is_found(stage: ApiHarness, ncco: list[dict[str, Any]]) -> None:
    assert stage.place(flow=None, ncco=ncco).status == 403
    assert stage.transfer(ncco=ncco).status == 403
    assert stage.vonage.asked == []


FOREIGN = [
    ELSEWHERE,
    f"{HERE}.evil.example/webhooks/answer",
    f"{HERE}/calls",
    HERE.replace("https", "http") + "/webhooks/answer",
    f"https://evil.example/?{HERE}/webhooks/answer",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_an_ncco_from_elsewhere_is_refused(stage: ApiHarness, url: str) -> None:
    assert stage.place(flow=None, answer_url=[url]).status == 403
    assert stage.transfer(url=[url]).status == 403
    assert stage.vonage.asked == []


def test_keys_go_nowhere_else_either(stage: ApiHarness) -> None:
    reply = stage.ask("PUT", f"/calls/{LEG}/input/dtmf", {"event_url": [ELSEWHERE]})
    assert reply.status == 403
    assert stage.vonage.asked == []


def test_a_setting_lets_nccos_come_from_elsewhere(stage: ApiHarness) -> None:
    stage.settle_in(FOREIGN_ANSWER_URLS="allow")
    assert stage.place(flow=None, answer_url=[ELSEWHERE]).status == 201
    assert stage.transfer(url=[ELSEWHERE]).status == 204


def test_that_setting_opens_no_number(stage: ApiHarness) -> None:
    stage.settle_in(FOREIGN_ANSWER_URLS="allow")
    assert stage.place(to=[{"type": "phone", "number": CLOSED[0]}]).status == 403
    assert stage.transfer(ncco=[connect()]).status == 403


def test_harmless_callbacks_of_an_inline_ncco_may_lead_elsewhere(stage: ApiHarness) -> None:
    ncco = [{"action": "record", "eventUrl": [ELSEWHERE]}, {"action": "talk", "text": "Hello"}]
    assert stage.place(flow=None, ncco=ncco).status == 201


def test_callbacks_of_an_inline_ncco_may_lead_here(stage: ApiHarness) -> None:
    ncco = [{"action": "input", "type": ["dtmf"], "eventUrl": [f"{HERE}/webhooks/dtmf?flow=x"]}]
    assert stage.place(flow=None, ncco=ncco).status == 201


# Transfers that dial


def test_a_transfer_that_dials_is_counted(stage: ApiHarness) -> None:
    assert stage.transfer(ncco=[connect(NUMBER), connect(NUMBER)]).status == 204
    assert stage.rung("2027-01-15") == 2


def test_a_transfer_that_dials_is_refused_when_the_day_is_spent(stage: ApiHarness) -> None:
    stage.settle_in(CALLS_PER_DAY="1")
    assert stage.transfer(ncco=[connect(NUMBER), connect(NUMBER)]).status == 403
    assert stage.vonage.asked == []


def test_a_transfer_that_dials_is_refused_when_dialling_is_off(stage: ApiHarness) -> None:
    stage.switch("off")
    assert stage.transfer(ncco=[connect(NUMBER)]).status == 403
    assert stage.vonage.asked == []


def test_a_transfer_that_dials_nobody_needs_no_switch(stage: ApiHarness) -> None:
    stage.switch("off")
    assert stage.transfer(ncco=[{"action": "talk", "text": "Hello"}]).status == 204


def test_nobody_takes_an_ncco_from_elsewhere_when_dialling_is_off(stage: ApiHarness) -> None:
    stage.settle_in(FOREIGN_ANSWER_URLS="allow")
    stage.switch("off")
    asks = {"action": "input", "type": ["dtmf"], "eventUrl": [ELSEWHERE]}
    assert stage.transfer(url=[ELSEWHERE]).status == 403
    assert stage.transfer(ncco=[asks]).status == 403
    assert stage.vonage.asked == []
    assert stage.transfer(flow="greet").status == 204


def test_the_base_url_that_is_set_is_the_one_that_counts(stage: ApiHarness) -> None:
    stage.settle_in(PUBLIC_BASE_URL="https://voice.example.com")
    assert stage.place(flow=None, answer_url=[f"{HERE}/webhooks/answer"]).status == 403
    own = "https://voice.example.com/webhooks/answer"
    assert stage.place(flow=None, answer_url=[own]).status == 201
