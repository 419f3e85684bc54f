"""``python -m voicectl``: reads the arguments, runs one command, turns what goes wrong into a line.

Exit status: 0 done, 1 it could not be done, 2 wrong arguments, 70 a fault of this program,
130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from voicectl import restore_points
from voicectl import settings as settings_module
from voicectl import stack as stacks
from voicectl.context import Context
from voicectl.errors import VoicectlError
from voicectl.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: tuple[str, ...] = (
    "up",
    "restore",
    "doctor",
    "tunnel",
    "token",
    "rotate",
    "capture",
    "call",
    "call_actions",
    "transfer",
    "talk",
    "stream",
    "dtmf",
    "calls",
    "timeline",
    "watch",
    "recordings",
    "switchboard",
    "redrive",
    "forget",
)
FOLDER = ".connect"
_DEFAULTS: dict[str, object] = {
    "json": False,
    "local": False,
    "stack": None,
    "region": None,
    "profile": None,
    "dry_run": False,
    "yes": False,
}


class Command(Protocol):
    """What a module in ``voicectl.commands`` has."""

    NAME: str
    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, options: argparse.Namespace, context: Context) -> int:
        """Do it; give the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give the exit status."""
    commands = _commands()
    options = _parser(commands).parse_args(arguments)
    for name, value in _DEFAULTS.items():
        if not hasattr(options, name):
            setattr(options, name, value)
    # Ended by kill, a command puts things back as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    output = Output(json=options.json, yes=options.yes)
    root = Path.cwd()
    try:
        context = _context(options, output, root)
        _warn_of_tunnels(options, output, context.folder)
        return commands[options.command].run(options, context)
    except VoicectlError as error:
        output.error(str(error))
        return 1
    except (ClientError, BotoCoreError) as error:
        output.error(stacks.explain_aws_error(error))
        return 1
    except KeyboardInterrupt:
        output.error("interrupted")
        return 130
    except BrokenPipeError:  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        output.error(
            f"a fault of this program; please report what stands in {_write_crash_report(root)}"
        )
        return 70


def _context(options: argparse.Namespace, output: Output, root: Path) -> Context:
    settings = settings_module.read(os.environ, root)
    local = stacks.local_file(root) if options.local else None
    if local is not None:
        settings = settings_module.of_local(local, settings)
    return Context(
        settings=settings,
        output=output,
        folder=make_folder(root),
        read_stack=lambda: stacks.read(options, root),
        local=local,
    )


def _warn_of_tunnels(options: argparse.Namespace, output: Output, folder: Path) -> None:
    """Say so where a tunnel was killed before it could put the webhooks back."""
    if options.command in ("tunnel", "restore"):  # they mend it
        return
    for _, kept in restore_points.tunnels(folder):
        if not restore_points.runs(kept):
            local = " --local" if kept.get("local") else ""
            output.warn(
                f"a tunnel was killed, and the webhooks of {kept.get('application_id')} lead to"
                f" {kept.get('public_url')} still: `python -m voicectl{local} restore` puts them"
                " back"
            )


def make_folder(root: Path) -> Path:
    """Make the folder for what commands keep, which is the owner's alone.

    Raises
    ------
    ConnectError
        If it cannot be made.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise VoicectlError(f"{folder} cannot be made: {error.strerror}") from None
    return folder


def _commands() -> dict[str, Command]:
    modules = [importlib.import_module(f"voicectl.commands.{name}") for name in COMMANDS]
    # A module is a command, or has several that are alike.
    commands = [one for module in modules for one in getattr(module, "COMMANDS", (module,))]
    return {command.NAME: command for command in commands}


def _parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    common = _common()
    parser = argparse.ArgumentParser(
        prog="python -m voicectl",
        description="Connect a deployed stack with Vonage, check it, and operate it.",
        parents=[common],
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in commands.items():
        one = subparsers.add_parser(
            name, help=command.HELP, description=command.HELP, parents=[common]
        )
        command.arguments(one)
    return parser


def _common() -> argparse.ArgumentParser:
    """Make the options that stand before the command or after it."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    add = common.add_argument
    add("--json", action="store_true", help="one JSON object on standard output; asks nothing")
    add("--local", action="store_true", help="act on the running local platform (make up)")
    add("--stack", metavar="NAME", help="the stack, if not samconfig.toml's")
    add("--region", help="the AWS region, if not samconfig.toml's or your own")
    add("--profile", help="the AWS profile")
    add("--dry-run", action="store_true", help="say what would be changed, and change nothing")
    add("--yes", action="store_true", help="change without asking")
    return common


def _write_crash_report(root: Path) -> Path:
    """Write the traceback of a fault to a file, and give its path."""
    path = make_folder(root) / f"fault-{int(time.time())}.txt"
    path.touch(mode=0o600)
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
