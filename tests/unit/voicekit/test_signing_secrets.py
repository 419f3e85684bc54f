"""voicekit.signing_secrets: when the signature secrets are fetched, and which are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import signing
from tests.support.fake_secrets import FakeSecrets, empty_fake_secrets, fake_secrets
from voicekit.signing_secrets import SecretUnavailable

OURS = signing.account()


def test_the_secrets_are_fetched_once() -> None:
    held = fake_secrets(OURS, previous_signature_secret="the previous one")
    store = held.store()
    assert store.get(1.0) is store.get(1.0)
    assert held.read == 1


def test_the_newest_secret_comes_first() -> None:
    got = fake_secrets(OURS, previous_signature_secret="the previous one").store().get(1.0)
    assert got.secrets == (OURS.signature_secret, "the previous one")
    assert (got.api_key, got.application_id) == (OURS.api_key, OURS.application_id)


def test_an_empty_previous_secret_is_no_secret() -> None:
    assert fake_secrets(OURS).store().get(1.0).secrets == (OURS.signature_secret,)


def test_secrets_less_than_a_minute_old_are_not_fetched_anew() -> None:
    held = fake_secrets(OURS)
    store = held.store()
    store.get(1.0)
    held.seconds += 59.9
    assert store.refresh(1.0) is None
    assert held.read == 1


def test_secrets_a_minute_old_are_fetched_anew_once() -> None:
    held = fake_secrets(OURS)
    store = held.store()
    store.get(1.0)
    held.seconds += 60
    held.text = OURS.secret_string(signature_secret="rotated")
    newer = store.refresh(1.0)
    assert newer is not None
    assert newer.secrets == ("rotated",)
    assert store.refresh(1.0) is None
    assert store.get(1.0) is newer


def test_after_a_failed_attempt_the_old_secrets_stay_for_another_minute() -> None:
    held = fake_secrets(OURS)
    store = held.store()
    first = store.get(1.0)
    held.seconds += 60
    held.text = None
    with pytest.raises(SecretUnavailable):
        store.refresh(1.0)
    assert store.refresh(1.0) is None
    assert store.get(1.0) is first


def test_a_secret_that_could_not_be_reached_is_asked_for_again() -> None:
    held = FakeSecrets(None)
    store = held.store()
    with pytest.raises(SecretUnavailable):
        store.get(1.0)
    held.text = OURS.secret_string()
    assert store.get(1.0).secrets == (OURS.signature_secret,)


def test_a_secret_as_the_template_makes_it_is_not_there_yet_and_all_it_lacks_is_named() -> None:
    with pytest.raises(SecretUnavailable, match="signature_secret, api_key, application_id"):
        empty_fake_secrets().store().get(1.0)


@pytest.mark.parametrize("name", ["signature_secret", "api_key", "application_id"])
@pytest.mark.parametrize("blank", [True, False])
def test_nothing_is_believed_while_a_part_is_missing(name: str, blank: bool) -> None:
    value: dict[str, Any] = OURS._asdict()
    value[name] = ""
    if not blank:
        del value[name]
    with pytest.raises(SecretUnavailable, match=name):
        FakeSecrets(json.dumps(value)).store().get(1.0)


@pytest.mark.parametrize(
    "text", ["", "hush", "[]", "null", '"hush"', "{", '{"signature_secret": 1}', "[" * 100_000]
)
def test_a_secret_of_another_form_is_unavailable_and_not_repeated(text: str) -> None:
    with pytest.raises(SecretUnavailable) as raised:
        FakeSecrets(text).store().get(1.0)
    assert "hush" not in str(raised.value)
