"""SAM's own transform of a template, whose results are kept in files.

Loading and running the transform takes as long as everything else that a platform's start does in
Python. Its result depends on nothing but its arguments and its version.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import samtranslator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEPT = 20  # results; a call of the platform with other parameters adds one


class TransformError(Exception):
    """SAM cannot transform the template; the message states the reason."""


def transformed(
    source: dict[str, Any], parameters: Mapping[str, str], region: str, folder: Path
) -> dict[str, Any]:
    """Return the CloudFormation template of a SAM template.

    Parameters
    ----------
    source
        The SAM template as JSON values.
    parameters
        The values of its parameters.
    region
        The AWS region of the stack.
    folder
        Keeps the latest results. It is created; if it cannot be written, nothing is kept.

    Raises
    ------
    TransformError
        If the template is invalid.
    """
    given = json.dumps([samtranslator.__version__, region, dict(parameters), source])
    file = folder / f"{hashlib.sha256(given.encode()).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError):
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return kept
    text = _transform(source, dict(parameters), region)
    with contextlib.suppress(OSError):
        _keep(file, text)
    made: dict[str, Any] = json.loads(text)
    return made


def _transform(source: dict[str, Any], parameters: dict[str, str], region: str) -> str:
    """Return the transformed template as JSON, without the transform's own kinds of dict."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    from local.aws.boto_session import isolated_session

    # The first argument, AWS's managed policies, matters only for names that the platform ignores.
    translator = Translator({}, Parser(), boto_session=isolated_session(region))
    try:
        made = translator.translate(source, parameters)
        translator.metrics.publish()  # to a dummy; otherwise it logs a warning at exit
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise TransformError(causes or error.message) from error
    return json.dumps(made)


def _keep(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(f".{os.getpid()}")
    written.write_text(text, encoding="utf-8")
    written.replace(file)
    files = sorted(file.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)
    for old in files[:-_KEPT]:
        old.unlink(missing_ok=True)
