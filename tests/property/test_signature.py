"""voicekit.signature, with PyJWT as its oracle."""

from __future__ import annotations

import hashlib
import string
import warnings

import jwt
from hypothesis import example, given
from hypothesis import strategies as st

from voicekit import signature
from voicekit.signature import InvalidSignature, SignedParts, SigningSecrets

BODY = b'{"from":"447700900123"}'
POST = SignedParts("POST", "", BODY, frozenset())
NOW = 1_800_000_000
SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)
HEADERS = st.dictionaries(
    st.sampled_from(["typ", "kid", "cty", "x5t", "jku"]), st.text(max_size=10), max_size=3
)
CLAIMS = {
    "iat": NOW,
    "jti": "f1f2f3f4-0000-4000-8000-000000000000",
    "iss": "Vonage",
    "payload_hash": hashlib.sha256(BODY).hexdigest(),
}
IN_TOKENS = string.ascii_letters + string.digits + "-_."


def is_valid(token: str, *secrets: str) -> bool:
    try:
        configured = SigningSecrets(secrets, "key", "application")
        return signature.verify(f"Bearer {token}", POST, configured, now=NOW, max_age=300)
    except InvalidSignature:
        return False


def is_valid_for_pyjwt(token: str, secret: str) -> bool:
    try:
        jwt.PyJWS(algorithms=["HS256"]).decode(token, secret, algorithms=["HS256"])
    except jwt.PyJWTError:
        return False
    return True


def encoded_by_pyjwt(secret: str, headers: dict[str, str], algorithm: str = "HS256") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return jwt.encode(CLAIMS, secret, algorithm=algorithm, headers=headers)


@given(secret=SECRETS, headers=HEADERS)
def test_a_token_of_pyjwt_is_valid_only_with_its_secret(
    secret: str, headers: dict[str, str]
) -> None:
    token = encoded_by_pyjwt(secret, headers)
    assert is_valid(token, secret)
    assert is_valid(token, "another", secret)
    assert not is_valid(token, f"{secret}x")


@given(secret=SECRETS, algorithm=st.sampled_from(["HS384", "HS512"]))
def test_a_token_with_another_algorithm_is_invalid(secret: str, algorithm: str) -> None:
    assert not is_valid(encoded_by_pyjwt(secret, {}, algorithm), secret)


@given(
    at=st.integers(0, 400),
    put=st.text(IN_TOKENS, max_size=2),
    taken=st.integers(0, 2),
)
@example(at=0, put="", taken=0)
def test_no_altered_token_is_valid_that_pyjwt_rejects(at: int, put: str, taken: int) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    token = encoded_by_pyjwt(secret, {})
    altered = token[:at] + put + token[at + taken :]
    assert not is_valid(altered, secret) or is_valid_for_pyjwt(altered, secret)
    assert is_valid(altered, secret) == (altered == token)
