"""Calibration files: values observed on a real call, in place of inferred settings.

``voicectl capture`` writes one: a JSON object whose ``settings`` are fields of
`SimulatorSettings`. Its other fields are notes for readers.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .settings import SimulatorSettings


class CalibrationError(Exception):
    """The calibration file cannot be used; the message says why."""


def _is_number(low: float, high: float) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        )

    return check


def _is_integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 40


def _is_span(value: Any) -> bool:
    """Return whether a value is a pair of seconds, the shorter first."""
    seconds = _is_number(0, 3600)
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(seconds(item) for item in value)
        and value[0] <= value[1]
    )


# Each field that a real call can calibrate, and the check for its value.
FIELDS: dict[str, Callable[[Any], bool]] = {
    "webhook_attempts": _is_integer(1, 10),
    "webhook_retry_pause": _is_number(0, 60),
    "retry_keeps_jti": _is_bool,
    "get_hash_decodes_nested": _is_bool,
    "dtmf_only_speech": lambda value: value in ("results", "error", "absent"),
    "ringing_after": _is_number(0, 60),
    "words_per_minute": _is_number(10, 10_000),
    "record_event_delay": _is_span,
    "inbound_rate": _is_text,
    "inbound_network": _is_text,
}


def read(path: Path) -> dict[str, Any]:
    """Read the settings of a calibration file.

    Raises
    ------
    CalibrationError
        If it cannot be read, or if a field is unknown or out of its range.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = content["settings"]
        values = dict(settings)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(f"{path}: not a calibration file: {error!r}") from error
    for name, value in values.items():
        if name not in FIELDS:
            raise CalibrationError(
                f"{path}: unknown setting: {name}; expected one of {', '.join(FIELDS)}"
            )
        if not FIELDS[name](value):
            raise CalibrationError(f"{path}: {name}: value is out of range")
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def calibrated(settings: SimulatorSettings, path: Path | None) -> SimulatorSettings:
    """Return the settings with the values of a calibration file, if there is one.

    Raises
    ------
    CalibrationError
        As from `read`.
    """
    return settings if path is None else dataclasses.replace(settings, **read(path))
