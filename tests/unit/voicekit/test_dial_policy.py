"""voicekit.dial_policy: who may be called, and attempts to bypass the policy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.environment import stack
from voicekit import ncco
from voicekit.agents import server
from voicekit.dial_policy import (
    DialPolicy,
    DialRefused,
    calls_phone,
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
        "sip:alice.smith-2@pbx.example.com",
        "sip:*98@pbx.example.com",
        "sip:a@pbx.example.com;transport=tls;media=srtp",
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


def sip_endpoints(user: str) -> list[dict[str, Any]]:
    return [
        sip(f"sip:{user}@pbx.example.com"),
        {"type": "sip", "user": user, "domain": "pbx.example.com"},
    ]


def app(user: str) -> dict[str, Any]:
    return {"type": "app", "user": user}


@pytest.mark.parametrize("user", [NUMBER, f"+{NUMBER}", f"00{NUMBER}"])
def test_a_user_that_is_a_number_is_checked_as_a_number(user: str) -> None:
    # given a SIP gateway that could forward the call to a phone
    allowing = policy("44", sip_domains=PBX)
    for endpoint in [*sip_endpoints(user), app(user)]:
        # then it may call only what the prefixes allow
        check_endpoint(endpoint, allowing)
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, allowing._replace(denied_prefixes=("447",)))
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, allowing._replace(allowed_prefixes=()))


@pytest.mark.parametrize("user", [f"0011{NUMBER}", f"+11{NUMBER}", f"11{NUMBER}"])
def test_the_australian_prefix_0011_is_not_a_number_of_country_1(user: str) -> None:
    for endpoint in [*sip_endpoints(user), app(user)]:
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, policy("1", sip_domains=PBX))


@pytest.mark.parametrize(("user", "is_phone"), [(f"+{NUMBER}", True), ("alice", False)])
def test_a_client_sdk_user_that_is_a_number_counts_as_a_phone(user: str, is_phone: bool) -> None:
    assert calls_phone({"action": "connect", "endpoint": [app(user)]}) is is_phone


# Each of these is another number to one gateway or another, or contains one.
HIDDEN_NUMBERS = [
    "07700900123",
    "0447700900123",
    "000447700900123",
    f"+0{NUMBER}",
    f"+00{NUMBER}",
    f"++{NUMBER}",
    "447700900123a",
    "a447700900123",
    "x-447700900123",
    "tel-4477.0090",
    "44-7700-900123",
    "+44.7700.900123",
    "(44)7700900123",
    f"*{NUMBER}",
    f"9*{NUMBER}",
    f"{NUMBER},1",
    f"{NUMBER}{NUMBER}",
]
HIDDEN_SIP_NUMBERS = [
    f"{NUMBER};phone-context=example.com",
    f"{NUMBER}:password",
    f"a;{NUMBER}",
    f"a:{NUMBER}",
    f"a?{NUMBER}",
    "%34%347700900123",
    "%2B447700900123",
    "%2534477",
    "4477%30%309",
    "a%31%32%33%34%35%36%37",
    "%EF%BC%94%EF%BC%94",
]


@pytest.mark.parametrize("user", HIDDEN_NUMBERS)
def test_a_user_that_could_be_read_as_another_number_is_denied(user: str) -> None:
    everything = policy("0 1 2 3 4 5 6 7 8 9", sip_domains=PBX)
    for endpoint in [*sip_endpoints(user), app(user)]:
        with pytest.raises(DialRefused) as raised:
            check_endpoint(endpoint, everything)
        assert "900123" not in str(raised.value)


@pytest.mark.parametrize("user", HIDDEN_SIP_NUMBERS)
def test_a_sip_user_that_a_gateway_could_decode_or_split_is_denied(user: str) -> None:
    for endpoint in sip_endpoints(user):
        with pytest.raises(DialRefused):
            check_endpoint(endpoint, policy("0 1 2 3 4 5 6 7 8 9", sip_domains=PBX))


@pytest.mark.parametrize(
    "user",
    [
        *("alice", "Alice Smith", "J\u00fcrgen", "alice@example.com", "agent-42", "1001"),
        *("NAM-6dd4ea1f-3841-47cb-a3d3-e271f5c1e33c", "6dd4ea1f-3841-47cb-a3d3-e271f5c1e33c"),
    ],
)
def test_a_user_of_the_client_sdk_is_allowed_by_name(user: str) -> None:
    check_endpoint(app(user), NOTHING_ALLOWED)


@pytest.mark.parametrize(
    "user",
    ["sip:a@pbx.example.com", "a;b", "\uff14\uff14\uff17\uff17\uff10\uff10\uff19", "%31234567"],
)
def test_any_other_user_of_the_client_sdk_is_denied(user: str) -> None:
    with pytest.raises(DialRefused):
        check_endpoint(app(user), policy("0 1 2 3 4 5 6 7 8 9"))


@pytest.mark.parametrize("extension", ["10", "1001", "12345678"])
def test_a_vbc_extension_has_two_to_eight_digits(extension: str) -> None:
    check_endpoint({"type": "vbc", "extension": extension}, NOTHING_ALLOWED)


@pytest.mark.parametrize(
    "extension", ["1", "123456789", NUMBER, f"+{NUMBER}", "1001a", "10 01", "\u0661\u0662", "12\n"]
)
def test_any_other_vbc_extension_is_denied(extension: str) -> None:
    with pytest.raises(DialRefused):
        check_endpoint({"type": "vbc", "extension": extension}, policy("44"))


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


@pytest.mark.parametrize("option", ["standardHeaders", "standard_headers"])
@pytest.mark.parametrize("name", ["Route", "route", "Refer-To", "To", "Request-URI"])
def test_a_sip_header_that_can_change_the_destination_is_denied(option: str, name: str) -> None:
    endpoint, allowed = sip("sip:reception@pbx.example.com"), policy(sip_domains=PBX)
    check_endpoint(endpoint | {option: {"User-to-User": "4a6f;encoding=hex"}}, allowed)
    with pytest.raises(DialRefused, match="User-to-User"):
        check_endpoint(endpoint | {option: {name: "<sip:a@evil.example;lr>"}}, allowed)


def test_every_connect_action_of_an_ncco_is_checked() -> None:
    actions = [
        ncco.talk("Hello."),
        ncco.connect(ncco.app("alice")),
        ncco.connect(ncco.phone(NUMBER)),
    ]
    check_ncco(actions, policy("44"))
    with pytest.raises(DialRefused):
        check_ncco(actions, NOTHING_ALLOWED)


# WebSocket servers

BOT = "wss://bot.example.com/ws"
ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/voice-a1B2c3D4e5"
RUNTIME = server(ARN)


def socket(uri: str) -> dict[str, Any]:
    return {"type": "websocket", "uri": uri, "content-type": "audio/l16;rate=16000"}


@pytest.mark.parametrize(
    "uri", [BOT, "WSS://x.example", "ws://127.0.0.1:9/", "ws://localhost", "WS://[::1]:9/ws?a=b"]
)
def test_a_flow_may_call_any_websocket_server_over_tls(uri: str) -> None:
    flows = policy_from(from_environment(stack(AGENT="wss://other.example/ws")), OWN_ADDRESS)
    check_endpoint(socket(uri), flows)


@pytest.mark.parametrize(
    "uri",
    [
        "ws://bot.example.com/ws",
        "WS://bot.example.com",
        "ws://127.0.0.1.example.com/",
        "ws://localhost.example.com",
        "ws://127.0.0.10/",
        "ws://10.0.0.1/ws",
    ],
)
def test_a_websocket_without_tls_is_denied_except_on_loopback(uri: str) -> None:
    with pytest.raises(DialRefused, match="not encrypted"):
        check_endpoint(socket(uri), NOTHING_ALLOWED)


@pytest.mark.parametrize(
    ("agent", "uri"),
    [
        (BOT, BOT),
        (BOT, "wss://Bot.Example.com/other?room=1"),
        (BOT, "wss://bot.example.com"),
        ("ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws"),
        (ARN, f"{RUNTIME}?X-Amz-Date=1"),
    ],
)
def test_a_request_may_call_the_agents_server(agent: str, uri: str) -> None:
    allowing = NOTHING_ALLOWED._replace(websocket_server=server(agent))
    check_endpoint(socket(uri), allowing)
    check_inline_ncco([ncco.connect(socket(uri))], allowing)


@pytest.mark.parametrize(
    ("agent", "uri"),
    [
        ("", BOT),
        ("", "ws://127.0.0.1/"),
        (BOT, "wss://evil.example/ws"),
        (BOT, "wss://bot.example.com.evil.example/ws"),
        (BOT, "wss://evil.example/bot.example.com/ws"),
        (BOT, "wss://evil.example/?wss://bot.example.com/ws"),
        (BOT, "wss://bot.example.com:8443/ws"),
        (BOT, "ws://127.0.0.1/ws"),
        (ARN, "wss://bedrock-agentcore.eu-west-1.amazonaws.com/ws"),
        (ARN, RUNTIME.replace("123456789012", "210987654321")),
        (ARN, RUNTIME.replace("eu-west-1", "us-east-1")),
    ],
)
def test_a_request_may_call_no_other_websocket_server(agent: str, uri: str) -> None:
    with pytest.raises(DialRefused, match="parameter Agent"):
        check_inline_ncco(
            [ncco.connect(socket(uri))], NOTHING_ALLOWED._replace(websocket_server=server(agent))
        )


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
        f"{OWN_ADDRESS}/webhooks/../other",
        f"{OWN_ADDRESS}/webhooks/%2e%2e/other",
        f"{OWN_ADDRESS}/webhooks/answer/../../other",
        f"{OWN_ADDRESS}/webhooks/answer#x",
        f"{OWN_ADDRESS}/webhooks/",
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
