"""Arguments and helpers of commands that act on a call; types of arguments for all commands."""

from __future__ import annotations

import difflib
import json
import math
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import admin_api
from voicectl.command_line import command_line
from voicectl.errors import VoicectlError
from voicectl.vonage_calls import find_call

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_PREFIX = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,27}", re.IGNORECASE)
_EXPECTED = "expected 32 hex digits, with or without dashes, or the first eight of them or more"


def resolve_call(options: SimpleNamespace, context: Context) -> str:
    """Return the UUID from the arguments, or from the setting CALL_UUID; complete a prefix.

    Raises
    ------
    VoicectlError
        If there is neither, the setting is not a UUID, or a prefix has no match or several.
    """
    line = command_line(f"{click.get_current_context().info_name} UUID")
    uuid = str(options.uuid or context.settings.need("uuid", f"pass the UUID (`{line}`)"))
    if _UUID.fullmatch(uuid):
        return uuid
    if not _PREFIX.fullmatch(uuid):
        raise VoicectlError(f"CALL_UUID is not a call UUID: {_EXPECTED}")
    return find_call(admin_api(context), uuid, datetime.fromtimestamp(context.now(), UTC).date())


def send_command(
    options: SimpleNamespace,
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
    """Return the JSON in a file, as a click type; ``-`` is standard input.

    Raises
    ------
    click.BadParameter
        If it cannot be read, is not JSON, or has a duplicate key, of which one would be lost.
    """
    try:
        content = sys.stdin.read() if text == "-" else Path(text).read_text(encoding="utf-8")
        return json.loads(content, object_pairs_hook=_unique_keys)
    except OSError as error:
        raise click.BadParameter(f"cannot read {text}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{text} is not valid JSON: {error}") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"duplicate key: {name}")
        fields[name] = value
    return fields


def ncco(text: str) -> list[Any]:
    """Return the NCCO in a file, as a click type; ``-`` is standard input.

    The API validates its actions.

    Raises
    ------
    click.BadParameter
        If it cannot be read, or is not a JSON array.
    """
    value = json_file(text)
    if not isinstance(value, list):
        raise click.BadParameter(f"{text} is not an NCCO: expected an array of actions")
    return value


class Choice(click.Choice[str]):
    """One of several words; a mistyped one gets a suggestion."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the text of the error."""
        text = super().get_invalid_choice_message(value, ctx)
        close = difflib.get_close_matches(str(value), self.choices, 1)
        return f"{text} Did you mean {close[0]!r}?" if close else text


class FloatRange(click.FloatRange):
    """Numbers in a range; NaN is in none."""

    def convert(self, value: Any, *where: Any) -> float:
        """Return the number."""
        number: float = super().convert(value, *where)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", *where)
        return number


def _leg(text: str) -> str:
    if not _PREFIX.fullmatch(text) and not _UUID.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a call UUID: {_EXPECTED}")
    return text


call_argument = click.argument(
    "uuid",
    required=False,
    type=_leg,
    metavar="[UUID]",
    help="the UUID of the call, or its first eight digits (default: the setting CALL_UUID)",
)
ncco_option = click.option(
    "--ncco", type=ncco, metavar="FILE", help="run the NCCO in this file; - is standard input"
)
flow_option = click.option("--flow", metavar="NAME", help="run this flow of the stack")
loop_option = click.option(
    "--loop", type=click.IntRange(0), metavar="N", help="number of repetitions; 0 is endless"
)
level_option = click.option(
    "--level", type=FloatRange(-1, 1), metavar="N", help="volume, from -1 to 1"
)
"""Arguments and options of several commands (Voice API reference: talk, stream)."""
