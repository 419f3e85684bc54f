"""The check of a webhook's token, with PyJWT as its oracle."""

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


def believed(token: str, *secrets: str) -> bool:
    try:
        held = SigningSecrets(secrets, "key", "application")
        return signature.verify(f"Bearer {token}", POST, held, now=NOW, max_age=300)
    except InvalidSignature:
        return False


def believed_by_pyjwt(token: str, secret: str) -> bool:
    try:
        jwt.PyJWS(algorithms=["HS256"]).decode(token, secret, algorithms=["HS256"])
    except jwt.PyJWTError:
        return False
    return True


def made_by_pyjwt(secret: str, headers: dict[str, str], algorithm: str = "HS256") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return jwt.encode(CLAIMS, secret, algorithm=algorithm, headers=headers)


@given(secret=SECRETS, headers=HEADERS)
def test_what_pyjwt_signs_is_believed_with_the_same_secret_and_no_other(
    secret: str, headers: dict[str, str]
) -> None:
    token = made_by_pyjwt(secret, headers)
    assert believed(token, secret)
    assert believed(token, "another", secret)
    assert not believed(token, f"{secret}x")


@given(secret=SECRETS, algorithm=st.sampled_from(["HS384", "HS512"]))
def test_what_is_signed_with_another_algorithm_is_not_believed(secret: str, algorithm: str) -> None:
    assert not believed(made_by_pyjwt(secret, {}, algorithm), secret)


@given(
    at=st.integers(0, 400),
    put=st.text(IN_TOKENS, max_size=2),
    taken=st.integers(0, 2),
)
@example(at=0, put="", taken=0)
def test_of_altered_tokens_none_is_believed_that_pyjwt_refuses(
    at: int, put: str, taken: int
) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    token = made_by_pyjwt(secret, {})
    altered = token[:at] + put + token[at + taken :]
    assert not believed(altered, secret) or believed_by_pyjwt(altered, secret)
    assert believed(altered, secret) == (altered == token)
