"""call.url(state=…) and call.signed_state: what comes back, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.environment import stack
from voicekit.call import Call, FlowContext, InvalidState, from_webhook
from voicekit.settings import from_environment
from voicekit.signed_token import make_token
from voicekit.webhook import Webhook, WebhookRequest

SETTINGS = from_environment(stack())
SECRET = "a secret that only this test has"
CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
NOON = 1_790_078_400.0
HOUR = 3600


def call(
    parameters: dict[str, str] | None = None,
    *,
    now: float = NOON,
    conversation: str | None = CONVERSATION,
    secrets: tuple[str, ...] = (SECRET,),
) -> Call:
    request = WebhookRequest("POST", "/webhooks/dtmf", "", None, b"", "host", now)
    fields = {} if conversation is None else {"conversation_uuid": conversation}
    webhook = Webhook(request, fields, parameters or {}, "https://voice.example.com", 0.0)
    return from_webhook(webhook, "greet", SETTINGS, FlowContext("dtmf", lambda: secrets, now, []))


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def next_call(url: str, **changes: Any) -> Call:
    return call(parameters(url), **changes)


def test_the_state_comes_back_with_the_next_webhook() -> None:
    state = {"customer": "4711", "tries": 2, "items": [None, 1.5, {"é": True}]}
    following = next_call(call().url("dtmf", state=state, attempt=2))
    assert following.signed_state == state
    assert following.attempt == 2


@given(st.dictionaries(st.text(max_size=20), st.none() | st.integers() | st.text(max_size=50)))
def test_any_state_comes_back_or_is_refused(state: dict[str, Any]) -> None:
    try:
        url = call().url("dtmf", state=state)
    except ValueError as error:
        assert "too large" in str(error)
        return
    assert url.isascii()
    assert next_call(url).signed_state == state


def test_without_state_it_is_empty() -> None:
    assert call().signed_state == {}
    assert "signed" not in parameters(call().url("dtmf"))
    assert next_call(call().url("dtmf", state={})).signed_state == {}


def test_the_same_state_is_the_same_url_within_an_hour() -> None:
    urls = {call(now=NOON + second).url("dtmf", state={"a": 1}) for second in (0, 1, HOUR - 1)}
    assert len(urls) == 1
    assert call(now=NOON + HOUR).url("dtmf", state={"a": 1}) not in urls


@pytest.mark.parametrize("made_at", [NOON, NOON + HOUR - 1])
def test_state_is_valid_for_three_hours_at_least_and_four_at_most(made_at: float) -> None:
    url = call(now=made_at).url("dtmf", state={"a": 1})
    assert next_call(url, now=made_at + 3 * HOUR).signed_state == {"a": 1}
    with pytest.raises(InvalidState, match="expired"):
        next_call(url, now=made_at + 4 * HOUR)


def test_state_has_1024_bytes_of_json_at_most() -> None:
    largest = {"a": "é" * 508}  # 1,016 bytes, and 8 of {"a":""}
    url = call().url("dtmf", state=largest)
    assert next_call(url).signed_state == largest
    assert len(url) < 2_000
    with pytest.raises(ValueError, match="too large"):
        call().url("dtmf", state={"a": "é" * 508 + "e"})


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("customer", TypeError),
        (["customer"], TypeError),
        ({1: "a"}, TypeError),
        ({"a": {1}}, TypeError),
        ({"a": float("nan")}, ValueError),
        ({"a": "\ud800"}, ValueError),
    ],
)
def test_anything_but_a_dict_of_json_is_refused(state: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call().url("dtmf", state=state)


@pytest.mark.parametrize("without", [{"conversation": None}, {"secrets": ()}])
def test_without_a_conversation_or_a_secret_nothing_is_signed(without: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be signed"):
        call(**without).url("dtmf", state={})


@pytest.mark.parametrize("changes", [{"conversation": "CON-other"}, {"conversation": None}])
def test_state_of_another_conversation_is_invalid(changes: dict[str, Any]) -> None:
    url = call().url("dtmf", state={"customer": "4711"})
    with pytest.raises(InvalidState, match="another subject"):
        next_call(url, **changes)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "4711",
        "a.b.c",
        "[]",
        make_token(SECRET, "listen", CONVERSATION, {}, int(NOON) + HOUR),
        make_token("another secret", "state", CONVERSATION, {}, int(NOON) + HOUR),
        make_token(SECRET, "state", "", {}, int(NOON) + HOUR),
    ],
)
def test_any_other_token_is_invalid(token: str) -> None:
    with pytest.raises(InvalidState):
        call({"signed": token})


def test_during_a_rotation_the_state_of_both_secrets_is_valid() -> None:
    url = call(secrets=(SECRET,)).url("dtmf", state={"a": 1})
    assert next_call(url, secrets=("a newer secret", SECRET)).signed_state == {"a": 1}


@pytest.mark.parametrize("name", ["flow", "signed"])
def test_a_parameter_may_not_have_the_name_of_ours(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        call().url("dtmf", **{name: "x"})  # type: ignore[arg-type]


def test_secret_is_a_flag_of_the_url() -> None:
    assert parameters(call().url("dtmf", secret=True))["secret"] == "1"
    assert "secret" not in parameters(call().url("dtmf"))
    with pytest.raises(TypeError, match="secret"):
        call().url("dtmf", secret="4711")  # type: ignore[arg-type]


def test_a_call_shows_no_signature_secret() -> None:
    assert SECRET not in repr(call())
    assert SECRET not in str(call())
