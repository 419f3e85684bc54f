"""Arguments and helpers of commands that act on a call; argument types for all commands."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicectl.admin_api import admin_api
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from voicectl.context import Context

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def add_call_argument(parser: argparse.ArgumentParser) -> None:
    """Add the UUID of a call to a command's arguments."""
    parser.add_argument(
        "uuid",
        nargs="?",
        type=_leg,
        metavar="UUID",
        help="the UUID of the call (default: the setting CALL_UUID)",
    )


def resolve_call(options: argparse.Namespace, context: Context) -> str:
    """Return the UUID from the arguments, or from the setting CALL_UUID.

    Raises
    ------
    VoicectlError
        If there is neither, or the setting is not a UUID.
    """
    if options.uuid is not None:
        return str(options.uuid)
    uuid = context.settings.need("uuid")
    if not _UUID.fullmatch(uuid):
        raise VoicectlError(
            "CALL_UUID is not a call UUID: expected 32 hex digits, with or without dashes"
        )
    return uuid


def send_command(
    options: argparse.Namespace,
    context: Context,
    method: str,
    part: str,
    body: dict[str, Any] | None,
    done: str,
) -> int:
    """Send a command to a call and report it; with ``--dry-run``, print the request instead.

    Parameters
    ----------
    method, part, body
        The request: ``part`` follows ``/calls/{uuid}``.
    done
        The progress message, in the past tense.
    """
    uuid = resolve_call(options, context)
    path = f"/calls/{uuid}{part}"
    if options.dry_run:
        return print_dry_run(context, method, path, body)
    response = admin_api(context).change(method, path, body)
    context.output.line(f"{uuid}: {done}")
    context.output.result({"uuid": uuid, "done": done, "answer": response.body})
    return 0


def print_dry_run(context: Context, method: str, path: str, body: dict[str, Any] | None) -> int:
    """Print the request that ``--dry-run`` does not send."""
    text = "" if body is None else f" {json.dumps(body, ensure_ascii=False)}"
    context.output.line(f"would send {method} {path}{text}")
    context.output.result({"would_send": {"method": method, "path": path, "body": body}})
    return 0


def json_file(text: str) -> Any:
    """Return the JSON in a file, for argparse; ``-`` is standard input.

    Raises
    ------
    argparse.ArgumentTypeError
        If it cannot be read, is not JSON, or has a duplicate key, of which one would be lost.
    """
    try:
        content = sys.stdin.read() if text == "-" else Path(text).read_text(encoding="utf-8")
        return json.loads(content, object_pairs_hook=_unique_keys)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not valid JSON: {error}") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"duplicate key: {name}")
        fields[name] = value
    return fields


def ncco(text: str) -> list[Any]:
    """Return the NCCO in a file, for argparse; ``-`` is standard input.

    The API validates its actions.

    Raises
    ------
    argparse.ArgumentTypeError
        If it cannot be read, or is not a JSON array.
    """
    value = json_file(text)
    if not isinstance(value, list):
        raise argparse.ArgumentTypeError(f"{text} is not an NCCO: expected an array of actions")
    return value


def level(text: str) -> float:
    """Return an audio level, for argparse (Voice API reference: level)."""
    try:
        level = float(text)
    except ValueError:
        level = 2.0
    if not -1 <= level <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a level: expected -1 to 1")
    return level


def int_in_range(low: int, high: int) -> Any:
    """Return a parser of whole numbers in a range, for argparse."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _leg(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a call UUID: expected 32 hex digits, with or without dashes"
        )
    return text
