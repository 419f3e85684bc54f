"""``call``: place a call, once for each idempotency key."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import admin_api
from voicectl.call_commands import Choice, flow_option, ncco_option, print_dry_run
from voicectl.cli import command
from voicectl.phone_numbers import number

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SIP = re.compile(r"sips?:\S+")


def _endpoint(text: str) -> dict[str, str]:
    if _SIP.fullmatch(text):
        return {"type": "sip", "uri": text}
    return {"type": "phone", "number": number(text)}


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} is not an Idempotency-Key: expected 1 to 255 visible ASCII characters"
        )
    return text


# Options: Voice API reference, createCall
@command(
    "call",
    help="place a call, with a flow, an NCCO from a file, or one from a URL",
    examples=(
        "voicectl call --to +447700900001 --flow greet",
        "voicectl call --to sip:office@example.com --ncco hello.json --dry-run",
    ),
    one_of=("flow", "ncco", "answer_url"),
)
@click.option(
    "--to",
    type=_endpoint,
    metavar="NUMBER",
    help="call this number or SIP URI (default: TO_NUMBER)",
)
@click.option(
    "--from",
    "caller",
    type=number,
    metavar="NUMBER",
    help="show this caller's number (default: the stack's VonageNumber)",
)
@flow_option
@ncco_option
@click.option("--answer-url", metavar="URL", help="run the NCCO from this URL")
@click.option(
    "--key",
    type=_key,
    metavar="KEY",
    help="use the Idempotency-Key of an earlier attempt (default: a new key)",
)
@click.option(
    "--ringing-timer",
    type=click.IntRange(1, 120),
    metavar="S",
    help="stop ringing after this many seconds",
)
@click.option(
    "--length-timer",
    type=click.IntRange(1, 86400),
    metavar="S",
    help="hang up after this many seconds",
)
@click.option(
    "--machine-detection",
    type=Choice(("continue", "hangup")),
    help="detect answering machines, and continue or hang up",
)
def call(options: SimpleNamespace, context: Context) -> int:
    """Place the call, without retries: after a lost response, the user passes --key."""
    body = _body(options, context)
    if options.dry_run:
        return print_dry_run(context, "POST", "/calls", body)
    api = admin_api(context)
    key = options.key or str(uuid.uuid4())
    context.output.note(f"Idempotency-Key: {key}")
    response = api.place(body, key)
    fields = response.body if isinstance(response.body, dict) else {}
    if response.repeated:
        context.output.line("already placed with this key; nothing was dialed again")
    for name, value in fields.items():
        context.output.line(f"{name}: {value}")
    context.output.result({"idempotency_key": key, "repeated": response.repeated, **fields})
    return 0


def _body(options: SimpleNamespace, context: Context) -> dict[str, Any]:
    to = options.to or _endpoint(context.settings.need("to_number", "pass --to NUMBER"))
    caller = None if options.caller is None else {"type": "phone", "number": options.caller}
    fields = {
        "to": [to],
        "from": caller,
        "flow": options.flow,
        "ncco": options.ncco,
        "answer_url": None if options.answer_url is None else [options.answer_url],
        "ringing_timer": options.ringing_timer,
        "length_timer": options.length_timer,
        "machine_detection": options.machine_detection,
    }
    return {name: value for name, value in fields.items() if value is not None}
