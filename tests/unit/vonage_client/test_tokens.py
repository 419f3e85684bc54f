"""vonage_client.tokens: claims, lifetime, key rotation, and errors for an invalid secret."""

from __future__ import annotations

import json
import re

import jwt
import pytest

from tests.support.fake_vonage import APPLICATION, claims, private_key, secret
from vonage_client import InvalidPrivateKey, TokenSource


class FakeClock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


class CountedSecret:
    """A secret, and how often it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        return self.text


def test_a_token_is_rs256_and_has_the_claims_that_vonage_requires() -> None:
    clock = FakeClock()
    token = TokenSource(CountedSecret(secret()), lifetime=300, now=clock).get()
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    found = claims(token)
    assert found.pop("jti")
    assert found == {
        "application_id": APPLICATION,
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + 300,
    }


def test_a_token_is_reused_until_shortly_before_it_expires() -> None:
    clock, source = FakeClock(), CountedSecret(secret())
    tokens = TokenSource(source, lifetime=300, now=clock)
    first = tokens.get()
    clock.seconds += 224
    assert tokens.get() == first
    clock.seconds += 1
    assert tokens.get() != first
    assert source.reads == 1


def test_after_401_the_key_is_read_again() -> None:
    # given a token of a key that is rotated later
    clock, source = FakeClock(), CountedSecret(secret())
    tokens = TokenSource(source, now=clock)
    rejected = tokens.get()
    source.text = secret("second")
    clock.seconds += 60
    # when Vonage rejects it
    newer = tokens.refresh_after_401(rejected)
    # then the next token is made with the new key
    assert newer is not None
    assert claims(newer, "second")
    assert tokens.get() == newer


def test_a_401_right_after_the_key_was_read_does_not_read_it_again() -> None:
    clock, source = FakeClock(), CountedSecret(secret())
    tokens = TokenSource(source, now=clock)
    assert tokens.refresh_after_401(tokens.get()) is None
    assert source.reads == 1


def test_during_rotation_a_rejected_token_is_replaced_by_one_of_the_other_key() -> None:
    # given a key that was read a moment ago, together with the next one
    source = CountedSecret(secret(next_private_key=private_key("second")))
    tokens = TokenSource(source, now=FakeClock())
    first = tokens.get()
    assert claims(first)
    # when Vonage accepts only the next key
    second = tokens.refresh_after_401(first)
    # then that key is used from now on
    assert second is not None
    assert claims(second, "second")
    assert tokens.get() == second
    # and if part of Vonage still accepts only the first key, that is used again
    third = tokens.refresh_after_401(second)
    assert third is not None
    assert claims(third)
    assert source.reads == 1


def test_a_key_that_was_read_before_its_rotation_started_is_replaced_too() -> None:
    clock, source = FakeClock(), CountedSecret(secret())
    tokens = TokenSource(source, now=clock)
    rejected = tokens.get()
    source.text = secret(next_private_key=private_key("second"))
    clock.seconds += 60
    newer = tokens.refresh_after_401(rejected)
    assert newer is not None
    assert claims(newer, "second")


def test_an_older_rejected_token_is_replaced_by_the_current_one() -> None:
    source = CountedSecret(secret())
    tokens = TokenSource(source, now=FakeClock())
    current = tokens.get()
    assert tokens.refresh_after_401("an older one") == current
    assert source.reads == 1


def test_a_key_with_escaped_line_breaks_is_valid() -> None:
    flat = private_key("first").replace("\n", "\\n")
    assert claims(TokenSource(lambda: secret(private_key=flat)).get())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"application_id": "", "private_key": ""}', "no application_id and no private_key"),
        ('{"application_id": "a"}', "has no private_key"),
        ('{"application_id": 7, "private_key": ["x"]}', "no application_id and no private_key"),
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (json.dumps({"application_id": "a", "private_key": "MIIEvg"}), "not a PEM private key"),
        (json.dumps({"application_id": "a", "private_key": "\ud800"}), "not a PEM private key"),
    ],
)
def test_the_error_for_an_incomplete_secret_names_the_fix(text: str, problem: str) -> None:
    with pytest.raises(InvalidPrivateKey, match=problem) as raised:
        TokenSource(lambda: text).get()
    assert re.search(r"\. (Store|Copy) .*\.$", str(raised.value))


def test_an_invalid_key_is_not_quoted() -> None:
    lines = private_key("first").splitlines()
    garbled = "\n".join([*lines[:3], "garbled", *lines[4:]])
    with pytest.raises(InvalidPrivateKey) as raised:
        TokenSource(lambda: secret(private_key=garbled)).get()
    shown = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__suppress_context__}"
    assert not [line for line in lines[1:-1] if line in shown]
    assert shown.endswith("True")


def test_a_lifetime_below_30_seconds_is_rejected() -> None:
    with pytest.raises(ValueError, match="30 seconds"):
        TokenSource(secret, lifetime=29)
