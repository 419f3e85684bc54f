"""The command line, made with click: what all commands share.

A command is a function that takes the options and the context, and returns the exit status::

    @command("hangup", help="hang up a leg", examples=("voicectl hangup 5ad3e1f0",))
    @click.argument("uuid", metavar="UUID", help="the UUID of the leg")
    def hangup(options: SimpleNamespace, context: Context) -> int: ...

Commands with a common first word are in a `VoicectlGroup`, whose ``group.command`` takes the same
arguments as `command`. Each module of ``voicectl.commands`` has one command, one group, or several
similar commands, and ``voicectl.__main__`` puts them in the sections of the help.
`VoicectlCommand.invoke` builds the context and reports errors.

Exit status: 0 success, 1 failure, 2 wrong arguments, 70 internal error, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import click
from botocore.exceptions import BotoCoreError, ClientError
from click.core import ParameterSource

from voicectl import event_tail, restore_points
from voicectl import settings as settings_module
from voicectl import stack as stacks
from voicectl.command_line import COMMON_KEY, command_line
from voicectl.context import Context
from voicectl.errors import VoicectlError
from voicectl.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Run = Callable[[SimpleNamespace, Context], int]

FOLDER = ".connect"
_JSON_KEY = "voicectl.json"


def _store(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Store a common option, so that it counts before and after the command."""
    common = ctx.meta.setdefault(COMMON_KEY, {})
    if value or option.name not in common:
        common[option.name] = value


def _common(name: str, help: str, **attributes: Any) -> click.Option:  # noqa: A002 - as click's
    return click.Option([name], help=help, expose_value=False, callback=_store, **attributes)


COMMON_OPTIONS = (
    _common("--local", "use the running local platform (make up)", is_flag=True),
    _common("--stack", "use this stack instead of the one in samconfig.toml", metavar="NAME"),
    _common("--region", "use this AWS region instead of the one in samconfig.toml or your own"),
    _common("--profile", "use this AWS profile"),
    _common("--dry-run", "show what would change, and change nothing", is_flag=True),
    _common("--yes", "skip the confirmation prompts", is_flag=True),
    _common("--json", "print one JSON object and never prompt", is_flag=True),
)


class _CommandBase(click.Command):
    """A command or group: its own arguments and options, the common ones, and examples.

    Parameters
    ----------
    examples
        Command lines for the end of the help.
    """

    def __init__(self, name: str, *, examples: Sequence[str] = (), **attributes: Any) -> None:
        settings = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
        super().__init__(name, context_settings=settings, **attributes)
        self.examples = examples
        self.own = tuple(self.params)
        self.params += COMMON_OPTIONS

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, and then the common ones."""
        options = [one for one in self.own if isinstance(one, click.Option)]
        common = [*COMMON_OPTIONS, self.get_help_option(ctx)]
        for title, params in (("Options", options), ("Options of all commands", common)):
            rows = [row for one in params if one and (row := one.get_help_record(ctx))]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class VoicectlCommand(_CommandBase):
    """A command.

    Parameters
    ----------
    one_of
        Names of options of which exactly one must be passed.
    """

    def __init__(self, name: str, *, one_of: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.one_of = [one for one in self.own if one.name in one_of]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; show the help if some are missing and none was passed.

        With ``--json``, the error names what is missing instead.
        """
        try:
            rest = super().parse_args(ctx, args)
            if self.one_of and not ctx.resilient_parsing:
                self._check_one_of(ctx)
        except click.MissingParameter:
            if _passed(ctx, self.own) or ctx.meta[COMMON_KEY]["json"]:
                raise
            raise click.exceptions.NoArgsIsHelpError(ctx) from None
        return rest

    def _check_one_of(self, ctx: click.Context) -> None:
        names = [one.opts[0] for one in _passed(ctx, self.one_of)]
        if len(names) > 1:
            raise click.UsageError(f"{' and '.join(names)} exclude each other", ctx)
        if not names:
            hint = [one.opts[0] for one in self.one_of]
            raise click.MissingParameter(ctx=ctx, param_hint=hint, param_type="option")

    def invoke(self, ctx: click.Context) -> None:
        """Run the command, report its error in one line, and exit."""
        options = SimpleNamespace(**ctx.meta[COMMON_KEY], **ctx.params)
        ctx.exit(_run(cast("Run", self.callback), str(self.name), options))


def _passed(ctx: click.Context, params: Sequence[click.Parameter]) -> list[click.Parameter]:
    """Return the parameters that are on the command line."""
    source = ctx.get_parameter_source
    return [one for one in params if source(str(one.name)) is ParameterSource.COMMANDLINE]


class VoicectlGroup(_CommandBase, click.Group):
    """Commands with a common first word; without a command, it shows its help.

    Parameters
    ----------
    sections
        The commands by title, for a help with sections.
    """

    command_class = VoicectlCommand

    def __init__(
        self,
        name: str,
        *,
        sections: Mapping[str, Sequence[click.Command]] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(
            name,
            invoke_without_command=True,
            subcommand_metavar="COMMAND [ARGS]...",
            **attributes,
        )
        self.callback = _show_help_without_command
        self.sections = sections
        for one in [one for commands in (sections or {}).values() for one in commands]:
            self.add_command(one)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the arguments; with ``--json`` anywhere, an error is a JSON object."""
        json = "--json" in args
        with _json_errors(json):
            made = super().make_context(info_name, args, parent, **extra)
        made.meta.setdefault(_JSON_KEY, json)
        return made

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the arguments of the command and run it, with errors as in `make_context`."""
        with _json_errors(ctx.meta[_JSON_KEY]):
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and then the options."""
        for title, commands in (self.sections or {"Commands": [*self.commands.values()]}).items():
            with formatter.section(title):
                shown = [one for one in commands if not one.hidden]
                formatter.write_dl([(str(one.name), one.help or "") for one in shown])
        super().format_options(ctx, formatter)


def command(name: str, **attributes: Any) -> Callable[[Run], VoicectlCommand]:
    """Return a decorator that makes a command of a function.

    Parameters
    ----------
    name, attributes
        ``help``, ``examples`` and ``one_of``; and those of `click.Command`.
    """
    return click.command(name, cls=VoicectlCommand, **attributes)


class _JsonUsageError(click.UsageError):
    """Wrong arguments, reported as a JSON object."""

    def show(self, file: Any = None) -> None:
        """Write the object."""
        Output(json=True).error(self.message)


@contextlib.contextmanager
def _json_errors(json: bool) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if json:
            raise _JsonUsageError(error.format_message()) from None
        raise


def _show_help_without_command() -> None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        if ctx.meta[COMMON_KEY]["json"]:
            raise click.UsageError("Missing command.", ctx)
        raise click.exceptions.NoArgsIsHelpError(ctx)


def _run(run: Run, name: str, options: SimpleNamespace) -> int:
    """Run a command and return the exit status."""
    # After SIGTERM, and after SIGHUP except under nohup, a command restores what it changed, as
    # after Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    output = Output(json=options.json, yes=options.yes)
    root = Path.cwd()
    try:
        context = _context(options, output, root)
        _warn_of_leftovers(name, output, context.folder)
        return run(options, context)
    except VoicectlError as error:
        output.error(str(error))
        return error.exit_status
    except (ClientError, BotoCoreError) as error:
        output.error(stacks.explain_aws_error(error))
        return 1
    except KeyboardInterrupt:
        output.error("interrupted")
        return 130
    except BrokenPipeError:  # the reader of the output has exited; click exits with 1
        raise
    except Exception:
        path = _write_crash_report(root)
        output.error(f"internal error. Please open an issue and attach {path}.")
        return 70


def _context(options: SimpleNamespace, output: Output, root: Path) -> Context:
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


def _warn_of_leftovers(name: str, output: Output, folder: Path) -> None:
    """Warn about each tunnel and `events tail` that was killed before it restored its changes."""
    if name == "restore":
        return
    for _, saved in event_tail.left_behind(folder):
        output.warn(
            f"`events tail` was killed, and its rule and queue {saved['name']} still exist. Run"
            f" `{event_tail.restore_command(saved)}` to remove them."
        )
    if name == "tunnel":  # it restores them itself
        return
    for _, saved in restore_points.saved_files(folder, "tunnel"):
        if not restore_points.is_running(saved):
            restore = command_line("restore", {"local": saved.get("local")})
            output.warn(
                f"a tunnel was killed, and the webhooks of {saved.get('application_id')} still"
                f" point to {saved.get('public_url')}. Run `{restore}` to restore"
                " them."
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


def _write_crash_report(root: Path) -> Path:
    """Write the traceback to a file and return its path."""
    path = make_folder(root) / f"fault-{int(time.time())}.txt"
    path.touch(mode=0o600)
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return path
