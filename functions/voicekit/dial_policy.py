"""Judges whom an NCCO may call, so that nobody can use this application to ring premium numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from voicekit.e164 import masked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicekit.settings import StackSettings

# The SIP URIs whose destination is sure to be their host. A user part may hold `;` and `?` (RFC
# 3261, 25.1), the parameter maddr and the header Route lead elsewhere, and parsers differ in what
# they make of a second @; so there is one @, and there are only parameters that lead nowhere.
# (Texts, compiled at their first use: few calls lead to SIP, and compiling takes a caller's time.)
_SIP = (
    r"(?ai)sips?:(?:(?P<user>[^@\s]+)@)?(?P<domain>[a-z0-9.-]+)(?::[0-9]{1,5})?"
    r"(?:;(?:transport|user)=[a-z]+)*"
)
_DIALLED = r"[0-9+*#(). -]+"  # what a gateway might dial
_SHORTEST_NUMBER = 7  # digits; less is an extension
_TELEPHONES = ("phone", "sip")
# Actions whose callback may be answered with an NCCO (Vonage NCCO reference: input, notify, and
# connect with the eventType synchronous or machine detection).
_ANSWERED = ("input", "notify", "connect")


class DialRefused(Exception):
    """An endpoint may not be called; the text says why, with the number masked."""


class DialPolicy(NamedTuple):
    """Whom this stack may call. Everything is closed that is not opened here.

    Attributes
    ----------
    numbers
        Numbers that may be called whatever the prefixes say.
    allowed_prefixes, denied_prefixes
        E.164 prefixes without the plus. The longest that fits a number decides; one that stands
        in both lists is denied.
    sip_domains
        Domains of SIP URIs that may be called, lower case; each stands for itself alone.
    own_address
        The address of this application. NCCOs that Vonage fetches for the called side
        (``onAnswer``) must come from there, where they are judged in their turn.
    foreign_nccos
        Whether NCCOs may be fetched from other hosts as well. Nobody judges those.
    """

    numbers: frozenset[str]
    allowed_prefixes: tuple[str, ...]
    denied_prefixes: tuple[str, ...]
    sip_domains: frozenset[str]
    own_address: str
    foreign_nccos: bool = False


def policy_from(settings: StackSettings, own_address: str) -> DialPolicy:
    """Make the policy that a stack's settings describe."""
    return DialPolicy(
        frozenset(filter(None, [settings.second_number])),
        settings.allowed_prefixes,
        settings.denied_prefixes,
        frozenset(settings.allowed_sip_domains),
        own_address,
    )


def check_ncco(ncco: Iterable[dict[str, Any]], policy: DialPolicy) -> None:
    """Judge every endpoint that a valid NCCO connects to.

    Raises
    ------
    DiallingRefused
        If one of them may not be called.
    """
    for action in ncco:
        if action["action"] == "connect":
            for endpoint in action["endpoint"]:
                check_endpoint(endpoint, policy)


def check_endpoint(endpoint: dict[str, Any], policy: DialPolicy) -> None:
    """Judge one endpoint; those that ring no telephone (app, websocket, vbc) are always allowed.

    Raises
    ------
    DiallingRefused
        If it may not be called.
    """
    if endpoint["type"] == "phone":
        _check_number(endpoint["number"], policy)
    elif endpoint["type"] == "sip":
        _check_sip(endpoint, policy)
    if endpoint.get("onAnswer"):
        check_source("onAnswer", endpoint["onAnswer"]["url"], policy)


def check_inline_ncco(ncco: Iterable[dict[str, Any]], policy: DialPolicy) -> None:
    """Judge a valid NCCO that came with a request, its callbacks included.

    Flows are part of this application, and may call back wherever they like; a request may not:
    Vonage takes the reply to a callback for the next NCCO, which nobody would have judged.

    Raises
    ------
    DiallingRefused
        If one of its endpoints may not be called, or the next NCCO could come from elsewhere.
    """
    actions = list(ncco)
    check_ncco(actions, policy)
    for action in actions:
        if action["action"] in _ANSWERED:
            for url in action.get("eventUrl", []):
                check_source(f"{action['action']}.eventUrl", url, policy)


def check_source(what: str, url: str, policy: DialPolicy) -> None:
    """Judge an address from which Vonage takes an NCCO.

    Raises
    ------
    DiallingRefused
        If it is not this application's, and none other is let in.
    """
    if not policy.foreign_nccos and not url.startswith(f"{policy.own_address}/webhooks/"):
        raise DialRefused(f"{what}: an NCCO from another host cannot be judged")


def calls_phone(action: dict[str, Any]) -> bool:
    """Say whether a valid action calls a telephone, by its number or by SIP."""
    return action["action"] == "connect" and any(
        endpoint["type"] in _TELEPHONES for endpoint in action["endpoint"]
    )


def count_endpoints(ncco: Iterable[dict[str, Any]]) -> int:
    """Count the endpoints that a valid NCCO connects to."""
    return sum(len(action["endpoint"]) for action in ncco if action["action"] == "connect")


def _check_number(number: str, policy: DialPolicy) -> None:
    if number in policy.numbers:
        return
    allowed = _longest(number, policy.allowed_prefixes)
    if allowed == 0:
        raise DialRefused(f"{masked(number)}: no allowed prefix fits")
    if _longest(number, policy.denied_prefixes) >= allowed:
        raise DialRefused(f"{masked(number)}: a denied prefix fits")


def _longest(number: str, prefixes: tuple[str, ...]) -> int:
    return max((len(prefix) for prefix in prefixes if number.startswith(prefix)), default=0)


def _check_sip(endpoint: dict[str, Any], policy: DialPolicy) -> None:
    uri = endpoint.get("uri") or f"sip:{endpoint['user']}@{endpoint['domain']}"
    parts = re.fullmatch(_SIP, uri)
    user = unquote((parts and parts["user"]) or "")
    if parts is None or "@" in user:
        raise DialRefused("sip: the address does not say plainly where it leads")
    if parts["domain"].lower() not in policy.sip_domains:
        raise DialRefused("sip: the domain is not allowed")
    # A gateway of ours could carry the call on to a telephone, so its number is judged as well.
    number = _number_in(user)
    if number:
        _check_number(number, policy)


def _number_in(user: str) -> str:
    """Give the number that the user part of a SIP URI stands for, empty where it is a name.

    Its marks and the zeros or the plus in front of a country code are left out.
    """
    dialled = re.split("[;:]", user)[0]
    digits = re.sub("[^0-9]", "", dialled).lstrip("0")
    return digits if re.fullmatch(_DIALLED, dialled) and len(digits) >= _SHORTEST_NUMBER else ""
