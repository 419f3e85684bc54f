"""The example's handshake: which tokens it accepts."""

from __future__ import annotations

import secrets
from typing import Any

import jwt
import pytest

from examples.bot.handshake import HandshakeRefused, HandshakeVerifier

NOW = 1_800_000_000.0
SECRET = secrets.token_hex(32)
KEY, APPLICATION = "abcd1234", "7f3a1c9e-0000-4000-8000-000000000001"


@pytest.fixture
def verifier() -> HandshakeVerifier:
    return HandshakeVerifier(SECRET, KEY, APPLICATION)


def bearer(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """Return an Authorization header as Vonage sends it; None removes a claim."""
    claims = {
        "iat": int(NOW),
        "jti": secrets.token_hex(8),
        "iss": "Vonage",
        "api_key": KEY,
        "application_id": APPLICATION,
    } | changes
    present = {name: value for name, value in claims.items() if value is not None}
    return f"Bearer {jwt.encode(present, secret, algorithm=algorithm)}"


@pytest.mark.parametrize("age", [-60, 0, 60])
def test_a_token_of_the_last_minute_is_accepted(verifier: HandshakeVerifier, age: int) -> None:
    verifier.verify(bearer(iat=int(NOW) - age), NOW)


def test_the_scheme_and_the_ids_are_compared_without_case(verifier: HandshakeVerifier) -> None:
    header = bearer(api_key=KEY.upper(), application_id=APPLICATION.upper())
    verifier.verify(header.replace("Bearer", "bearer"), NOW)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "no bearer token"),
        ("", "no bearer token"),
        ("Basic eA==", "no bearer token"),
        ("Bearer", "invalid token"),
        ("Bearer a.b.c", "invalid token"),
        (bearer(secrets.token_hex(32)), "InvalidSignatureError"),
        (bearer("", algorithm="none"), "InvalidAlgorithmError"),
        (bearer(secrets.token_hex(64), algorithm="HS512"), "InvalidAlgorithmError"),
        (bearer(iss="Somebody"), "InvalidIssuerError"),
        (bearer(iss=None), "MissingRequiredClaimError"),
        (bearer(jti=None), "MissingRequiredClaimError"),
        (bearer(iat=None), "MissingRequiredClaimError"),
        (bearer(iat=int(NOW) - 61), "not from the last 60 seconds"),
        (bearer(iat=int(NOW) + 61), "not from the last 60 seconds"),
        (bearer(iat="soon"), "not from the last 60 seconds"),
        (bearer(iat=float("nan")), "not from the last 60 seconds"),
        (bearer(iat=10**400), "not from the last 60 seconds"),
        (bearer(api_key="other"), "another api_key"),
        (bearer(api_key=None), "another api_key"),
        (bearer(application_id="other"), "another application_id"),
        (bearer(application_id=None), "another application_id"),
    ],
)
def test_another_token_is_refused_with_a_reason(
    verifier: HandshakeVerifier, header: str | None, reason: str
) -> None:
    with pytest.raises(HandshakeRefused, match=reason) as refused:
        verifier.verify(header, NOW)
    assert SECRET not in str(refused.value)


def test_a_token_is_accepted_once(verifier: HandshakeVerifier) -> None:
    header = bearer()
    verifier.verify(header, NOW)
    for later in (0, 30, 60):
        with pytest.raises(HandshakeRefused, match="used before"):
            verifier.verify(header, NOW + later)


def test_a_token_ahead_of_the_clock_is_not_accepted_again_either(
    verifier: HandshakeVerifier,
) -> None:
    header = bearer(iat=int(NOW) + 60)
    verifier.verify(header, NOW)
    for later in range(0, 121, 10):
        with pytest.raises(HandshakeRefused, match="used before"):
            verifier.verify(header, NOW + later)


def test_ids_of_old_tokens_are_forgotten(verifier: HandshakeVerifier) -> None:
    for n in range(10):
        verifier.verify(bearer(iat=int(NOW) + n * 100), NOW + n * 100)
    assert len(verifier._used) <= 2


def test_a_refused_token_can_be_sent_again(verifier: HandshakeVerifier) -> None:
    """An attacker must not use up the id of a token that is still to come."""
    with pytest.raises(HandshakeRefused):
        verifier.verify(bearer(secrets.token_hex(32), jti="one"), NOW)
    verifier.verify(bearer(jti="one"), NOW)


def test_the_environment_turns_verification_on() -> None:
    assert HandshakeVerifier.from_environment({}) is None
    names = {"VONAGE_API_KEY": KEY, "VONAGE_APPLICATION_ID": APPLICATION}
    verifier = HandshakeVerifier.from_environment({"VONAGE_SIGNATURE_SECRET": SECRET} | names)
    assert verifier is not None
    verifier.verify(bearer(), NOW)
    assert SECRET not in repr(verifier)


@pytest.mark.parametrize("missing", ["VONAGE_API_KEY", "VONAGE_APPLICATION_ID"])
def test_a_secret_without_account_or_application_is_an_error(missing: str) -> None:
    complete = {
        "VONAGE_SIGNATURE_SECRET": SECRET,
        "VONAGE_API_KEY": KEY,
        "VONAGE_APPLICATION_ID": APPLICATION,
    }
    with pytest.raises(ValueError, match=f"{missing} must be set too"):
        HandshakeVerifier.from_environment(complete | {missing: ""})
