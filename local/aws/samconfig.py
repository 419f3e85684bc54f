"""The template parameters of samconfig.toml, so that flows get the same values as deployed."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

from local.aws.template import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "samconfig.toml"
_KEY = "parameter_overrides"
_LONG = r"ParameterKey=(\w+),ParameterValue=(.*)"
_SHORT = r"(\w+)=(.*)"


def overrides(root: Path) -> dict[str, str]:
    """Return the ``parameter_overrides`` of ``sam deploy`` without a config environment.

    Parameters
    ----------
    root
        The folder with samconfig.toml; without that file, the result is empty.

    Returns
    -------
    dict
        Values by parameter name. As for the SAM CLI, ``default.deploy`` takes precedence over
        ``default.global``.

    Raises
    ------
    TemplateError
        If the file is not valid TOML, or a value is not a pair; the message names the file.
    """
    path = root / _FILE
    if not path.is_file():
        return {}
    try:
        stage = tomllib.loads(path.read_text(encoding="utf-8")).get("default", {})
        found = [stage.get(name, {}).get("parameters", {}) for name in ("deploy", "global")]
        value = next((one[_KEY] for one in found if _KEY in one), "")
    except (ValueError, AttributeError, TypeError) as error:
        raise TemplateError(f"{path}: cannot be read: {error}") from None
    if isinstance(value, dict):
        return {name: str(one) for name, one in value.items()}
    try:
        texts = [value] if isinstance(value, str) else value
        return dict(_pair(word) for text in texts for word in shlex.split(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise TemplateError(f"{path}: {_KEY} cannot be read: {error}") from None


def _pair(word: str) -> tuple[str, str]:
    pair = re.fullmatch(_LONG, word, re.DOTALL) or re.fullmatch(_SHORT, word, re.DOTALL)
    if pair is None:
        raise ValueError(f"{word!r} does not have the form Name=value")
    return pair[1], pair[2]
