"""voicekit.dial_policy: who may be called, and attempts to bypass the policy."""

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

OWN_ADDRESS = "https://voice.example.com"
NOTHING_ALLOWED = DialPolicy(frozenset(), (), (), frozenset(), OWN_ADDRESS)
NUMBER = "447700900123"


def policy(allowed: str = "", denied: str = "", **parts: Any) -> DialPolicy:
    return NOTHING_ALLOWED._replace(
        allowed_prefixes=tuple(allowed.split()), denied_prefixes=tuple(denied.split()), **parts
    )


def phone(number: str = NUMBER, **options: Any) -> dict[str, Any]:
    return {"type": "phone", "number": number, **options}


def sip(uri: str) -> dict[str, Any]:
    return {"type": "sip", "uri": uri}


def test_no_number_is_allowed_by_default() -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(), NOTHING_ALLOWED)


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [("44", ""), (NUMBER, ""), ("447 44", ""), ("4477", "447"), ("447 44", "44"), ("44", "1 45")],
)
def test_a_number_is_allowed_if_its_longest_prefix_is_allowed(allowed: str, denied: str) -> None:
    check_endpoint(phone(), policy(allowed, denied))


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [("", "44"), ("1", ""), ("44", "447"), ("44 4477009", "44770090"), ("4477009001234", "")],
)
def test_a_number_is_denied_if_its_longest_prefix_is_denied_or_missing(
    allowed: str, denied: str
) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(), policy(allowed, denied))


def test_a_prefix_that_is_both_allowed_and_denied_is_denied() -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(), policy("44", "44"))


def test_allowing_north_america_does_not_require_allowing_the_caribbean() -> None:
    allowing = policy("1", "1876")
    check_endpoint(phone("12025550123"), allowing)
    with pytest.raises(DialRefused):
        check_endpoint(phone("18765550123"), allowing)


def test_the_second_number_is_always_allowed() -> None:
    settings = from_environment(stack(SECOND_NUMBER=NUMBER, DENIED_PREFIXES="44"))
    check_endpoint(phone(), policy_from(settings, OWN_ADDRESS))


def test_without_a_second_number_no_number_is_always_allowed() -> None:
    assert (
        policy_from(from_environment(stack(SECOND_NUMBER="")), OWN_ADDRESS).numbers == frozenset()
    )


def test_the_error_does_not_contain_the_number() -> None:
    for denying in (NOTHING_ALLOWED, policy("44", "447")):
        with pytest.raises(DialRefused) as raised:
            check_endpoint(phone(), denying)
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
def test_a_sip_uri_in_an_allowed_domain_is_allowed(uri: str) -> None:
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
def test_every_other_sip_uri_is_denied(uri: str) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(sip(uri), policy(sip_domains=PBX))


def test_no_sip_uri_is_allowed_by_default() -> None:
    with pytest.raises(DialRefused):
        check_endpoint(sip("sip:a@pbx.example.com"), NOTHING_ALLOWED)


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
def test_a_sip_user_that_is_a_number_is_checked_as_a_number(user: str) -> None:
    # given a SIP gateway that could forward the call to a phone
    allowing = policy("44", sip_domains=PBX)
    for endpoint in (
        sip(f"sip:{user}@pbx.example.com"),
        {"type": "sip", "user": user, "domain": "pbx.example.com"},
    ):
        # then it may call only what the prefixes allow
        check_endpoint(endpoint, allowing)
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, allowing._replace(denied_prefixes=("447",)))
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, allowing._replace(allowed_prefixes=()))


def test_user_and_domain_are_checked_like_a_uri() -> None:
    allowing = policy(sip_domains=PBX)
    check_endpoint({"type": "sip", "user": "reception", "domain": "PBX.example.com"}, allowing)
    for user, domain in (("a", "evil.example"), ("a@evil.example", "pbx.example.com")):
        with pytest.raises(DialRefused):
            check_endpoint({"type": "sip", "user": user, "domain": domain}, allowing)


@pytest.mark.parametrize(
    "endpoint",
    [
        {"type": "app", "user": "alice"},
        {"type": "vbc", "extension": "1001"},
        {"type": "websocket", "uri": "wss://x.example", "content-type": "audio/l16;rate=16000"},
    ],
)
def test_endpoints_without_a_phone_number_are_allowed(endpoint: dict[str, Any]) -> None:
    check_endpoint(endpoint, NOTHING_ALLOWED)


def test_an_on_answer_ncco_may_come_from_this_application() -> None:
    on_answer = {"url": f"{OWN_ADDRESS}/webhooks/answer?flow=greet"}
    check_endpoint(phone(onAnswer=on_answer), policy("44"))


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
def test_an_on_answer_ncco_from_another_host_is_denied(url: str) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(phone(onAnswer={"url": url}), policy("44"))


def test_every_connect_action_of_an_ncco_is_checked() -> None:
    actions = [
        ncco.talk("Hello."),
        ncco.connect(ncco.app("alice")),
        ncco.connect(ncco.phone(NUMBER)),
    ]
    check_ncco(actions, policy("44"))
    with pytest.raises(DialRefused):
        check_ncco(actions, NOTHING_ALLOWED)


# NCCOs in requests


def input_ncco(url: str) -> list[dict[str, Any]]:
    return [ncco.input(dtmf=ncco.dtmf(), event_url=url)]


def test_a_flow_may_use_any_webhook_url_and_a_request_may_not() -> None:
    external = input_ncco("https://elsewhere.example/ncco")
    check_ncco(external, NOTHING_ALLOWED)
    with pytest.raises(DialRefused):
        check_inline_ncco(external, NOTHING_ALLOWED)


def test_a_request_may_use_a_webhook_of_this_application() -> None:
    check_inline_ncco(input_ncco(f"{OWN_ADDRESS}/webhooks/dtmf?flow=speech"), NOTHING_ALLOWED)


def test_the_endpoints_in_a_request_are_checked_as_well() -> None:
    with pytest.raises(DialRefused):
        check_inline_ncco([ncco.connect(phone())], NOTHING_ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/webhooks/answer",
        f"{OWN_ADDRESS}.elsewhere.example/webhooks/answer",
        f"{OWN_ADDRESS}@elsewhere.example/webhooks/answer",
        f"{OWN_ADDRESS}/calls",
        OWN_ADDRESS,
    ],
)
def test_an_ncco_source_must_be_a_webhook_of_this_application(url: str) -> None:
    with pytest.raises(DialRefused):
        check_source("answer_url", url, NOTHING_ALLOWED)
    check_source("answer_url", url, NOTHING_ALLOWED._replace(foreign_nccos=True))


def test_the_policy_of_flows_never_allows_foreign_nccos() -> None:
    assert policy_from(from_environment(stack()), OWN_ADDRESS).foreign_nccos is False


def test_every_endpoint_of_an_ncco_is_counted() -> None:
    assert count_endpoints([ncco.talk("Hello"), ncco.connect(phone()), ncco.connect(phone())]) == 2
