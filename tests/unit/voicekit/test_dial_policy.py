"""voicekit.dial_policy: whom an NCCO may call, and the tricks that do not open what is closed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.environment import stack
from voicekit import ncco
from voicekit.dial_policy import (
    DialPolicy,
    DialRefused,
    check_endpoint,
    check_inline_ncco,
    check_ncco,
    check_source,
    count_endpoints,
    policy_from,
)
from voicekit.settings import from_environment

HERE = "https://voice.example.com"
CLOSED = DialPolicy(frozenset(), (), (), frozenset(), HERE)
NUMBER = "447700900123"


def policy(allowed: str = "", denied: str = "", **parts: Any) -> DialPolicy:
    return CLOSED._replace(
        allowed_prefixes=tuple(allowed.split()), denied_prefixes=tuple(denied.split()), **parts
    )


def phone(number: str = NUMBER, **options: Any) -> dict[str, Any]:
    return {"type": "phone", "number": number, **options}


def sip(uri: str) -> dict[str, Any]:
    return {"type": "sip", "uri": uri}


def test_nothing_outside_is_called_where_nothing_is_opened() -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(), CLOSED)


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [("44", ""), (NUMBER, ""), ("447 44", ""), ("4477", "447"), ("447 44", "44"), ("44", "1 45")],
)
def test_a_number_may_be_called_whose_longest_prefix_is_an_allowed_one(
    allowed: str, denied: str
) -> None:
    check_endpoint(phone(), policy(allowed, denied))


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [("", "44"), ("1", ""), ("44", "447"), ("44 4477009", "44770090"), ("4477009001234", "")],
)
def test_a_number_is_refused_whose_longest_prefix_is_a_denied_one_or_that_has_none(
    allowed: str, denied: str
) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(), policy(allowed, denied))


def test_a_prefix_that_is_both_allowed_and_denied_is_denied() -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(), policy("44", "44"))


def test_opening_north_america_need_not_open_the_caribbean() -> None:
    opened = policy("1", "1876")
    check_endpoint(phone("12025550123"), opened)
    with pytest.raises(DialRefused):
        check_endpoint(phone("18765550123"), opened)


def test_the_second_number_may_always_be_called() -> None:
    settings = from_environment(stack(SECOND_NUMBER=NUMBER, DENIED_PREFIXES="44"))
    check_endpoint(phone(), policy_from(settings, HERE))


def test_without_a_second_number_no_number_is_opened() -> None:
    assert policy_from(from_environment(stack(SECOND_NUMBER="")), HERE).numbers == frozenset()


def test_the_reason_does_not_show_the_number() -> None:
    for closed in (CLOSED, policy("44", "447")):
        with pytest.raises(DialRefused) as raised:
            check_endpoint(phone(), closed)
        assert NUMBER not in str(raised.value)


PBX = frozenset(["pbx.example.com"])


@pytest.mark.parametrize(
    "uri",
    [
        "sip:reception@pbx.example.com",
        "sips:reception@pbx.example.com",
        "SIP:reception@PBX.Example.COM",
        "sip:reception@pbx.example.com:5061",
        "sip:reception@pbx.example.com;transport=tls",
        "sip:reception@pbx.example.com:5061;transport=tls",
        "sip:pbx.example.com",
        "sip:1001@pbx.example.com",
    ],
)
def test_a_sip_address_of_an_allowed_domain_may_be_called(uri: str) -> None:
    check_endpoint(sip(uri), policy(sip_domains=PBX))


@pytest.mark.parametrize(
    "uri",
    [
        "sip:a@evil.example",
        "sip:a@sub.pbx.example.com",
        "sip:a@pbx.example.com.evil.example",
        "sip:a@notpbx.example.com",
        "sip:a@pbx.example.com.",
        "sip:pbx.example.com@evil.example",
        "sip:pbx.example.com:5060@evil.example",
        "sip:pbx.example.com;x@evil.example",
        "sip:pbx.example.com?x@evil.example",
        "sip:a@pbx.example.com;x@evil.example",
        "sip:a@pbx.example.com:x@evil.example",
        "sip:a@evil.example@pbx.example.com",
        "sip:a@evil.example;x@pbx.example.com",
        "sip:a@evil.example?x=@pbx.example.com",
        "sip:a@evil.example#@pbx.example.com",
        "sip:a@pbx.example.com;maddr=evil.example",
        "sip:a@pbx.example.com;transport=tls;MADDR=evil.example",
        "sip:a@pbx.example.com;%6Daddr=evil.example",
        "sip:a@pbx.example.com?Route=%3Csip:evil.example%3E",
        "sip:a%40evil.example@pbx.example.com",
        "sip:a@pbx.example.com/evil",
        "sip:a@[::1]",
        "sip:a@",
        "sip:",
        "pbx.example.com",
        "tel:447700900123",
        "sip:a@pbx.example.com\n",
    ],
)
def test_every_other_sip_address_is_refused(uri: str) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(sip(uri), policy(sip_domains=PBX))


def test_no_sip_address_may_be_called_where_no_domain_is_opened() -> None:
    with pytest.raises(DialRefused):
        check_endpoint(sip("sip:a@pbx.example.com"), CLOSED)


@pytest.mark.parametrize(
    "user",
    [
        NUMBER,
        f"+{NUMBER}",
        f"00{NUMBER}",
        f"{NUMBER};phone-context=example.com",
        f"{NUMBER}:password",
        "44-7700-900123",
        "+44.7700.900123",
        "(44)7700900123",
        "%34%347700900123",
        "%2B447700900123",
        f"{NUMBER}{NUMBER}",
    ],
)
def test_a_sip_user_that_is_a_number_is_judged_as_a_number(user: str) -> None:
    # given a gateway of ours that could carry the call on to a telephone
    opened = policy("44", sip_domains=PBX)
    for endpoint in (
        sip(f"sip:{user}@pbx.example.com"),
        {"type": "sip", "user": user, "domain": "pbx.example.com"},
    ):
        # then what the prefixes open may be called through it, and nothing else
        check_endpoint(endpoint, opened)
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, opened._replace(denied_prefixes=("447",)))
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, opened._replace(allowed_prefixes=()))


def test_user_and_domain_are_judged_like_an_address() -> None:
    opened = policy(sip_domains=PBX)
    check_endpoint({"type": "sip", "user": "reception", "domain": "PBX.example.com"}, opened)
    for user, domain in (("a", "evil.example"), ("a@evil.example", "pbx.example.com")):
        with pytest.raises(DialRefused):
            check_endpoint({"type": "sip", "user": user, "domain": domain}, opened)


@pytest.mark.parametrize(
    "endpoint",
    [
        {"type": "app", "user": "alice"},
        {"type": "vbc", "extension": "1001"},
        {"type": "websocket", "uri": "wss://x.example", "content-type": "audio/l16;rate=16000"},
    ],
)
def test_what_rings_no_telephone_may_be_called(endpoint: dict[str, Any]) -> None:
    check_endpoint(endpoint, CLOSED)


def test_an_ncco_for_the_called_side_may_come_from_here() -> None:
    answered = {"url": f"{HERE}/webhooks/answer?flow=greet"}
    check_endpoint(phone(onAnswer=answered), policy("44"))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/webhooks/answer",
        "https://voice.example.com.evil.example/webhooks/answer",
        "https://voice.example.com@evil.example/webhooks/answer",
        "http://voice.example.com/webhooks/answer",
        "https://voice.example.com:8443/webhooks/answer",
        "https://voice.example.com/other",
        "https://voice.example.com",
    ],
)
def test_an_ncco_for_the_called_side_from_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(onAnswer={"url": url}), policy("44"))


def test_every_connect_action_of_an_ncco_is_judged() -> None:
    actions = [
        ncco.talk("Hello."),
        ncco.connect(ncco.app("alice")),
        ncco.connect(ncco.phone(NUMBER)),
    ]
    check_ncco(actions, policy("44"))
    with pytest.raises(DialRefused):
        check_ncco(actions, CLOSED)


# What came with a request


def asking(url: str) -> list[dict[str, Any]]:
    return [ncco.input(dtmf=ncco.dtmf(), event_url=url)]


def test_a_flow_may_call_back_wherever_it_likes_and_a_request_may_not() -> None:
    elsewhere = asking("https://elsewhere.example/ncco")
    check_ncco(elsewhere, CLOSED)
    with pytest.raises(DialRefused):
        check_inline_ncco(elsewhere, CLOSED)


def test_a_request_may_call_back_here() -> None:
    check_inline_ncco(asking(f"{HERE}/webhooks/dtmf?flow=speech"), CLOSED)


def test_a_request_is_judged_by_whom_it_connects_to_as_well() -> None:
    with pytest.raises(DialRefused):
        check_inline_ncco([ncco.connect(phone())], CLOSED)


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/webhooks/answer",
        f"{HERE}.elsewhere.example/webhooks/answer",
        f"{HERE}@elsewhere.example/webhooks/answer",
        f"{HERE}/calls",
        HERE,
    ],
)
def test_an_ncco_is_fetched_from_the_webhooks_of_this_application_alone(url: str) -> None:
    with pytest.raises(DialRefused):
        check_source("answer_url", url, CLOSED)
    check_source("answer_url", url, CLOSED._replace(foreign_nccos=True))


def test_nccos_from_elsewhere_are_let_in_by_the_owners_api_alone() -> None:
    assert policy_from(from_environment(stack()), HERE).foreign_nccos is False


def test_every_endpoint_of_an_ncco_is_counted() -> None:
    assert count_endpoints([ncco.talk("Hello"), ncco.connect(phone()), ncco.connect(phone())]) == 2
