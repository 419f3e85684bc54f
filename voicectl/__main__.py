"""Entry point of ``voicectl``: parse arguments, run a command, report errors in one line.

Exit status: 0 success, 1 failure, 2 wrong arguments, 70 internal error, 130 interrupted.
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

from voicectl import event_tail, restore_points
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
    "events",
    "recordings",
    "voicemails",
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
    """The interface of a module in ``voicectl.commands``."""

    NAME: str
    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, options: argparse.Namespace, context: Context) -> int:
        """Run the command and return the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    commands = _commands()
    options = _parser(commands).parse_args(arguments)
    for name, value in _DEFAULTS.items():
        if not hasattr(options, name):
            setattr(options, name, value)
    # After SIGTERM, and after SIGHUP except under nohup, a command restores what it changed, as
    # after Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    output = Output(json=options.json, yes=options.yes)
    root = Path.cwd()
    try:
        context = _context(options, output, root)
        _warn_of_leftovers(options, output, context.folder)
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
    except BrokenPipeError:  # the reader of the output has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        path = _write_crash_report(root)
        output.error(f"internal error. Please open an issue and attach {path}.")
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


def _warn_of_leftovers(options: argparse.Namespace, output: Output, folder: Path) -> None:
    """Warn about each tunnel and `events tail` that was killed before it restored its changes."""
    if options.command == "restore":
        return
    for _, saved in event_tail.left_behind(folder):
        output.warn(
            f"`events tail` was killed, and its rule and queue {saved['name']} still exist. Run"
            f" `{event_tail.restore_command(saved)}` to remove them."
        )
    if options.command == "tunnel":  # it restores them itself
        return
    for _, saved in restore_points.saved_files(folder, "tunnel"):
        if not restore_points.is_running(saved):
            local = " --local" if saved.get("local") else ""
            output.warn(
                f"a tunnel was killed, and the webhooks of {saved.get('application_id')} still"
                f" point to {saved.get('public_url')}. Run `voicectl{local} restore` to"
                " restore them."
            )


def make_folder(root: Path) -> Path:
    """Create the folder for the files of commands, accessible only to the user.

    Raises
    ------
    VoicectlError
        If it cannot be created.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise VoicectlError(f"cannot create {folder}: {error.strerror}") from None
    return folder


def _commands() -> dict[str, Command]:
    modules = [importlib.import_module(f"voicectl.commands.{name}") for name in COMMANDS]
    # A module is one command, or has several similar ones in COMMANDS.
    commands = [one for module in modules for one in getattr(module, "COMMANDS", (module,))]
    return {command.NAME: command for command in commands}


def _parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    common = _common()
    parser = argparse.ArgumentParser(
        prog="voicectl",
        description="Link a deployed stack to Vonage, check it, and operate it.",
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
    """Build the options that are accepted before and after the command."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    add = common.add_argument
    add("--json", action="store_true", help="print one JSON object and never prompt")
    add("--local", action="store_true", help="use the running local platform (make up)")
    add("--stack", metavar="NAME", help="use this stack instead of the one in samconfig.toml")
    add("--region", help="use this AWS region instead of the one in samconfig.toml or your own")
    add("--profile", help="use this AWS profile")
    add("--dry-run", action="store_true", help="show what would change, and change nothing")
    add("--yes", action="store_true", help="skip the confirmation prompts")
    return common


def _write_crash_report(root: Path) -> Path:
    """Write the traceback to a file and return its path."""
    path = make_folder(root) / f"fault-{int(time.time())}.txt"
    path.touch(mode=0o600)
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
