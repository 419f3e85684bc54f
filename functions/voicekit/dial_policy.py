"""Which numbers, SIP domains and NCCO sources a stack may use, as a protection from toll fraud."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from voicekit.e164 import masked
from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from voicekit.settings import StackSettings

# SIP URIs that are certain to reach their host. A user part may contain `;` and `?` (RFC 3261,
# 25.1), the parameter maddr and the header Route change the destination, and parsers disagree about
# a second @. So this allows one @, and only parameters that don't change the destination.
# (Strings, compiled at first use: few calls use SIP, and compiling takes a caller's time.)
_SIP = (
    r"(?ai)sips?:(?:(?P<user>[^@\s]+)@)?(?P<domain>[a-z0-9.-]+)(?::[0-9]{1,5})?"
    r"(?:;(?:transport|user|media)=[a-z]+)*"
)
# Two forms of a user are certain: a number in E.164, also with 00 for the plus, and a plain name
# with too few digits for a number. A gateway may decode, strip or convert anything else.
# No number begins with 11: after 00, that is the Australian prefix 0011.
_NUMBER = r"(?:\+|00)?((?!11)[1-9][0-9]{6,14})"
_SIP_NAME = "[A-Za-z0-9._~*-]+"
_APP_NAME = r"[\w .@'-]+"
_MIN_NUMBER = 7  # digits; a shorter one is an extension
# Vonage names a user without a name NAM- and a UUID (Users API reference: createUser).
_UUID = r"(?:[A-Z]{3}-)?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
_EXTENSION = "[0-9]{2,8}"
_LOOPBACK = r"(?i)ws://(?:localhost|127\.0\.0\.1|\[::1\])(?::|/|$)"
_PHONE_ENDPOINTS = ("phone", "sip")
# Actions with a webhook whose response may be an NCCO (Vonage NCCO reference: input, notify, and
# connect with the eventType synchronous or machine detection).
_NCCO_WEBHOOKS = ("input", "notify", "connect")


class DialRefused(Exception):
    """The dial policy denies an endpoint; the text says why, with the number masked."""


class DialPolicy(NamedTuple):
    """Which endpoints this stack may call. The policy denies everything that it doesn't allow.

    Attributes
    ----------
    numbers
        Numbers that are always allowed, whatever the prefixes are.
    allowed_prefixes, denied_prefixes
        E.164 prefixes without the plus. The longest one that matches a number decides; a prefix in
        both lists is denied.
    sip_domains
        Allowed domains of SIP URIs, in lower case, without their subdomains.
    own_address
        The base URL of this application. NCCOs that Vonage requests for the callee (``onAnswer``)
        must come from there, where this policy is checked again.
    foreign_nccos
        Whether NCCOs on other hosts are allowed as well. Those bypass the dial policy.
    websocket_server
        The URL of the only WebSocket server that may be called: scheme, host and port, and the path
        if it has one. It is empty for none, and None for flows, which may call any.
    """

    numbers: frozenset[str]
    allowed_prefixes: tuple[str, ...]
    denied_prefixes: tuple[str, ...]
    sip_domains: frozenset[str]
    own_address: str
    foreign_nccos: bool = False
    websocket_server: str | None = None


def policy_from(settings: StackSettings, own_address: str) -> DialPolicy:
    """Build the dial policy of flows from the settings of a stack."""
    return DialPolicy(
        frozenset(filter(None, [settings.second_number])),
        settings.allowed_prefixes,
        settings.denied_prefixes,
        frozenset(settings.allowed_sip_domains),
        own_address,
    )


def check_ncco(ncco: Iterable[dict[str, Any]], policy: DialPolicy) -> None:
    """Check every endpoint that a valid NCCO connects to.

    Raises
    ------
    DialRefused
        If the policy denies one of them.
    """
    for action in ncco:
        if action["action"] == "connect":
            for endpoint in action["endpoint"]:
                check_endpoint(endpoint, policy)


def check_endpoint(endpoint: dict[str, Any], policy: DialPolicy) -> None:
    """Check one endpoint. A user or an extension must be a name that no gateway reads as a number.

    Raises
    ------
    DialRefused
        If the policy denies it.
    """
    if endpoint["type"] == "phone":
        _check_number(endpoint["number"], policy)
    elif endpoint["type"] == "sip":
        _check_sip(endpoint, policy)
    elif endpoint["type"] == "app" and not re.fullmatch(_UUID, endpoint["user"]):
        _check_user("app", endpoint["user"], _APP_NAME, policy)
    elif endpoint["type"] == "vbc" and not re.fullmatch(_EXTENSION, endpoint["extension"]):
        raise DialRefused("vbc: not an extension; expected 2 to 8 digits")
    elif endpoint["type"] == "websocket":
        _check_websocket(endpoint["uri"], policy)
    if endpoint.get("onAnswer"):
        check_source("onAnswer", endpoint["onAnswer"]["url"], policy)


def check_inline_ncco(ncco: Iterable[dict[str, Any]], policy: DialPolicy) -> None:
    """Check a valid NCCO from a request, including its webhook URLs.

    Flows are part of this application, and may use any webhook URL. A request may not: Vonage runs
    the response to such a webhook as the next NCCO, which would bypass the dial policy.

    Raises
    ------
    DialRefused
        If the policy denies an endpoint, or the next NCCO could come from another host.
    """
    actions = list(ncco)
    check_ncco(actions, policy)
    for action in actions:
        if action["action"] in _NCCO_WEBHOOKS:
            for url in action.get("eventUrl", []):
                check_source(f"{action['action']}.eventUrl", url, policy)


def check_source(what: str, url: str, policy: DialPolicy) -> None:
    """Check a URL from which Vonage requests an NCCO; ``what`` names its option.

    Raises
    ------
    DialRefused
        If it is not a webhook of this application, and the policy allows no other.
    """
    address, _, route = url.partition("/webhooks/")
    is_own = address == policy.own_address and re.fullmatch(r"[a-z]+(?:\?.*)?", route)
    if not policy.foreign_nccos and not is_own:
        raise DialRefused(f"{what}: NCCO on another host; expected a webhook of this application")


def calls_phone(action: dict[str, Any]) -> bool:
    """Return whether a valid action calls a phone number, a SIP URI or a user named as a number."""
    return action["action"] == "connect" and any(
        endpoint["type"] in _PHONE_ENDPOINTS
        or (endpoint["type"] == "app" and re.fullmatch(_NUMBER, endpoint["user"]) is not None)
        for endpoint in action["endpoint"]
    )


def count_endpoints(ncco: Iterable[dict[str, Any]]) -> int:
    """Count the endpoints that a valid NCCO connects to."""
    return sum(len(action["endpoint"]) for action in ncco if action["action"] == "connect")


def _check_number(number: str, policy: DialPolicy) -> None:
    if number in policy.numbers:
        return
    allowed = _longest(number, policy.allowed_prefixes)
    if allowed == 0:
        raise DialRefused(f"{masked(number)}: matches no prefix in AllowedPrefixes")
    if _longest(number, policy.denied_prefixes) >= allowed:
        raise DialRefused(f"{masked(number)}: matches a prefix in DeniedPrefixes")


def _longest(number: str, prefixes: tuple[str, ...]) -> int:
    return max((len(prefix) for prefix in prefixes if number.startswith(prefix)), default=0)


def _check_sip(endpoint: dict[str, Any], policy: DialPolicy) -> None:
    uri = endpoint.get("uri") or f"sip:{endpoint['user']}@{endpoint['domain']}"
    parts = re.fullmatch(_SIP, uri)
    if parts is None:
        raise DialRefused(
            "sip: ambiguous URI; use sip:user@host without a second @, maddr, or headers"
        )
    if parts["domain"].lower() not in policy.sip_domains:
        raise DialRefused("sip: the domain is not in AllowedSipDomains")
    if parts["user"] is not None:
        _check_user("sip", parts["user"], _SIP_NAME, policy)
    for name in [*endpoint.get("standardHeaders", ()), *endpoint.get("standard_headers", ())]:
        # Headers such as Route change the destination. Vonage documents no other than this one.
        if name.lower() != "user-to-user":
            raise DialRefused("sip: the only allowed standard header is User-to-User")


def _check_websocket(uri: str, policy: DialPolicy) -> None:
    """Check a WebSocket server, which hears the caller."""
    if uri[:3].lower() == "ws:" and not re.match(_LOOPBACK, uri):
        raise DialRefused("websocket: not encrypted; expected wss")
    if policy.websocket_server is None:
        return
    own, other = urlsplit(policy.websocket_server), urlsplit(uri)
    is_own = (own.scheme, own.netloc.lower()) == (other.scheme, other.netloc.lower())
    if not is_own or own.path not in ("", other.path):
        raise DialRefused("websocket: not the server of the parameter Agent")


def _check_user(kind: str, user: str, names: str, policy: DialPolicy) -> None:
    """Check a user, whom a gateway could call as a phone number."""
    number = re.fullmatch(_NUMBER, user)
    if number:
        _check_number(number[1], policy)
    elif not re.fullmatch(names, user) or sum(map(str.isdigit, user)) >= _MIN_NUMBER:
        raise DialRefused(
            f"{kind}: ambiguous user; expected a name of letters, digits and . _ - with fewer than"
            f" {_MIN_NUMBER} digits, or + and an E.164 number"
        )
