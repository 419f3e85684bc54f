"""What the functions need from their environment, read once and checked as a whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_PREFIX = re.compile(r"[1-9][0-9]{0,14}")
# Scheme, host, perhaps a port and a path: what stands in front of our routes.
_BASE_URL = r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
_DOMAIN = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_FLOW = re.compile(r"[a-z][a-z0-9_]{0,63}")


class SettingsError(Exception):
    """Settings are missing or wrong; the text names every one of them."""


class StackSettings(NamedTuple):
    """The settings of a deployed stack; the parameters of template.yaml describe each.

    ``signature_max_age`` and ``flow_time_limit`` are seconds.
    """

    stage: str
    public_base_url: str
    table_name: str
    signing_secret_id: str
    switchboard_secret_id: str
    overflow_queue_url: str
    recordings_queue_url: str
    vonage_number: str
    second_number: str
    default_flow: str
    number_flows: Mapping[str, str]
    conference_name: str
    language: str
    allowed_prefixes: tuple[str, ...]
    denied_prefixes: tuple[str, ...]
    allowed_sip_domains: tuple[str, ...]
    keep_events_days: int
    signature_max_age: int
    enforce_answer_get_hash: bool
    flow_time_limit: float


def from_environment(environment: Mapping[str, str]) -> StackSettings:
    """Read the settings of a function.

    Parameters
    ----------
    environment
        The function's environment variables, such as ``os.environ``.

    Returns
    -------
    Settings
        All of them, checked.

    Raises
    ------
    SettingsError
        If any is missing or wrong. The text names all of them at once.
    """
    problems: list[str] = []

    def read(name: str, convert: Callable[[str], T], otherwise: T) -> T:
        text = environment.get(name)
        if text is None:
            problems.append(f"{name} is missing")
            return otherwise
        try:
            return convert(text)
        except ValueError as error:
            problems.append(f"{name} {error}")
            return otherwise

    settings = StackSettings(
        stage=read("STAGE", _text, ""),
        public_base_url=read("PUBLIC_BASE_URL", _base_url, ""),
        table_name=read("TABLE_NAME", _text, ""),
        signing_secret_id=read("SIGNING_SECRET_ID", _text, ""),
        switchboard_secret_id=read("SWITCHBOARD_SECRET_ID", _text, ""),
        overflow_queue_url=read("OVERFLOW_QUEUE_URL", _text, ""),
        recordings_queue_url=read("RECORDINGS_QUEUE_URL", _text, ""),
        vonage_number=read("VONAGE_NUMBER", _number, ""),
        second_number=read("SECOND_NUMBER", _number, ""),
        default_flow=read("DEFAULT_FLOW", _flow, ""),
        number_flows=read("NUMBER_FLOWS", _number_flows, {}),
        conference_name=read("CONFERENCE_NAME", _text, ""),
        language=read("LANGUAGE", _text, ""),
        allowed_prefixes=read("ALLOWED_PREFIXES", _prefixes, ()),
        denied_prefixes=read("DENIED_PREFIXES", _prefixes, ()),
        allowed_sip_domains=read("ALLOWED_SIP_DOMAINS", _domains, ()),
        keep_events_days=read("KEEP_EVENTS_DAYS", _whole, 1),
        signature_max_age=read("SIGNATURE_MAX_AGE", _whole, 1),
        enforce_answer_get_hash=read("ANSWER_GET_HASH", _enforces, True),
        flow_time_limit=read("FLOW_TIME_LIMIT", _whole, 1) / 1000,
    )
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _text(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _base_url(text: str) -> str:
    if text and not re.fullmatch(_BASE_URL, text):
        raise ValueError("is not an http(s) address without query, user and fragment")
    return text.rstrip("/")


def _number(text: str) -> str:
    if text and not _NUMBER.fullmatch(text):
        raise ValueError("is not an E.164 number without the plus")
    return text


def _flow(text: str) -> str:
    if not _FLOW.fullmatch(text):
        raise ValueError("is not the name of a flow")
    return text


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _number_flows(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in _list(text)]
    if not all(number for number, _, _ in pairs):
        raise ValueError("has a flow without a number")
    return {_number(number): _flow(flow) for number, _, flow in pairs}


def _prefixes(text: str) -> tuple[str, ...]:
    prefixes = tuple(_list(text))
    if not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise ValueError("has something that is not an E.164 prefix")
    return prefixes


def _domains(text: str) -> tuple[str, ...]:
    domains = tuple(domain.lower() for domain in _list(text))
    if not all(re.fullmatch(_DOMAIN, domain) for domain in domains):
        raise ValueError("has something that is not the name of a host")
    return domains


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("is not a whole number above zero")
    return int(text)


def _enforces(text: str) -> bool:
    if text not in ("report", "enforce"):
        raise ValueError("is neither report nor enforce")
    return text == "enforce"
