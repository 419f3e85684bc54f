"""The dial policy for every user that a grammar of SIP URIs can write."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from voicekit.dial_policy import DialPolicy, DialRefused, check_endpoint

PBX = "pbx.example.com"
POLICY = DialPolicy(frozenset(), ("44",), ("449",), frozenset([PBX]), "https://voice.example.com")


def is_allowed(endpoint: dict[str, Any]) -> bool:
    try:
        check_endpoint(endpoint, POLICY)
    except DialRefused:
        return False
    return True


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


digits = st.text("0123456789", min_size=1, max_size=9)
letters = st.text("abcxyzABC", min_size=1, max_size=5)
marks = st.sampled_from([*"-_.!~*'()&=+$,;?/: @#", "\n", "\u0664", "\uff14", "\u00b2"])
plain = digits | letters | marks | st.sampled_from(["+", "00", "0", "44", "449", "4477009001"])
encoded = plain.map(percent)
twice_encoded = encoded.map(lambda text: text.replace("%", "%25"))
# RFC 3261, 25.1: user [":" password], and telephone-subscriber with its parameters.
users = st.builds(
    lambda parts, tail: "".join(parts) + tail,
    st.lists(plain | encoded | twice_encoded, min_size=1, max_size=5),
    st.sampled_from(["", "", ";phone-context=+44", ";isub=1234567", ":1234567", "?a=1234567"]),
)
domains = st.sampled_from([PBX, PBX, PBX.upper(), f"{PBX}.", "evil.example", f"a.{PBX}", "[::1]"])
tails = st.sampled_from(
    [
        *("", "", ":5061", ";transport=tls", ";media=srtp", ";user=phone", ";maddr=evil.example"),
        *("?Route=x", "@evil.example", ";x@evil.example", "#x", "/x"),
    ]
)


def readings(user: str) -> list[str]:
    """Return what a gateway could take for the user: as written, and decoded again and again."""
    found = [user]
    while (decoded := unquote(found[-1])) != found[-1]:
        found.append(decoded)
    return found


def is_harmless(user: str) -> bool:
    """Return whether every reading has too few digits for a number, or is one that is allowed."""
    few = all(sum(map(str.isdigit, text)) < 7 for text in readings(user))
    number = re.fullmatch(r"(?:\+|00)?(44(?!9)[0-9]{5,13})", user, re.ASCII)
    return few or number is not None


@given(user=users, domain=domains, tail=tails)
@example(user="07700900123", domain=PBX, tail="")
@example(user="%34%347700900123", domain=PBX, tail="")
def test_no_sip_uri_reaches_another_host_or_number(user: str, domain: str, tail: str) -> None:
    uri = f"sip:{user}@{domain}{tail}"
    if is_allowed({"type": "sip", "uri": uri}):
        assert is_harmless(user)
        assert uri.count("@") == 1
        assert "maddr" not in uri
        assert uri.rpartition("@")[2].partition(";")[0].partition(":")[0].lower() == PBX


@given(user=users, domain=domains)
def test_user_and_domain_are_allowed_as_their_uri_is(user: str, domain: str) -> None:
    parts = {"type": "sip", "user": user, "domain": domain}
    assert is_allowed(parts) == is_allowed({"type": "sip", "uri": f"sip:{user}@{domain}"})


@given(user=users)
def test_no_user_of_the_client_sdk_is_another_number(user: str) -> None:
    if is_allowed({"type": "app", "user": user}):
        assert is_harmless(user)


@given(user=st.from_regex("[a-z]{1,9}([._-][a-z]{1,9})?[0-9]{0,6}", fullmatch=True))
def test_every_plain_name_is_allowed(user: str) -> None:
    assert is_allowed({"type": "sip", "uri": f"sip:{user}@{PBX}"})
    assert is_allowed({"type": "app", "user": user})


@given(user=st.from_regex(r"(\+|00)?44[0-8][0-9]{4,12}", fullmatch=True))
def test_every_form_of_an_allowed_number_is_allowed(user: str) -> None:
    assert is_allowed({"type": "sip", "uri": f"sip:{user}@{PBX}"})


@given(extension=st.text("0123456789+-a\u0661", max_size=12))
def test_only_two_to_eight_digits_are_a_vbc_extension(extension: str) -> None:
    is_extension = re.fullmatch("[0-9]{2,8}", extension) is not None
    assert is_allowed({"type": "vbc", "extension": extension}) == is_extension
