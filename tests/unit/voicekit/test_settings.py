"""`voicekit.settings` reads the environment and names all problems at once."""

from __future__ import annotations

import pytest

from tests.support.environment import stack
from voicekit.settings import SettingsError, from_environment


def test_the_settings_of_a_stack_are_read() -> None:
    settings = from_environment(
        stack(
            PUBLIC_BASE_URL="https://voice.example.com/v1/",
            NUMBER_FLOWS="442079460000=greet, 442079460001=speech",
            ALLOWED_PREFIXES="44, 1",
            ALLOWED_SIP_DOMAINS="PBX.example.com",
            ANSWER_GET_HASH="enforce",
        )
    )
    assert settings.public_base_url == "https://voice.example.com/v1"
    assert settings.number_flows == {"442079460000": "greet", "442079460001": "speech"}
    assert settings.allowed_prefixes == ("44", "1")
    assert settings.allowed_sip_domains == ("pbx.example.com",)
    assert settings.enforce_answer_get_hash
    assert settings.flow_time_limit == 2.5


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        from_environment({})
    assert all(f"{name} is missing" in str(raised.value) for name in stack())


@pytest.mark.parametrize(
    "name",
    [
        "PUBLIC_BASE_URL",
        "VONAGE_NUMBER",
        "SECOND_NUMBER",
        "NUMBER_FLOWS",
        "ALLOWED_PREFIXES",
        "DENIED_PREFIXES",
        "ALLOWED_SIP_DOMAINS",
        "AGENT",
    ],
)
def test_optional_settings_can_be_empty(name: str) -> None:
    assert not getattr(from_environment(stack(**{name: ""})), name.lower())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("STAGE", ""),
        ("TABLE_NAME", ""),
        ("SIGNING_SECRET_ID", ""),
        ("OVERFLOW_QUEUE_URL", ""),
        ("RECORDINGS_QUEUE_URL", ""),
        ("CONFERENCE_NAME", ""),
        ("LANGUAGE", ""),
        ("PUBLIC_BASE_URL", "voice.example.com"),
        ("PUBLIC_BASE_URL", "ftp://voice.example.com"),
        ("PUBLIC_BASE_URL", "https://"),
        ("PUBLIC_BASE_URL", "https:///path"),
        ("PUBLIC_BASE_URL", "https://user@voice.example.com"),
        ("PUBLIC_BASE_URL", "https://voice.example.com?a=b"),
        ("PUBLIC_BASE_URL", "https://voice.example.com#a"),
        ("PUBLIC_BASE_URL", "https://voice.example.com /"),
        ("VONAGE_NUMBER", "+442079460000"),
        ("VONAGE_NUMBER", "02079460000"),
        ("SECOND_NUMBER", "123456"),
        ("SECOND_NUMBER", "1234567890123456"),
        ("SECOND_NUMBER", "447700900\u0661\u0662\u0663"),
        ("SECOND_NUMBER", "447700900001\n"),
        ("DEFAULT_FLOW", ""),
        ("DEFAULT_FLOW", "../greet"),
        ("DEFAULT_FLOW", "greet\n"),
        ("NUMBER_FLOWS", "442079460000"),
        ("NUMBER_FLOWS", "442079460000="),
        ("NUMBER_FLOWS", "=greet"),
        ("NUMBER_FLOWS", "442079460000=Greet!"),
        ("ALLOWED_PREFIXES", "+44"),
        ("ALLOWED_PREFIXES", "0"),
        ("DENIED_PREFIXES", "44;45"),
        ("ALLOWED_SIP_DOMAINS", "sip:pbx.example.com"),
        ("ALLOWED_SIP_DOMAINS", "user@pbx.example.com"),
        ("ALLOWED_SIP_DOMAINS", "*.example.com"),
        ("AGENT", "https://bot.example.com"),
        ("AGENT", "bot.example.com"),
        ("AGENT", "ws://bot.example.com/ws"),
        ("AGENT", "ws://127.0.0.1.example.com/ws"),
        ("AGENT", "wss://user@bot.example.com/ws"),
        ("AGENT", "wss://bot.example.com/ws?key=1"),
        ("AGENT", "wss://bot.example.com/ws#a"),
        ("AGENT", "wss://bot.example.com/ws\n"),
        ("AGENT", "arn:aws:lambda:eu-west-1:123456789012:function:bot"),
        ("AGENT", "arn:aws:bedrock-agentcore:eu-west-1:123456789012:memory/bot-a1"),
        ("AGENT", "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/bot/../x"),
        ("KEEP_EVENTS_DAYS", "0"),
        ("KEEP_EVENTS_DAYS", "-1"),
        ("KEEP_EVENTS_DAYS", "1.5"),
        ("KEEP_EVENTS_DAYS", "\u0661"),
        ("KEEP_EVENTS_DAYS", "9" * 5000),
        ("SIGNATURE_MAX_AGE", "five"),
        ("ANSWER_GET_HASH", "off"),
        ("ANSWER_GET_HASH", ""),
        ("FLOW_TIME_LIMIT", "0"),
        ("FLOW_TIME_LIMIT", "-1"),
        ("FLOW_TIME_LIMIT", "2.5"),
        ("FLOW_TIME_LIMIT", "nan"),
        ("FLOW_TIME_LIMIT", "inf"),
        ("FLOW_TIME_LIMIT", "soon"),
    ],
)
def test_an_invalid_setting_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} "):
        from_environment(stack(**{name: text}))


@pytest.mark.parametrize(
    "agent",
    [
        "wss://bot.example.com",
        "wss://bot.example.com:8443/ws",
        "ws://127.0.0.1:8080/ws",
        "ws://localhost/ws",
        "ws://[::1]:8080/ws",
        "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/voice_agent-a1B2c3D4e5",
    ],
)
def test_an_agent_is_a_server_or_a_runtime(agent: str) -> None:
    assert from_environment(stack(AGENT=agent)).agent == agent


def test_two_invalid_settings_are_named_together() -> None:
    with pytest.raises(SettingsError, match=r"STAGE.*; .*LANGUAGE"):
        from_environment(stack(STAGE="", LANGUAGE=""))
