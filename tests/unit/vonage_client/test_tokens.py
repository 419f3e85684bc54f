"""Tokens: what is in them, how long each is used, and what a secret that is not right is told."""

from __future__ import annotations

import json

import jwt
import pytest

from tests.support.fake_vonage import APPLICATION, claims, private_key, secret
from vonage_client import InvalidPrivateKey, TokenSource


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Vault:
    """A secret, and how often it was asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        return self.text


def test_a_token_is_rs256_and_has_the_claims_that_vonage_asks_for() -> None:
    clock = FakeClock()
    token = TokenSource(Vault(secret()), lifetime=300, now=clock).get()
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    found = claims(token)
    assert found.pop("jti")
    assert found == {
        "application_id": APPLICATION,
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + 300,
    }


def test_a_token_is_used_again_until_shortly_before_it_expires() -> None:
    clock, vault = FakeClock(), Vault(secret())
    tokens = TokenSource(vault, lifetime=300, now=clock)
    first = tokens.get()
    clock.seconds += 224
    assert tokens.get() == first
    clock.seconds += 1
    assert tokens.get() != first
    assert vault.asked == 1


def test_after_a_refusal_the_key_is_fetched_anew() -> None:
    # given a token made with a key that is rotated later
    clock, vault = FakeClock(), Vault(secret())
    tokens = TokenSource(vault, now=clock)
    refused = tokens.get()
    vault.text = secret("second")
    clock.seconds += 60
    # when it is refused
    newer = tokens.refresh_after_401(refused)
    # then the next one is made with the new key
    assert newer is not None
    assert claims(newer, "second")
    assert tokens.get() == newer


def test_a_refusal_right_after_the_key_was_fetched_does_not_fetch_it_again() -> None:
    clock, vault = FakeClock(), Vault(secret())
    tokens = TokenSource(vault, now=clock)
    assert tokens.refresh_after_401(tokens.get()) is None
    assert vault.asked == 1


def test_while_the_key_is_rotated_a_refused_token_is_replaced_by_one_of_the_other_key() -> None:
    # given a key that was fetched a moment ago, together with the next one
    vault = Vault(secret(next_private_key=private_key("second")))
    tokens = TokenSource(vault, now=FakeClock())
    first = tokens.get()
    assert claims(first)
    # when Vonage has changed to the next one
    second = tokens.refresh_after_401(first)
    # then that is used, at once and from then on
    assert second is not None
    assert claims(second, "second")
    assert tokens.get() == second
    # and should Vonage not have changed everywhere, the first is used again
    third = tokens.refresh_after_401(second)
    assert third is not None
    assert claims(third)
    assert vault.asked == 1


def test_a_key_that_was_fetched_before_its_rotation_began_is_bridged_too() -> None:
    clock, vault = FakeClock(), Vault(secret())
    tokens = TokenSource(vault, now=clock)
    refused = tokens.get()
    vault.text = secret(next_private_key=private_key("second"))
    clock.seconds += 60
    newer = tokens.refresh_after_401(refused)
    assert newer is not None
    assert claims(newer, "second")


def test_a_refused_token_that_was_renewed_meanwhile_is_replaced_by_that() -> None:
    vault = Vault(secret())
    tokens = TokenSource(vault, now=FakeClock())
    present = tokens.get()
    assert tokens.refresh_after_401("an older one") == present
    assert vault.asked == 1


def test_a_key_whose_line_breaks_were_pasted_as_text_is_read() -> None:
    flat = private_key("first").replace("\n", "\\n")
    assert claims(TokenSource(lambda: secret(private_key=flat)).get())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"application_id": "", "private_key": ""}', "no application_id and no private_key"),
        ('{"application_id": "a"}', "has no private_key"),
        ('{"application_id": 7, "private_key": ["x"]}', "no application_id and no private_key"),
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (json.dumps({"application_id": "a", "private_key": "MIIEvg"}), "no private key in PEM"),
        (json.dumps({"application_id": "a", "private_key": "\ud800"}), "no private key in PEM"),
    ],
)
def test_a_secret_that_is_not_filled_in_says_what_to_do(text: str, said: str) -> None:
    with pytest.raises(InvalidPrivateKey, match=said) as raised:
        TokenSource(lambda: text).get()
    assert ": put" in str(raised.value) or ": copy" in str(raised.value)


def test_a_garbled_key_is_not_quoted() -> None:
    lines = private_key("first").splitlines()
    garbled = "\n".join([*lines[:3], "garbled", *lines[4:]])
    with pytest.raises(InvalidPrivateKey) as raised:
        TokenSource(lambda: secret(private_key=garbled)).get()
    said = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__suppress_context__}"
    assert not [line for line in lines[1:-1] if line in said]
    assert said.endswith("True")


def test_a_token_that_would_live_too_briefly_for_vonage_is_refused() -> None:
    with pytest.raises(ValueError, match="30 seconds"):
        TokenSource(secret, lifetime=29)
