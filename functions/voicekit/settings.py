"""Read and check the environment variables of a function, and report all problems at once."""

from __future__ import annotations

import re

from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_PREFIX = re.compile(r"[1-9][0-9]{0,14}")
# Scheme and host, then an optional port and path: the part of a URL before our routes.
_BASE_URL = r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
_DOMAIN = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_FLOW = re.compile(r"[a-z][a-z0-9_]{0,63}")
# A server that Vonage connects to, unencrypted only on this machine; or an AgentCore runtime.
_AGENT = (
    r"(?:wss://[A-Za-z0-9.-]+|ws://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~/-]*)?"
    r"|arn:aws[a-z-]*:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:runtime/[A-Za-z0-9_-]+"
)


class SettingsError(Exception):
    """Settings are missing or invalid; the text names every one of them."""


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
    agent: str
    keep_events_days: int
    signature_max_age: int
    enforce_answer_get_hash: bool
    flow_time_limit: float


class EnvironmentReader:
    """Reads environment variables one by one and collects the problems.

    Call `check` after the last `read`. Do not use any value before that.

    Parameters
    ----------
    environment
        The environment variables of the function, such as ``os.environ``.

    Examples
    --------
    >>> reader = EnvironmentReader({"KEEP_EVENTS_DAYS": "30"})
    >>> days = reader.read("KEEP_EVENTS_DAYS", positive)
    >>> reader.check()
    >>> days
    30
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def read(self, name: str, convert: Callable[[str], T]) -> T:
        """Return a variable, converted.

        Parameters
        ----------
        name
            The name of the variable.
        convert
            Converts the text. It raises ValueError with what the text must be.
        """
        try:
            return convert(self._environment[name])
        except KeyError:
            self._problems.append(f"{name} is missing")
        except ValueError as error:
            self._problems.append(f"{name} {error}")
        return None  # type: ignore[return-value]  # check raises before anything uses this

    def check(self) -> None:
        """Raise SettingsError with every problem so far."""
        if self._problems:
            raise SettingsError("; ".join(self._problems))


def from_environment(environment: Mapping[str, str]) -> StackSettings:
    """Return the settings of the stack.

    Raises
    ------
    SettingsError
        If any of them is missing or invalid.
    """
    reader = EnvironmentReader(environment)
    settings = read_stack_settings(reader)
    reader.check()
    return settings


def read_stack_settings(reader: EnvironmentReader) -> StackSettings:
    """Return the settings of the stack; the caller calls `EnvironmentReader.check`."""
    return StackSettings(
        stage=reader.read("STAGE", non_empty),
        public_base_url=reader.read("PUBLIC_BASE_URL", _base_url),
        table_name=reader.read("TABLE_NAME", non_empty),
        signing_secret_id=reader.read("SIGNING_SECRET_ID", non_empty),
        switchboard_secret_id=reader.read("SWITCHBOARD_SECRET_ID", non_empty),
        overflow_queue_url=reader.read("OVERFLOW_QUEUE_URL", non_empty),
        recordings_queue_url=reader.read("RECORDINGS_QUEUE_URL", non_empty),
        vonage_number=reader.read("VONAGE_NUMBER", _number),
        second_number=reader.read("SECOND_NUMBER", _number),
        default_flow=reader.read("DEFAULT_FLOW", _flow),
        number_flows=reader.read("NUMBER_FLOWS", _number_flows),
        conference_name=reader.read("CONFERENCE_NAME", non_empty),
        language=reader.read("LANGUAGE", non_empty),
        allowed_prefixes=reader.read("ALLOWED_PREFIXES", _prefixes),
        denied_prefixes=reader.read("DENIED_PREFIXES", _prefixes),
        allowed_sip_domains=reader.read("ALLOWED_SIP_DOMAINS", _domains),
        agent=reader.read("AGENT", _agent),
        keep_events_days=reader.read("KEEP_EVENTS_DAYS", positive),
        signature_max_age=reader.read("SIGNATURE_MAX_AGE", positive),
        enforce_answer_get_hash=reader.read("ANSWER_GET_HASH", flag(off="report", on="enforce")),
        flow_time_limit=reader.read("FLOW_TIME_LIMIT", _milliseconds),
    )


# Converters for any function


def non_empty(value: str) -> str:
    """Return a text that is not empty."""
    if not value:
        raise ValueError("is empty")
    return value


def whole(value: str) -> int:
    """Return a whole number."""
    if not (value.isascii() and value.isdigit()):
        raise ValueError("is not a whole number")
    return int(value)


def positive(value: str) -> int:
    """Return a whole number above 0."""
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ValueError("is not a whole number above 0")
    return int(value)


def flag(*, off: str, on: str) -> Callable[[str], bool]:
    """Return a converter that allows two texts and returns whether it is ``on``."""

    def convert(value: str) -> bool:
        if value not in (off, on):
            raise ValueError(f"is neither {off} nor {on}")
        return value == on

    return convert


# Converters for the settings of the stack


def _base_url(value: str) -> str:
    if value and not re.fullmatch(_BASE_URL, value):
        raise ValueError("is not an http or https URL without query, user and fragment")
    return value.rstrip("/")


def _number(value: str) -> str:
    if value and not _NUMBER.fullmatch(value):
        raise ValueError("is not an E.164 number without the plus sign")
    return value


def _flow(value: str) -> str:
    if not _FLOW.fullmatch(value):
        raise ValueError("is not the name of a flow")
    return value


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _number_flows(value: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in _list(value)]
    if not all(number for number, _, _ in pairs):
        raise ValueError("has a flow without a number")
    return {_number(number): _flow(flow) for number, _, flow in pairs}


def _prefixes(value: str) -> tuple[str, ...]:
    prefixes = tuple(_list(value))
    if not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise ValueError("has an invalid E.164 prefix")
    return prefixes


def _domains(value: str) -> tuple[str, ...]:
    domains = tuple(domain.lower() for domain in _list(value))
    if not all(re.fullmatch(_DOMAIN, domain) for domain in domains):
        raise ValueError("has an invalid host name")
    return domains


def _agent(value: str) -> str:
    if value and not re.fullmatch(_AGENT, value):
        raise ValueError(
            "is neither a wss URL without query and user nor the ARN of an AgentCore runtime"
        )
    return value


def _milliseconds(value: str) -> float:
    return positive(value) / 1000
