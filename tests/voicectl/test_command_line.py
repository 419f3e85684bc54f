"""The command line: help, suggestions, common options, and completion."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

import voicectl
from tests.voicectl.parsing import parsed_command
from voicectl.__main__ import SECTIONS, cli
from voicectl.cli import COMMON_OPTIONS, VoicectlCommand, VoicectlGroup
from voicectl.command_line import command_line

if TYPE_CHECKING:
    from click.testing import Result

VOICECTL = Path(sys.executable).with_name("voicectl")


def commands(
    group: click.Group = cli, words: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], VoicectlCommand | VoicectlGroup]]:
    """Return all commands and groups, with their words."""
    found = []
    for name, one in group.commands.items():
        assert isinstance(one, VoicectlCommand | VoicectlGroup)
        found.append(((*words, name), one))
        if isinstance(one, VoicectlGroup):
            found += commands(one, (*words, name))
    return found


COMMANDS = commands()


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, prog_name="voicectl", terminal_width=100)


def test_the_help_lists_every_command_in_one_section() -> None:
    listed = [one.name for section in SECTIONS.values() for one in section]
    assert sorted(map(str, listed)) == sorted(cli.commands)
    assert list(SECTIONS) == [*("Setup", "Flows", "Calls", "Recordings", "Routing", "Keys", "Data")]
    lines = run("--help").output.splitlines()
    positions = [lines.index(f"{title}:") for title in SECTIONS]
    assert positions == sorted(positions)
    for title, section in SECTIONS.items():
        text = "\n".join(lines[lines.index(f"{title}:") :]).partition("\n\n")[0]
        assert all(f"\n  {one.name} " in text for one in section)


@pytest.mark.parametrize("words", [words for words, _ in COMMANDS], ids=" ".join)
def test_every_help_describes_all_parameters_and_has_examples(words: tuple[str, ...]) -> None:
    shown = run(*words, "--help")
    assert shown.exit_code == 0
    examples = shown.output.partition("\nExamples:\n")[2].splitlines()
    assert examples and all(one.startswith("  voicectl ") for one in examples)
    command = dict(COMMANDS)[words]
    for one in command.own:
        assert isinstance(one, click.Option | click.Argument)
        assert one.help and one.help.split()[0] in shown.output
        # Without a metavar, click makes one of the name of a function that reads the value.
        assert not one.make_metavar(click.Context(command)).startswith("_")
    assert all(one.opts[0] in shown.output for one in COMMON_OPTIONS)


EXAMPLES = [
    example
    for one in (cli, *(one for _, one in COMMANDS))
    for example in one.examples
    if " --help" not in example
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_valid_command(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hello.json", "goodbye.json", "switchboard.json"):
        (tmp_path / name).write_text("[]")
    assert parsed_command(shlex.split(example, comments=True)[1:]) is not None


def test_common_options_count_before_and_after_the_command() -> None:
    for words in (
        "--local --json switchboard show",
        "switchboard show --local --json",
        "--local switchboard --json show",
    ):
        found = parsed_command(words.split())
        assert found is not None
        name, options = found
        assert (name, options["local"], options["json"]) == ("show", True, True), words
        assert (options["yes"], options["dry_run"], options["stack"]) == (False, False, None)
    words = "--stack one --region eu-west-1 calls --stack two --profile me"
    found = parsed_command(words.split())
    assert found is not None
    values = {name: found[1][name] for name in ("stack", "region", "profile")}
    assert values == {"stack": "two", "region": "eu-west-1", "profile": "me"}


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ("", ""),
        ("--local --yes", " --local"),
        ("--stack voice-prod --json", " --stack voice-prod"),
        (
            "--profile 'two words' --region eu-west-1",
            " --region eu-west-1 --profile 'two words'",
        ),
    ],
)
def test_a_hint_selects_the_stack_of_its_command(options: str, selected: str) -> None:
    group = VoicectlGroup("voicectl")
    hints: list[str] = []

    @group.command("now", cls=Hinting, hints=hints)
    def now() -> None: ...

    for line in (f"{options} now", f"now {options}"):
        CliRunner().invoke(group, shlex.split(line))
    assert hints == [f"voicectl{selected} switchboard undo"] * 2


class Hinting(VoicectlCommand):
    """A command that appends a hint when it runs."""

    def __init__(self, name: str, *, hints: list[str], **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.hints = hints

    def invoke(self, ctx: click.Context) -> None:
        self.hints.append(command_line("switchboard undo"))


def test_no_hint_leaves_out_the_options_that_select_the_stack() -> None:
    names = "|".join(str(words[0]) for words, _ in COMMANDS)
    hint = re.compile(rf"`voicectl |(?:[Rr]un|with) `(?:{names})\b")
    for path in Path(voicectl.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docstrings = {
            ast.get_docstring(one, clean=False)
            for one in ast.walk(tree)
            if isinstance(one, documented)
        }
        for one in ast.walk(tree):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                assert one.value in docstrings or not hint.search(one.value), path


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("docter", "doctor"),
        ("time-line", "timeline"),
        ("switchboard dailing", "dialing"),
        ("calls --statsu answered", "--status"),
        ("--locale calls", "--local"),
        ("switchboard dialing off --hangup", "--hang-up"),
        ("rotate keys", "key"),
        ("calls --status answred", "answered"),
        ("call --flow greet --machine-detection hang-up", "hangup"),
        ("redrive --queue recording", "recordings"),
        ("switchboard dialing of", "off"),
    ],
)
def test_a_mistyped_word_gets_a_suggestion(typed: str, suggested: str) -> None:
    shown = run(*typed.split())
    assert shown.exit_code == 2
    assert f"'{suggested}'" in shown.stderr.partition("Did you mean")[2]


NEED_ARGUMENTS = [
    words
    for words, one in COMMANDS
    if isinstance(one, VoicectlGroup) or one.one_of or any(param.required for param in one.own)
]


@pytest.mark.parametrize("words", [(), ("--local",), *NEED_ARGUMENTS], ids=" ".join)
def test_a_command_without_its_arguments_shows_its_help(words: tuple[str, ...]) -> None:
    shown = run(*words)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr == run(*words, "--help").output
    for line in (("--json", *words), (*words, "--json")):
        assert error_in_json(*line).startswith("Missing ")


def error_in_json(*words: str) -> str:
    """Run a command whose arguments are wrong, and return its error."""
    shown = run(*words)
    assert (shown.exit_code, shown.stderr) == (2, "")
    found = json.loads(shown.stdout)
    assert list(found) == ["error"]
    return str(found["error"])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("dcotor", "No such command 'dcotor'. Did you mean 'doctor'?"),
        ("timeline abc", "Invalid value for '[UUID]': 'abc' is not a call UUID"),
        (
            "calls --statsu answered",
            "No such option '--statsu'. (Did you mean one of: '--stack', '--status'?)",
        ),
        (
            "switchboard dailing off",
            "No such command 'dailing'. (Did you mean one of: 'dialing', 'dialling'?)",
        ),
        ("talk --text Hello --stop", "--text and --stop exclude each other"),
    ],
)
def test_with_json_wrong_arguments_are_an_object_too(words: str, error: str) -> None:
    for line in (f"--json {words}", f"{words} --json"):
        assert error_in_json(*line.split()).startswith(error)


def test_a_command_with_only_some_arguments_names_the_missing_ones() -> None:
    for words, missing in (
        ("talk --language en-GB", "Missing option '--text' / '--stop'."),
        ("call --to 447700900001", "Missing option '--flow' / '--ncco' / '--answer-url'."),
        ("switchboard dialing --hang-up", "Missing argument 'on|off'"),
    ):
        shown = run(*words.split())
        assert shown.exit_code == 2
        assert missing in shown.stderr


def test_options_that_exclude_each_other_are_named() -> None:
    shown = run("talk", "--text", "Hello", "--stop")
    assert shown.exit_code == 2
    assert "--text and --stop exclude each other" in shown.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("talk --text Hello --level nan", "'nan' is not a number"),
        ("talk --text Hello --level 2", "not in the range -1<=x<=1"),
        ("watch --every 0.1", "not in the range 0.5<=x<=60"),
        ("calls --most 0", "not in the range 1<=x<=10000"),
        ("token --lifetime 29", "not in the range 30<=x<=86400"),
        ("calls --day 2026-1-1", "is not a date: expected 2026-01-31"),
        ("voicemails --month 2026-13", "is not a month: expected 2026-01"),
        ("call --flow greet --ncco missing.json", "cannot read missing.json"),
        ("forget 12", "expected 7 to 15 digits"),
        ("dtmf --digits x", "are not DTMF digits"),
    ],
)
def test_an_invalid_value_is_an_error_that_says_what_is_allowed(words: str, problem: str) -> None:
    shown = run(*words.split())
    assert shown.exit_code == 2
    assert problem in shown.stderr


# Completion, as the shells ask for it


def completed(shell: str, *words: str) -> list[str]:
    """Return what a shell gets for a command line whose last word is incomplete."""
    variables = {
        "_VOICECTL_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(("voicectl", *words)),
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
    }
    ran = subprocess.run(
        [VOICECTL], env=dict(os.environ) | variables, capture_output=True, text=True, check=False
    )
    return ran.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_and_completions(shell: str) -> None:
    script = subprocess.run(
        [VOICECTL],
        env=dict(os.environ) | {"_VOICECTL_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"_VOICECTL_COMPLETE={shell}_complete" in script
    found = " ".join(completed(shell, "switchboard", "di"))
    assert "dialing" in found and "undo" not in found
    assert "turn outbound dialing off or on" in found or shell == "bash"
    assert "--hang-up" in " ".join(completed(shell, "switchboard", "dialing", "off", "--ha"))
    assert "--local" in " ".join(completed(shell, "calls", "--lo"))
    assert "signature" in " ".join(completed(shell, "rotate", "si"))


def test_bash_completes_a_command_with_the_documented_line() -> None:
    page = (Path(__file__).parents[2] / "docs" / "voicectl.md").read_text()
    line = 'eval "$(_VOICECTL_COMPLETE=bash_source voicectl)"'
    assert line in page
    bash = shutil.which("bash")
    assert bash is not None
    script = f"{line}\nCOMP_WORDS=(voicectl tim) COMP_CWORD=1\n_voicectl_completion voicectl tim\n"
    path = f"{VOICECTL.parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        [bash, "-c", script + 'echo "${COMPREPLY[@]}"'],
        env=dict(os.environ) | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "timeline\n"
