"""The signer of webhooks, checked by PyJWT and by the tests' own reading of Vonage's hash."""

from __future__ import annotations

import hashlib

import jwt
import pytest

from tests.support.signing import account, query_hash_text
from voicekit.signature import SignedParts, SigningSecrets, verified_claims
from voicekit.webhook_signer import sign

OURS = account()
SECRETS = SigningSecrets(
    (OURS.signature_secret, "the-previous-one"), OURS.api_key, OURS.application_id
)
NOW = 1_800_000_000.0
NESTED = "uuid=1&payload=%7B%22a%22%3A%201%7D"


def claims_of(header: str) -> dict[str, object]:
    token = header.removeprefix("Bearer ")
    claims: dict[str, object] = jwt.decode(
        token, OURS.signature_secret, ["HS256"], options={"verify_iat": False}
    )
    return claims


@pytest.mark.parametrize(
    ("method", "query", "body", "hashed"),
    [
        ("POST", "flow=greet", b'{"uuid": "1"}', b'{"uuid": "1"}'),
        ("GET", NESTED, b"", query_hash_text(NESTED)),
    ],
    ids=["post", "get"],
)
def test_the_newest_secret_signs_the_claims_that_vonage_sends(
    method: str, query: str, body: bytes, hashed: bytes
) -> None:
    claims = claims_of(sign(SECRETS, method, query, body, NOW))
    assert len(str(claims.pop("jti"))) == 36
    assert claims == {
        "iat": NOW,
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(hashed).hexdigest(),
        "api_key": OURS.api_key,
        "application_id": OURS.application_id,
    }


@pytest.mark.parametrize(
    ("method", "query", "covers"), [("POST", "", "body"), ("GET", NESTED, "texts")]
)
def test_a_signed_webhook_verifies(method: str, query: str, covers: str) -> None:
    header = sign(SECRETS, method, query, b"{}", NOW)
    parts = SignedParts(method, query, b"{}", frozenset())
    claims, found = verified_claims(header, parts, SECRETS, now=NOW, max_age=300)
    assert (claims["iss"], found) == ("Vonage", covers)


def test_the_repr_of_the_secrets_hides_them() -> None:
    assert OURS.signature_secret not in repr(SECRETS)
