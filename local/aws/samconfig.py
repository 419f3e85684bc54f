"""What samconfig.toml gives the template's parameters, so that flows meet it here as deployed."""

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
    """Read the values with which ``sam deploy`` without a stage deploys: ``parameter_overrides``.

    Parameters
    ----------
    root
        The folder with samconfig.toml; where it has none, nothing is given.

    Returns
    -------
    dict
        Values by the names of parameters. As the SAM CLI reads them, what stands under
        ``default.deploy`` goes before what stands under ``default.global``.

    Raises
    ------
    TemplateError
        If the file is no TOML, or the values are no pairs; the text says where.
    """
    path = root / _FILE
    if not path.is_file():
        return {}
    try:
        stage = tomllib.loads(path.read_text(encoding="utf-8")).get("default", {})
        found = [stage.get(name, {}).get("parameters", {}) for name in ("deploy", "global")]
        given = next((one[_KEY] for one in found if _KEY in one), "")
    except (ValueError, AttributeError, TypeError) as error:
        raise TemplateError(f"{path} cannot be read: {error}") from None
    if isinstance(given, dict):
        return {name: str(value) for name, value in given.items()}
    try:
        texts = [given] if isinstance(given, str) else given
        return dict(_pair(word) for text in texts for word in shlex.split(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise TemplateError(f"{path}: {_KEY} cannot be read: {error}") from None


def _pair(word: str) -> tuple[str, str]:
    pair = re.fullmatch(_LONG, word, re.DOTALL) or re.fullmatch(_SHORT, word, re.DOTALL)
    if pair is None:
        raise ValueError(f"{word!r} is not of the form Name=value")
    return pair[1], pair[2]
