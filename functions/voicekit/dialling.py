"""Judges whom an NCCO may call, so that nobody can use this application to ring premium numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from voicekit.e164 import is_number, masked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicekit.settings import Settings


class DiallingRefused(Exception):
    """An endpoint may not be called; the text says why, with the number masked."""


class Policy(NamedTuple):
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
    """

    numbers: frozenset[str]
    allowed_prefixes: tuple[str, ...]
    denied_prefixes: tuple[str, ...]
    sip_domains: frozenset[str]
    own_address: str


def policy_of(settings: Settings, own_address: str) -> Policy:
    """Make the policy that a stack's settings describe."""
    return Policy(
        frozenset(filter(None, [settings.second_number])),
        settings.allowed_prefixes,
        settings.denied_prefixes,
        frozenset(settings.allowed_sip_domains),
        own_address,
    )


def judge(ncco: Iterable[dict[str, Any]], policy: Policy) -> None:
    """Judge every endpoint that a valid NCCO connects to.

    Raises
    ------
    DiallingRefused
        If one of them may not be called.
    """
    for action in ncco:
        if action["action"] == "connect":
            for endpoint in action["endpoint"]:
                judge_endpoint(endpoint, policy)


def judge_endpoint(endpoint: dict[str, Any], policy: Policy) -> None:
    """Judge one endpoint; those that ring no telephone (app, websocket, vbc) are always allowed.

    Raises
    ------
    DiallingRefused
        If it may not be called.
    """
    if endpoint["type"] == "phone":
        _judge_number(endpoint["number"], policy)
    elif endpoint["type"] == "sip":
        _judge_sip(endpoint, policy)
    on_answer = endpoint.get("onAnswer")
    if on_answer and not on_answer["url"].startswith(f"{policy.own_address}/webhooks/"):
        raise DiallingRefused("onAnswer: an NCCO from another host cannot be judged")


def _judge_number(number: str, policy: Policy) -> None:
    if number in policy.numbers:
        return
    allowed = _longest(number, policy.allowed_prefixes)
    if allowed == 0:
        raise DiallingRefused(f"{masked(number)}: no allowed prefix fits")
    if _longest(number, policy.denied_prefixes) >= allowed:
        raise DiallingRefused(f"{masked(number)}: a denied prefix fits")


def _longest(number: str, prefixes: tuple[str, ...]) -> int:
    return max((len(prefix) for prefix in prefixes if number.startswith(prefix)), default=0)


def _judge_sip(endpoint: dict[str, Any], policy: Policy) -> None:
    domain, user = _sip_parts(endpoint)
    if domain not in policy.sip_domains:
        raise DiallingRefused("sip: the domain is not allowed")
    # A gateway of ours could carry the call on to a telephone, so its number is judged as well.
    if is_number(user.removeprefix("+")):
        _judge_number(user.removeprefix("+"), policy)


def _sip_parts(endpoint: dict[str, Any]) -> tuple[str, str]:
    """Give domain and user of a SIP endpoint, by its ``uri`` or by ``user`` and ``domain``."""
    if "uri" not in endpoint:
        return endpoint["domain"].lower(), endpoint.get("user", "")
    address = endpoint["uri"].partition(":")[2].partition(";")[0].partition("?")[0]
    user, _, host = address.rpartition("@")
    return host.partition(":")[0].lower(), user
