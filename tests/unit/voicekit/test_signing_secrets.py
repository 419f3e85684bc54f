"""voicekit.signing_secrets: when the secrets are read, and which are invalid."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import flow_response
from tests.support import signing
from tests.support.fake_secrets import FakeSecrets, empty_fake_secrets, fake_secrets
from voicekit.signing_secrets import SecretUnavailable

OURS = signing.account()
ROTATED = OURS.secret_string(signature_secret="rotated")


def test_the_secrets_are_read_once() -> None:
    secret = fake_secrets(OURS, previous_signature_secret="the previous one")
    cache = secret.store()
    assert cache.get(1.0) is cache.get(1.0)
    assert secret.read == 1


def test_the_newest_secret_comes_first() -> None:
    got = fake_secrets(OURS, previous_signature_secret="the previous one").store().get(1.0)
    assert got.secrets == (OURS.signature_secret, "the previous one")
    assert (got.api_key, got.application_id) == (OURS.api_key, OURS.application_id)


def test_a_retired_secret_signs_no_webhook_but_tokens_of_ours() -> None:
    got = fake_secrets(OURS, retired_signature_secret="the retired one").store().get(1.0)
    assert got.secrets == (OURS.signature_secret,)
    assert [one for one in got.for_tokens if one] == [OURS.signature_secret, "the retired one"]


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


def test_secrets_read_in_advance_are_used_and_may_be_read_again_at_once() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    cache.prefetch(1.0)
    cache.get(1.0)
    assert secret.read == 1
    secret.text = OURS.secret_string(signature_secret="rotated")
    newer = cache.refresh(1.0)
    assert newer is not None
    assert newer.secrets == ("rotated",)


def test_a_failed_attempt_in_advance_changes_nothing() -> None:
    secret = fake_secrets(OURS)
    text, secret.text = secret.text, None
    cache = secret.store()
    with pytest.raises(SecretUnavailable):
        cache.prefetch(1.0)
    secret.text = text
    assert cache.get(1.0).secrets


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


# Age


def test_a_copy_is_read_again_after_five_minutes() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    first = cache.get(1.0)
    secret.text = ROTATED
    secret.seconds += 299.9
    assert cache.get(1.0) is first
    secret.seconds += 0.1
    assert cache.get(1.0).secrets == ("rotated",)
    assert secret.read == 2


def test_a_clock_that_is_set_back_causes_another_read() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    cache.get(1.0)
    secret.text = ROTATED
    secret.seconds -= 5
    assert cache.get(1.0).secrets == ("rotated",)


def test_an_old_copy_is_used_while_secrets_manager_does_not_respond() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    first = cache.get(1.0)
    secret.text = None
    secret.seconds += 300
    # one attempt a minute, and a caller waits half a second for it at most
    for _ in range(6):
        assert cache.get(9.0) is first
        secret.seconds += 10
    assert (secret.read, secret.within) == (2, 0.5)
    # and once it responds, the copy is replaced
    secret.text = ROTATED
    assert cache.get(0.2).secrets == ("rotated",)
    assert secret.within == 0.2


@pytest.mark.parametrize("text", ["", "{}", json.dumps({**OURS._asdict(), "signature_secret": ""})])
def test_an_invalid_secret_replaces_an_old_copy(text: str) -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    cache.get(1.0)
    secret.text = text
    secret.seconds += 300
    for _ in range(2):
        with pytest.raises(SecretUnavailable):
            cache.get(1.0)
    secret.text = ROTATED
    assert cache.get(1.0).secrets == ("rotated",)


def test_a_secret_that_may_no_longer_be_read_replaces_an_old_copy() -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    cache.get(1.0)
    secret.refused = True
    secret.seconds += 300
    for _ in range(2):
        with pytest.raises(SecretUnavailable, match="AccessDenied"):
            cache.get(1.0)


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 400), st.sampled_from(["request", "revoke", "fail", "recover"])),
        max_size=30,
    )
)
def test_a_revoked_secret_serves_for_five_minutes_or_during_an_outage(
    steps: list[tuple[float, str]],
) -> None:
    secret = fake_secrets(OURS)
    cache = secret.store()
    versions = [cache.get(1.0).secrets[0]]
    revoked_at = {versions[0]: float("inf")}
    responds = True
    refused_at = -float("inf")  # the last attempt without a response
    for seconds, what in steps:
        secret.seconds += seconds
        if what == "revoke":
            revoked_at[versions[-1]] = secret.seconds
            versions.append(f"version {len(versions)}")
            revoked_at[versions[-1]] = float("inf")
        responds = {"fail": False, "recover": True}.get(what, responds)
        secret.text = OURS.secret_string(signature_secret=versions[-1]) if responds else None
        before = secret.read
        (used,) = cache.get(1.0).secrets
        if secret.read > before and not responds:
            refused_at = secret.seconds
        is_recent = secret.seconds - revoked_at[used] < 300
        assert used == versions[-1] or is_recent or secret.seconds - refused_at < 60


def test_the_functions_measure_the_age_with_a_clock_that_runs_while_they_are_frozen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = fake_secrets(OURS)
    monkeypatch.setattr(flow_response, "aws", lambda: secret)
    settings = SimpleNamespace(signing_secret_id="signing")
    monkeypatch.setattr(flow_response, "settings", lambda: settings)
    monkeypatch.setattr("time.time", lambda: secret.seconds)
    cache = flow_response.secrets.__wrapped__()
    cache.get(1.0)
    secret.seconds += 300
    cache.get(1.0)
    assert secret.read == 2


# Unavailable and invalid secrets


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


@pytest.mark.parametrize("around", [" {} ", "{}\n", "\r\n{}\r\n", "\t{}", "\u00a0{}"])
def test_blanks_and_line_breaks_around_values_are_removed(around: str) -> None:
    value = {name: around.format(text) for name, text in OURS._asdict().items()}
    value["previous_signature_secret"] = around.format("the previous one")
    got = FakeSecrets(json.dumps(value)).store().get(1.0)
    assert got.secrets == (OURS.signature_secret, "the previous one")
    assert (got.api_key, got.application_id) == (OURS.api_key, OURS.application_id)


def test_blanks_within_a_secret_belong_to_it() -> None:
    assert fake_secrets(OURS, signature_secret="a b").store().get(1.0).secrets == ("a b",)


def test_a_blank_previous_secret_is_ignored() -> None:
    got = fake_secrets(OURS, previous_signature_secret=" \n").store().get(1.0)
    assert got.secrets == (OURS.signature_secret,)


@pytest.mark.parametrize("name", ["signature_secret", "api_key", "application_id"])
@pytest.mark.parametrize("text", [None, "", " ", "\n"])
def test_an_incomplete_secret_is_unavailable(name: str, text: str | None) -> None:
    value: dict[str, Any] = OURS._asdict() | {name: text}
    if text is None:
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
