"""What commands that change a call share: which call, which NCCO, and carrying it out.

That a file with JSON is read as an argument, others share as well.
"""

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
    """Let a command take the UUID of a call."""
    parser.add_argument(
        "uuid", nargs="?", type=_leg, metavar="UUID", help="the call (the setting UUID)"
    )


def resolve_call(options: argparse.Namespace, context: Context) -> str:
    """Give the call that was named, or that of the setting UUID.

    Raises
    ------
    ConnectError
        If there is neither.
    """
    if options.uuid is not None:
        return str(options.uuid)
    known = context.settings.need("uuid")
    if not _UUID.fullmatch(known):
        raise VoicectlError("UUID is no call's: it has 32 hexadecimal digits, dashes or not")
    return known


def send_command(
    options: argparse.Namespace,
    context: Context,
    method: str,
    part: str,
    body: dict[str, Any] | None,
    done: str,
) -> int:
    """Change a call, and say so; with ``--dry-run`` only say what would be sent.

    Parameters
    ----------
    method, part, body
        The request: ``part`` follows ``/calls/{uuid}``.
    done
        What was done, for the user.
    """
    uuid = resolve_call(options, context)
    path = f"/calls/{uuid}{part}"
    if options.dry_run:
        return print_dry_run(context, method, path, body)
    reply = admin_api(context).change(method, path, body)
    context.output.line(f"{uuid}: {done}")
    context.output.result({"uuid": uuid, "done": done, "answer": reply.body})
    return 0


def print_dry_run(context: Context, method: str, path: str, body: dict[str, Any] | None) -> int:
    """Say which request ``--dry-run`` leaves out."""
    text = "" if body is None else f" {json.dumps(body, ensure_ascii=False)}"
    context.output.line(f"would send {method} {path}{text}")
    context.output.result({"would_send": {"method": method, "path": path, "body": body}})
    return 0


def json_file(text: str) -> Any:
    """Read the JSON in a file, for argparse; ``-`` is standard input.

    Raises
    ------
    argparse.ArgumentTypeError
        If it cannot be read, is no JSON, or names something twice, of which one would be lost.
    """
    try:
        content = sys.stdin.read() if text == "-" else Path(text).read_text(encoding="utf-8")
        return json.loads(content, object_pairs_hook=_once)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name} stands in it twice")
        made[name] = value
    return made


def ncco(text: str) -> list[Any]:
    """Read the NCCO in a file, for argparse; ``-`` is standard input.

    Only its shape is looked at: what may stand in it, the API says.

    Raises
    ------
    argparse.ArgumentTypeError
        If it cannot be read, or is no JSON array.
    """
    value = json_file(text)
    if not isinstance(value, list):
        raise argparse.ArgumentTypeError(f"{text} is no NCCO: an array of actions")
    return value


def level(text: str) -> float:
    """Read a level, for argparse (Voice API reference: level)."""
    try:
        level = float(text)
    except ValueError:
        level = 2.0
    if not -1 <= level <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no level from -1 to 1")
    return level


def int_in_range(low: int, high: int) -> Any:
    """Make what reads a whole number in a range, for argparse."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is no whole number from {low} to {high}")
        return int(text)

    return read


def _leg(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text} is no call's UUID: 32 hexadecimal digits, dashes or not"
        )
    return text
