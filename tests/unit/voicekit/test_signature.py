"""voicekit.signature: which signatures are valid, and the list of invalid ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from tests.support import signing
from voicekit import signature
from voicekit.signature import (
    InvalidSignature,
    MissingSignature,
    SignedParts,
    SigningSecrets,
    UnknownKey,
)

NOW = 1_790_000_000
BODY = b'{"to":"442079460000","uuid":"aaaaaaaa"}'
OURS = signing.account()
SECRETS = SigningSecrets((OURS.signature_secret,), OURS.api_key, OURS.application_id)
POST = SignedParts("POST", "", BODY, frozenset())


def signed(payload: bytes = BODY, **changes: Any) -> str:
    return signing.bearer(OURS, payload, **{"iat": NOW, **changes})


def verified(
    authorization: str | None, request: SignedParts = POST, secrets: SigningSecrets = SECRETS
) -> bool:
    return signature.verify(authorization, request, secrets, now=NOW, max_age=300)


def test_a_signature_of_vonage_is_valid() -> None:
    assert verified(signed())


def test_known_answer_computed_with_only_the_standard_library() -> None:
    # given a token assembled byte by byte
    claims = (
        f'{{"iat":{NOW},"jti":"a","iss":"Vonage",'
        f'"payload_hash":"{hashlib.sha256(b"{}").hexdigest()}"}}'
    )
    text = b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=")
        for part in (b'{"alg":"HS256","typ":"JWT"}', claims.encode())
    )
    mac = hmac.new(b"k" * 16, text, hashlib.sha256).digest()
    token = (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()
    # when it is verified with the same secret, then it is valid
    assert verified(
        f"Bearer {token}", POST._replace(body=b"{}"), SigningSecrets(("k" * 16,), "key", "app")
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_case_insensitive(scheme: str) -> None:
    assert verified(signed().replace("Bearer", scheme))


@pytest.mark.parametrize("age", [-30, 0, 300])
def test_a_token_is_valid_up_to_300_s_after_and_30_s_before_its_time(age: int) -> None:
    assert verified(signed(iat=NOW - age))


def test_iat_may_be_a_fraction() -> None:
    assert verified(signed(iat=NOW - 0.5))


@pytest.mark.parametrize("missing", ["api_key", "application_id"])
def test_account_and_application_claims_are_optional(missing: str) -> None:
    assert verified(signed(without=[missing]))


@pytest.mark.parametrize("name", ["api_key", "application_id"])
def test_account_and_application_may_have_capitals(name: str) -> None:
    value = getattr(OURS, name)
    assert verified(signed(**{name: value.upper()}))
    assert verified(signed(), secrets=SECRETS._replace(**{name: value.upper()}))


def test_a_fingerprint_ignores_blanks_around_the_secret() -> None:
    assert signature.fingerprint(" s3cret\n") == signature.fingerprint("s3cret")
    assert signature.fingerprint("S3cret") != signature.fingerprint("s3cret")


def test_the_hash_may_be_upper_case() -> None:
    assert verified(signed(payload_hash=hashlib.sha256(BODY).hexdigest().upper()))


def test_the_previous_secret_is_accepted() -> None:
    secrets = SECRETS._replace(secrets=("the new one, not yet in use", OURS.signature_secret))
    assert verified(signed(), secrets=secrets)


def test_a_request_without_the_header_raises_missing_signature() -> None:
    with pytest.raises(MissingSignature):
        verified(None)


def test_another_secret_raises_unknown_key() -> None:
    with pytest.raises(UnknownKey):
        verified(signed(secret="the secret of another account"))


def test_without_any_secret_no_token_is_valid() -> None:
    with pytest.raises(UnknownKey):
        verified(signed(), secrets=SECRETS._replace(secrets=()))


def test_an_empty_secret_never_verifies_a_token() -> None:
    # given a token signed with an empty secret
    head = signed().rpartition(".")[0].removeprefix("Bearer ")
    mac = hmac.digest(b"", head.encode(), "sha256")
    token = f"Bearer {head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    # when an empty secret is configured, then the token is invalid
    with pytest.raises(InvalidSignature):
        verified(token, secrets=SECRETS._replace(secrets=("",)))


def test_an_empty_secret_does_not_hide_the_valid_one() -> None:
    assert verified(signed(), secrets=SECRETS._replace(secrets=("", OURS.signature_secret)))


_GOOD = signed()
_TOKEN = _GOOD.removeprefix("Bearer ")
_HEAD, _CLAIMS, _MAC = _TOKEN.split(".")


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        f"Basic {_TOKEN}",
        _TOKEN,
        f"Bearer  {_TOKEN}",
        f"Bearer\t{_TOKEN}",
        f" {_GOOD}",
        f"{_GOOD} ",
        f"{_GOOD}\n",
        f"{_GOOD},{_GOOD}",
        f"{_GOOD}, {_GOOD}",
        f"Basic YTpi,{_GOOD}",
        f"{_GOOD},Basic YTpi",
        f"{_GOOD},",
        f"{_GOOD}=",
        f"{_GOOD}!",
        f"{_GOOD}.",
        f"{_GOOD}.{_MAC}",
        "Bearer ..",
        "Bearer .",
        f"Bearer {_HEAD}.{_CLAIMS}",
        f"Bearer {_HEAD}.{_CLAIMS}.",
        f"Bearer {_HEAD}..{_MAC}",
        f"Bearer .{_CLAIMS}.{_MAC}",
        f"Bearer {_HEAD}.{_CLAIMS}.{'A' * 43}",
        f"Bearer {_HEAD}.{_CLAIMS[::-1]}.{_MAC}",
        "Bearer " + "A" * 9000,
        "Bearer " + "." * 9000,
        "Bearer " + "\xff" * 9000,
        "Bearer " + "\x00" * 9000,
        "Bearer " + "\ud800" * 9000,
        f"{_GOOD}{'A' * 9000}",
        f"Bearer {'[' * 9000}",
    ],
    ids=lambda header: f"{len(header)} characters",  # the same in every process, unlike a token
)
def test_anything_but_one_bearer_token_is_invalid(header: str) -> None:
    with pytest.raises(InvalidSignature):
        verified(header)


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW - 301},
        {"iat": NOW + 31},
        {"iat": 0},
        {"iat": -NOW},
        {"iat": True},
        {"iat": None},
        {"iat": str(NOW)},
        {"iat": [NOW]},
        {"iat": {"at": NOW}},
        {"iat": float("nan")},
        {"iat": float("inf")},
        {"iat": 10**400},
        {"iss": "vonage"},
        {"iss": None},
        {"iss": ["Vonage"]},
        {"jti": None},
        {"jti": 1},
        {"api_key": "deadbeef"},
        {"api_key": None},
        {"api_key": ""},
        {"application_id": "00000000-0000-4000-8000-000000000000"},
        {"application_id": ["00000000-0000-4000-8000-000000000000"]},
        {"payload_hash": hashlib.sha256(b"").hexdigest()},
        {"payload_hash": ""},
        {"payload_hash": None},
        {"payload_hash": 1},
        {"payload_hash": "\u00e9" * 64},
        {"payload_hash": "\ud800" * 64},
        {"without": ["iat"]},
        {"without": ["iss"]},
        {"without": ["jti"]},
        {"without": ["payload_hash"]},
        {"claims": []},
        {"claims": "claims"},
        {"claims": 1},
        {"claims": {}},
        {"claims": False},
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS384"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": "hs256"},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": {"HS256": 1}},
        {"header": {"b64": False}},
        {"header": {"b64": False, "crit": ["b64"]}},
        {"header": {"crit": ["exp"]}},
        {"header": {"kid": 1}},
    ],
    ids=lambda changes: "-".join(f"{name}={value!r}"[:40] for name, value in changes.items()),
)
def test_an_invalid_claim_or_header_is_rejected_despite_a_valid_signature(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(InvalidSignature):
        verified(signed(**changes))


def test_true_is_not_a_time_even_in_the_year_1970() -> None:
    with pytest.raises(InvalidSignature, match="iat is missing"):
        signature.verify(signed(iat=True), POST, SECRETS, now=1, max_age=300)


@pytest.mark.parametrize(
    "body", [b"", BODY + b" ", BODY[:-1], BODY.replace(b"4", b"5", 1), b"\xff" + BODY]
)
def test_an_altered_body_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verified(signed(), POST._replace(body=body))


def test_a_detached_payload_is_invalid() -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","b64":false,"crit":["b64"]}').rstrip(b"=")
    mac = hmac.digest(OURS.signature_secret.encode(), head + b".", "sha256")
    token = head + b".." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    with pytest.raises(InvalidSignature):
        verified(f"Bearer {token.decode()}")


# GET: the hash covers the query string, in one of four formats

QUERY = "flow=greet&to=442079460000&from=Zo%C3%AB+X&custom_data=%7B%22a%22%3A%20%5B1%5D%7D&empty="
GET = SignedParts("GET", QUERY, b"", frozenset(["flow"]))


@pytest.mark.parametrize("nested", [False, True], ids=["nested as strings", "nested as JSON"])
@pytest.mark.parametrize("without", [[], ["flow"]], ids=["all parameters", "only those of Vonage"])
def test_the_hash_of_the_query_string_may_have_four_formats(
    nested: bool, without: list[str]
) -> None:
    hashed = signing.query_hash_text(QUERY, nested=nested, without=without)
    assert verified(signed(hashed), GET)


@pytest.mark.parametrize(
    "query",
    [
        QUERY.replace("442079460000", "442079460001"),
        QUERY + "&more=1",
        QUERY.replace("&empty=", ""),
        "&".join(reversed(QUERY.split("&"))),
        "",
        "&".join(f"p{n}=" for n in range(201)),
    ],
)
def test_an_altered_query_string_does_not_match(query: str) -> None:
    assert not verified(signed(signing.query_hash_text(QUERY)), GET._replace(query=query))


def test_only_our_own_parameters_may_be_left_out_of_the_hash() -> None:
    hashed = signing.query_hash_text(QUERY, without=["to"])
    assert not verified(signed(hashed), GET)


def test_the_body_of_a_get_request_is_not_covered() -> None:
    assert not verified(signed(BODY), GET._replace(body=BODY))


def test_an_invalid_token_on_get_is_rejected_before_the_hash() -> None:
    with pytest.raises(InvalidSignature):
        verified(signed(signing.query_hash_text(QUERY), iss="Nexmo"), GET)


def test_a_token_of_the_current_time_is_valid() -> None:
    header = signing.bearer(OURS, BODY)
    assert signature.verify(header, POST, SECRETS, now=time.time(), max_age=300)


def test_parameters_keep_order_and_duplicates() -> None:
    assert signature.parameters("b=1&a=&b=%32") == [("b", "1"), ("a", ""), ("b", "2")]


def test_no_error_contains_the_token_or_the_secret() -> None:
    invalid: list[dict[str, Any]] = [{"iss": "x"}, {"secret": "x" * 40}, {"alg": "none"}]
    for changes in invalid:
        header = signed(**changes)
        with pytest.raises(InvalidSignature) as raised:
            verified(header)
        text = json.dumps([str(raised.value), repr(raised.value)])
        assert not any(part and part in text for part in header.removeprefix("Bearer ").split("."))
