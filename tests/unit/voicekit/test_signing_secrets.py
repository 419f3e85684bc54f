"""voicekit.signing_secrets: when the secrets are read, and which are invalid."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import signing
from tests.support.fake_secrets import FakeSecrets, empty_fake_secrets, fake_secrets
from voicekit.signing_secrets import SecretUnavailable

OURS = signing.account()


def test_the_secrets_are_read_once() -> None:
    secret = fake_secrets(OURS, previous_signature_secret="the previous one")
    cache = secret.store()
    assert cache.get(1.0) is cache.get(1.0)
    assert secret.read == 1


def test_the_newest_secret_comes_first() -> None:
    got = fake_secrets(OURS, previous_signature_secret="the previous one").store().get(1.0)
    assert got.secrets == (OURS.signature_secret, "the previous one")
    assert (got.api_key, got.application_id) == (OURS.api_key, OURS.application_id)


def test_an_empty_previous_secret_is_ignored() -> None:
    assert fake_secrets(OURS).store().get(1.0).secrets == (OURS.signature_secret,)


def test_secrets_less_than_a_minute_old_are_not_read_again() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    cache.get(1.0)
    secret.seconds += 59.9
    assert cache.refresh(1.0) is None
    assert secret.read == 1


def test_secrets_a_minute_old_are_read_again_once() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    cache.get(1.0)
    secret.seconds += 60
    secret.text = OURS.secret_string(signature_secret="rotated")
    newer = cache.refresh(1.0)
    assert newer is not None
    assert newer.secrets == ("rotated",)
    assert cache.refresh(1.0) is None
    assert cache.get(1.0) is newer


def test_after_a_failed_attempt_the_old_secrets_stay_for_another_minute() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    first = cache.get(1.0)
    secret.seconds += 60
    secret.text = None
    with pytest.raises(SecretUnavailable):
        cache.refresh(1.0)
    assert cache.refresh(1.0) is None
    assert cache.get(1.0) is first


def test_an_unreachable_secret_is_read_on_the_next_call() -> None:
    secret = FakeSecrets(None)
    cache = secret.store()
    with pytest.raises(SecretUnavailable):
        cache.get(1.0)
    secret.text = OURS.secret_string()
    assert cache.get(1.0).secrets == (OURS.signature_secret,)


def test_the_error_for_the_template_secret_names_everything_missing() -> None:
    with pytest.raises(SecretUnavailable, match="signature_secret, api_key, application_id"):
        empty_fake_secrets().store().get(1.0)


@pytest.mark.parametrize("name", ["signature_secret", "api_key", "application_id"])
@pytest.mark.parametrize("blank", [True, False])
def test_an_incomplete_secret_is_unavailable(name: str, blank: bool) -> None:
    value: dict[str, Any] = OURS._asdict()
    value[name] = ""
    if not blank:
        del value[name]
    with pytest.raises(SecretUnavailable, match=name):
        FakeSecrets(json.dumps(value)).store().get(1.0)


@pytest.mark.parametrize(
    "text", ["", "hush", "[]", "null", '"hush"', "{", '{"signature_secret": 1}', "[" * 100_000]
)
def test_a_malformed_secret_is_unavailable_and_not_repeated(text: str) -> None:
    with pytest.raises(SecretUnavailable) as raised:
        FakeSecrets(text).store().get(1.0)
    assert "hush" not in str(raised.value)
