"""Faults that tests can inject: which exist, and whether one is triggered now.

Each fault draws from its own random source, so that setting one does not affect another.
"""

import random
from dataclasses import dataclass
from typing import Any

# Fault name: (description, default value). The web console parses "`value` seconds" and the like.
FAULTS: dict[str, tuple[str, float | None]] = {
    "swap_started_ringing": ("ringing is sent before started", None),
    "duplicate_delivery": ("a webhook is delivered twice", None),
    "delay_webhook": ("a webhook is sent `value` seconds late", 2.0),
    "slow_webhook": ("the body of a POST webhook pauses for `value` real seconds midway", 0.5),
    "webhook_drop_before_body": ("the connection is closed before the body is sent", None),
    "webhook_drop_after_body": ("the connection is closed before the response is read", None),
    "unsigned": ("a webhook has no Authorization header", None),
    "stale_iat": ("the token's iat is `value` seconds in the past", 3600.0),
    "future_iat": ("the token's iat is `value` seconds in the future", 3600.0),
    "wrong_secret": ("the token is signed with another secret", None),
    "wrong_payload_hash": ("the token's payload_hash is that of another body", None),
    "late_end_time": ("completed has an end_time one second after its timestamp", None),
    "no_headers": ("an event has no headers object", None),
    "null_from": ("an event has from: null", None),
    "unknown_from": ('an event has from: "Unknown"', None),
    "spaced_from": ("an event's from begins with a space", None),
    "dashed_inbound_uuid": ("an inbound leg's uuid has dashes", None),
    "dtmf_speech_error": ('a DTMF-only input has speech {"error": ...}', None),
    "dtmf_speech_absent": ("a DTMF-only input has no speech", None),
    "speech_error": ("speech recognition fails", None),
    "record_empty": ("a record event has size 0 and an empty recording_url", None),
    "record_late": ("a record event is sent `value` seconds late", 30.0),
    "record_truncated": ("a recording's download stops halfway", None),
    "record_wrong_size": ("a record event's size is too large by `value` bytes", 1000.0),
    "wrong_region": ("the API returns 404, as in another region", None),
    "not_ready": ("a change to a call gets a 400, as if the call had just been placed", None),
    "api_5xx": ("the API returns the status `value`", 500.0),
    "api_429": ("the API returns 429", None),
    "api_slow": ("the API waits `value` real seconds", 2.0),
    "api_drop_before": ("the API closes the connection without handling the request", None),
    "api_drop_after": ("the API handles the request and closes the connection", None),
    "ws_refuse": ("the handshake of a WebSocket gets the status `value`", 503.0),
    "ws_slow": ("the handshake of a WebSocket takes `value` seconds longer", 2.0),
    "ws_close": ("a WebSocket's connection is lost after `value` seconds", 5.0),
    "ws_loss": ("a frame to a WebSocket is silence, with probability `value`", 0.05),
    "ws_jitter": ("a WebSocket's messages wait up to `value` milliseconds, in order", 100.0),
    "ws_stall": ("a WebSocket has no messages for `value` seconds, then all of them", 2.0),
}
# Faults whose value is a probability.
PROBABILITIES = frozenset({"ws_loss"})


def random_source(seed: int | None, name: str) -> random.Random:
    """Return a source of random numbers: repeatable with a seed, else different at each start."""
    return random.Random(None if seed is None else f"{seed}/{name}")  # noqa: S311 no secrets


@dataclass
class Fault:
    """A fault that is on: its probability, its limit, its value, and how often it was triggered."""

    probability: float
    value: float | None
    times: int | None
    struck: int = 0


class Faults:
    """The faults that are on; initially none."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._faults: dict[str, Fault] = {}
        self._sources: dict[str, random.Random] = {}
        self._connections = random_source(seed, "connections")

    def replace(self, settings: dict[str, Any]) -> None:
        """Turn on exactly these faults.

        Parameters
        ----------
        settings
            For each fault its probability, 0 to 1, or an object with `probability` and optionally
            `value` and `times` (how often it is triggered at most). `seed` sets the seed.

        Raises
        ------
        ValueError
            If a name, a type or a range is invalid; then nothing changes.
        """
        seed = settings.get("seed", self._seed)
        if isinstance(seed, bool) or not isinstance(seed, int | None):
            raise ValueError("seed must be an integer")
        faults = {
            name: _fault(name, setting) for name, setting in settings.items() if name != "seed"
        }
        self._seed = seed
        self._faults = faults
        self._sources = {name: random_source(seed, name) for name in faults}
        self._connections = random_source(seed, "connections")

    def is_triggered(self, name: str, names: list[str]) -> bool:
        """Return whether this fault is injected now; count it, and add its name to `names`.

        `names` are the `faults` of the journal entry that the fault changes.
        """
        fault = self._faults.get(name)
        if fault is None or (fault.times is not None and fault.struck >= fault.times):
            return False
        if self._sources[name].random() >= fault.probability:
            return False
        fault.struck += 1
        names.append(name)
        return True

    def connection_source(self) -> random.Random:
        """Return a random source for one more WebSocket connection."""
        return random.Random(self._connections.getrandbits(64))  # noqa: S311 no secrets

    def value(self, name: str) -> float:
        """Return the value that a fault was set to, or its default."""
        fault = self._faults.get(name)
        value = FAULTS[name][1] if fault is None or fault.value is None else fault.value
        return 0.0 if value is None else value

    def view(self) -> dict[str, Any]:
        """Build the JSON of the faults: which are on, and which exist."""
        return {
            "seed": self._seed,
            "on": {
                name: {
                    "probability": fault.probability,
                    "value": self.value(name),
                    "times": fault.times,
                    "struck": fault.struck,
                }
                for name, fault in self._faults.items()
            },
            "knobs": {name: about for name, (about, _) in FAULTS.items()},
        }


def _fault(name: str, setting: Any) -> Fault:
    if name not in FAULTS:
        raise ValueError(f"unknown fault: {name}")
    options = setting if isinstance(setting, dict) else {"probability": setting}
    unknown = set(options) - {"probability", "value", "times"}
    if unknown:
        raise ValueError(f"{name}: unknown option {sorted(unknown)[0]}")
    probability = options.get("probability", 1)
    value = options.get("value")
    times = options.get("times")
    if not _is_number(probability) or not 0 <= probability <= 1:
        raise ValueError(f"{name}: probability must be a number from 0 to 1")
    if value is not None and (not _is_number(value) or not 0 <= value <= 1e9):
        raise ValueError(f"{name}: value must be a number from 0 to 1e9")
    if value is not None and name in PROBABILITIES and value > 1:
        raise ValueError(f"{name}: value must be a number from 0 to 1")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 0):
        raise ValueError(f"{name}: times must be an integer from 0")
    return Fault(float(probability), None if value is None else float(value), times)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
