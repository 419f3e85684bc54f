"""voicekit.signed_token: which tokens are valid, and the list of invalid ones."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from tests.support import signing
from voicekit import signature
from voicekit.signed_token import InvalidToken, make_token, read_token

NOW = 1_790_000_000
SECRET = signing.account().signature_secret
CONVERSATION = "CON-aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
DATA = {"customer": "4711", "tries": 2}


def made(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "secret": SECRET,
        "purpose": "state",
        "subject": CONVERSATION,
        "data": DATA,
        "expires_at": NOW + 60,
    }
    return make_token(**(arguments | changes))


def data_of(token: str, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "secrets": (SECRET,),
        "purpose": "state",
        "subject": CONVERSATION,
        "now": NOW,
    }
    return read_token(token, **(arguments | changes)).data


def key_of(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, purpose.encode()).derive(secret.encode())


def forged(
    header: object = None, claims: object = None, *, key: bytes | None = None, **changes: Any
) -> str:
    """Sign any header and claims with the right key, without the application's code."""
    valid = {"aud": "state", "sub": CONVERSATION, "exp": NOW + 60, "data": DATA}
    parts = [header or {"alg": "HS256", "typ": "JWT"}, claims or {**valid, **changes}]
    signed = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts
    )
    mac = hmac.digest(key or key_of(SECRET, "state"), signed, "sha256")
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def test_a_token_returns_its_subject_and_data() -> None:
    claims = read_token(made(), (SECRET,), "state", None, NOW)
    assert claims == (CONVERSATION, DATA)


def test_the_same_arguments_make_the_same_token() -> None:
    assert made() == made()


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
    )
)
def test_any_json_object_comes_back(data: dict[str, Any]) -> None:
    token = made(data=data)
    assert token.isascii()
    assert data_of(token) == data


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_key_is_hkdf_sha256_of_the_secret_with_the_purpose_as_info(
    secret: str, purpose: str
) -> None:
    # given a token of the reference implementation of RFC 5869
    token = forged(key=key_of(secret, purpose), aud=purpose)
    # when it is verified, then its key is ours
    assert data_of(token, secrets=(secret,), purpose=purpose) == DATA


def test_a_rotation_breaks_no_token() -> None:
    # given a token made before the rotation, when the secret is the previous one, then it is valid
    assert data_of(made(), secrets=("the new secret", SECRET)) == DATA
    # when the secret is removed, then it is not
    with pytest.raises(InvalidToken):
        data_of(made(), secrets=("the new secret", "another"))


def test_every_changed_character_is_detected() -> None:
    token = made()
    for position, character in enumerate(token):
        changed = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
        with pytest.raises(InvalidToken):
            data_of(changed)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "\ud800.\ud800.\ud800",
        "\xff" * 5000,
        "A" * 5000,
        made() + ".",
        made() + "=",
        made() + "\n",
        " " + made(),
        made().rpartition(".")[0] + ".",
        made().partition(".")[2],
        made()[:-1],
        f"{made()}.{made()}",
        # RFC 8725, 3.1: the algorithm is ours to choose, not the token's
        forged({"alg": "none"}),
        forged({"alg": "none"}).rpartition(".")[0] + ".",
        forged({"alg": "hs256"}),
        forged({"alg": "HS512"}),
        forged({"alg": "RS256"}),
        forged({"alg": ["HS256"]}),
        forged({"typ": "JWT"}),
        forged({"alg": "HS256", "crit": ["exp"]}),
        forged({"alg": "HS256", "b64": False}),
        forged([1]),
        forged(claims=[1]),
        forged(claims="claims"),
        # signed with another key
        forged(key=SECRET.encode()),
        forged(key=key_of(SECRET, "listen")),
        forged(key=key_of(SECRET, "")),
        forged(key=key_of("another secret", "state")),
        made(purpose="listen"),
        signing.bearer(signing.account(), b"{}", secret=SECRET).removeprefix("Bearer "),
        # signed with the right key
        forged(aud="listen"),
        forged(aud=None),
        forged(aud=["state", "listen"]),
        forged(sub=CONVERSATION.lower()),
        forged(sub=None),
        forged(sub=[CONVERSATION]),
        forged(exp=NOW),
        forged(exp=NOW - 1),
        forged(exp=None),
        forged(exp=str(NOW + 60)),
        forged(exp=True),
        forged(exp=float("inf")),
        forged(exp=NOW + 60.5),
        forged(data=None),
        forged(data=[DATA]),
        forged(data="4711"),
    ],
    ids=lambda token: f"{len(token)} characters",  # the same in every process, unlike a token
)
def test_anything_else_is_invalid(token: str) -> None:
    with pytest.raises(InvalidToken) as raised:
        data_of(token)
    # and the error repeats neither the token nor the secret
    text = str(raised.value)
    assert SECRET not in text
    assert not any(part in text for part in token.split(".") if len(part) > 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "CON-another"},
        {"subject": ""},
        {"purpose": "listen"},
        {"secrets": ()},
        {"secrets": ("",)},
        {"secrets": ("another",)},
        {"now": NOW + 60},
    ],
)
def test_a_token_is_bound_to_its_subject_purpose_secret_and_time(changes: dict[str, Any]) -> None:
    assert data_of(made()) == DATA
    with pytest.raises(InvalidToken):
        data_of(made(), **changes)


def test_a_state_token_does_not_sign_a_webhook() -> None:
    request = signature.SignedParts("POST", "", b"{}", frozenset())
    secrets = signature.SigningSecrets((SECRET,), "key", "application")
    with pytest.raises(signature.UnknownKey):
        signature.verify(f"Bearer {made()}", request, secrets, now=NOW, max_age=300)


@pytest.mark.parametrize(
    "data", [{"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}, {"x": b"1"}, {"x": {1}}]
)
def test_what_json_cannot_hold_raises(data: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        made(data=data)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        made(secret="")
