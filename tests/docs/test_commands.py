"""Run every documented command, or check its arguments and say why it isn't run.

Each command matches exactly one rule in the table below, and each rule matches a command:

- run: in a copy of the checkout, next to the local platform
- started: runs until Ctrl-C
- elsewhere: another suite of CI runs it
- parsed: needs AWS, Vonage, or an answer; the tool's own parser or model checks its arguments
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import botocore.session
import jmespath
import pytest
from botocore import xform_name

from tests.docs.conftest import remove_flow
from tests.docs.pages import ROOT, DocumentedCommand, commands
from tests.docs.shell import run_until_ready
from tests.template.golden import transformed
from tests.voicectl.parsing import parsed_command

if TYPE_CHECKING:
    from tests.docs.shell import Shell

Method = Literal["run", "started", "elsewhere", "parsed"]


class CommandRule(NamedTuple):
    """How to test commands that match a pattern.

    ``note`` is the text to expect, the file that runs the command, or why it isn't run.
    """

    pattern: str
    method: Method
    note: str


_AWS = "needs an AWS account"
_VONAGE = "needs a Vonage account, and a public address"
_TUTORIAL = "tests/docs/test_tutorial.py"
_VOICECTL = "voicectl "
TABLE = [
    # CI runs these under the same name
    CommandRule(
        r"make (demo|docs|test|lint|test-(sam|local|voicectl|browser|docs))",
        "elsewhere",
        ".ci/run",
    ),
    CommandRule("make install", "elsewhere", "Makefile"),
    CommandRule(r"\. \.venv/bin/activate", "run", ""),
    CommandRule(r"\.venv/bin/python -m local\.explore appointment", "elsewhere", _TUTORIAL),
    CommandRule(r"\.venv/bin/python -m pytest tests/flows/test_\w+\.py", "elsewhere", _TUTORIAL),
    CommandRule(
        r"make (pictures|constraints|golden|bench|test-soak)( BASE=\w+)?", "elsewhere", "Makefile"
    ),
    # These run until Ctrl-C
    CommandRule(r"make up", "started", "ready; Ctrl-C"),
    CommandRule(r"\.venv/bin/python -m local( [-A-Z].*)?", "started", "ready; Ctrl-C"),
    CommandRule(r"\.venv/bin/python -m vonage_simulator .*", "started", "signature secret"),
    CommandRule(r"\.venv/bin/python -m examples\.bot .*", "started", "listening on"),
    # These run unchanged
    CommandRule(
        r"\.venv/bin/python -m local\.(sign|event|explore)\b(?! appointment)[^|]*", "run", ""
    ),
    CommandRule(r"bash -c .*local\.sign.*", "run", "HTTP/1.1 200"),
    CommandRule(r"curl .*", "run", ""),
    CommandRule(r"CALL_UUID=\$\(curl .*", "run", ""),
    CommandRule(r"value\(\) \{.*", "run", ""),
    CommandRule(r"export AWS_.*", "run", ""),
    CommandRule(r"\.venv/bin/python -c .*", "run", ""),
    CommandRule(
        _VOICECTL
        + r"(--local )?(up|doctor|token|call|calls|timeline|voicemails|switchboard|redrive|forget)"
        + r"\b.*",
        "run",
        "",
    ),
    CommandRule(rf"(\.venv/bin/)?{_VOICECTL}new flow \w+.*", "run", "created"),
    CommandRule(_VOICECTL + "events tail.*", "parsed", "runs until Ctrl-C"),
    # These need an account, or another program
    CommandRule(
        "vonage-agent-bench .*", "parsed", "needs an agent; tests/simulator/test_agent_bench.py"
    ),
    CommandRule(_VOICECTL + "(restore|rotate|tunnel|capture).*", "parsed", _VONAGE),
    CommandRule("(sam build && )?sam (build|deploy|delete|sync|validate).*", "parsed", _AWS),
    CommandRule(
        r"\.venv/bin/python -m local\.sam .*", "parsed", "needs Docker; make test-sam runs it"
    ),
    CommandRule("make sam-local", "parsed", "needs Docker; make test-sam runs its parts"),
    CommandRule(
        r"\.venv/bin/python -m local\.event .*sam local invoke .*", "parsed", "needs Docker"
    ),
    CommandRule(r"aws .*", "parsed", _AWS),
    CommandRule(r"jq .*aws .*", "parsed", _AWS),
    CommandRule(r"docker build .*", "parsed", "needs Docker and a registry"),
    CommandRule(
        r"\.venv/bin/python -m tests\.bench.*", "parsed", "takes minutes; make bench runs it"
    ),
    CommandRule(r"git .*", "parsed", "needs an upstream repository"),
]
ALL = commands()
pytestmark = pytest.mark.asyncio(loop_scope="session")


def rule_of(command: DocumentedCommand) -> CommandRule:
    """Return the only rule that matches a command."""
    matching = [rule for rule in TABLE if re.fullmatch(rule.pattern, command.text)]
    assert len(matching) == 1, f"{command.page}: {command.text!r} matches {len(matching)} rules"
    return matching[0]


def commands_with(method: Method) -> list[Any]:
    """Return the commands with a test method, each once."""
    found = {
        command.text: command
        for command in ALL
        if any(rule.method == method and re.fullmatch(rule.pattern, command.text) for rule in TABLE)
    }
    return [pytest.param(one, id=f"{one.page}: {text[:60]}") for text, one in found.items()]


async def test_each_command_matches_one_rule_and_no_rule_is_unused() -> None:
    used = {rule_of(command) for command in ALL}
    assert [rule.pattern for rule in TABLE if rule not in used] == []


async def test_each_page_puts_voicectl_on_the_path_before_its_first_command() -> None:
    for page in {one.page for one in ALL}:
        texts = [one.text for one in ALL if one.page == page]
        used = [number for number, text in enumerate(texts) if text.startswith("voicectl ")]
        activated = [number for number, text in enumerate(texts) if "bin/activate" in text]
        assert not used or (activated and activated[0] < used[0]), page


async def test_prints_which_commands_are_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = [(rule_of(one).note, one.text) for one in ALL if rule_of(one).method == "parsed"]
    with capsys.disabled():
        for reason, group in itertools.groupby(sorted(set(parsed)), key=lambda it: it[0]):
            print(f"\nnot run, only parsed ({reason}): {len(list(group))} commands", end="")
    assert len({text for _, text in parsed}) < len({one.text for one in ALL})


# Run: commands of a page that build on each other run one after the other in one shell.

_NUMBERS = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{27})?|\d+(\.\d+)?")
_RUN = [one for one in ALL if rule_of(one).method == "run"]


@pytest.mark.parametrize("page", sorted({one.page for one in _RUN}))
async def test_commands_of_a_page_run_and_print_what_it_shows(
    shell: Shell, page: str, request: pytest.FixtureRequest
) -> None:
    page_commands = [one for one in _RUN if one.page == page]
    if any("switchboard undo" in one.text for one in page_commands):
        for state in ("off", "on"):  # a version, and a previous one
            await shell.run(f"voicectl switchboard dialing {state}")
    if page == "docs/flows.md":
        source = ROOT / "docs/tutorial/3/appointment.py"
        copy = Path(shutil.copy(source, shell.checkout / "functions/flows"))
        request.addfinalizer(copy.unlink)
    for flow in re.findall(r"new flow (\w+)", "\n".join(one.text for one in page_commands)):
        remove_flow(shell.checkout, flow)
        request.addfinalizer(functools.partial(remove_flow, shell.checkout, flow))
    definitions = ""
    for command in page_commands:
        script = "\n".join([definitions, command.text]) if definitions else command.text
        result = await shell.run(script)
        assert result.status == 0, (command.text, result)
        assert rule_of(command).note in result.output, (command.text, result)
        _compare(command.output, result.output, command.text)
        if re.match(r"(export|value\(\)|CALL_UUID=)", command.text):
            definitions = script


def _compare(documented: str, actual: str, command: str) -> None:
    """Compare a page's output with the actual one: `...` matches any text, a number any number."""
    actual_text = _NUMBERS.sub("#", actual)
    for line in documented.splitlines():
        words = _NUMBERS.sub("#", line).strip()
        for part in filter(None, (one.strip() for one in words.split("..."))):
            assert part in actual_text, f"{command!r} does not print {line!r}:\n{actual}"


# Started, and ended by Ctrl-C


@pytest.mark.parametrize("command", commands_with("started"))
async def test_long_running_commands_start_and_end_at_ctrl_c(
    checkout: Path, tmp_path: Path, command: DocumentedCommand
) -> None:
    for part in ("functions", "layers", "template.yaml"):
        (tmp_path / part).symlink_to(checkout / part)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "layers").symlink_to(checkout / ".local" / "layers")
    (tmp_path / "calibration.json").write_text(json.dumps({"settings": {}}))
    text = ".venv/bin/python -m local" if command.text == "make up" else command.text
    assert "Traceback" not in await run_until_ready(text, tmp_path, rule_of(command).note)


# Run elsewhere


@pytest.mark.parametrize("command", commands_with("elsewhere"))
async def test_commands_that_another_suite_runs_exist_there(command: DocumentedCommand) -> None:
    file = rule_of(command).note
    if file == _TUTORIAL:
        assert command.text.split()[-1] in (ROOT / file).read_text()
        return
    target = command.text.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if file == ".ci/run":
        runs = rf"^(?! *#| *echo).*(\bmake |\btogether\+?=).*(?<![\w-]){target}(?![\w-])"
        assert re.search(runs, (ROOT / file).read_text(), re.MULTILINE)


# Parsed


@pytest.mark.parametrize("command", commands_with("parsed"))
async def test_commands_that_cannot_run_here_have_valid_arguments(
    checkout: Path, tmp_path: Path, command: DocumentedCommand
) -> None:
    text = command.text
    if text.startswith("git "):
        _run_git_in_a_copy(text, tmp_path)
    elif text.startswith("make "):
        assert re.search(rf"^{text.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        for is_separator, group in itertools.groupby(
            shlex.split(text), lambda word: word in ("&&", "|")
        ):
            words = list(group)
            if is_separator:
                continue
            if words[0] == "aws":
                _check_aws(words)
                _check_secret(text)
            elif words[0] == "sam":
                _check_sam(words[1:])
            elif words[0] == "jq":
                assert {word for word in words if word[0] == "-"} <= {"-n", "--arg", "--rawfile"}
            elif words[0] == "vonage-agent-bench":
                module = "vonage_simulator.agent_bench"
                await _check_with_its_parser(
                    checkout, [".venv/bin/python", "-m", module, *words[1:]]
                )
            elif words[0] == "docker":
                assert (ROOT / words[-1] / "Dockerfile").exists()
                assert set(words[2:-1:2]) <= {"--platform", "--tag"}
            elif words[0] == "voicectl":
                assert parsed_command(words[1:]) is not None
            elif words[2] == "local.event":
                assert (ROOT / "events" / f"{words[3]}.json").exists()
            else:
                await _check_with_its_parser(checkout, words)


# Runs a module like Python's -m, until it parses its arguments.
_PARSED = """
import argparse, runpy, sys
parse = argparse.ArgumentParser.parse_args
def parse_and_exit(*args, **kwargs):
    parse(*args, **kwargs)
    print("parsed")
    sys.exit()
argparse.ArgumentParser.parse_args = parse_and_exit
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


async def _check_with_its_parser(checkout: Path, words: list[str]) -> None:
    """Assert that the program's own parser accepts the arguments, without abbreviated options."""
    assert words[:2] == [".venv/bin/python", "-m"]
    parsing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PARSED, *words[2:]), cwd=checkout, stdout=asyncio.subprocess.PIPE
    )
    assert (await parsing.communicate())[0] == b"parsed\n"
    subcommand = [word for word in words[3:] if not word.startswith("-")][:1]
    printing_help = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words[2:3], *subcommand, "--help"),
        cwd=checkout,
        stdout=asyncio.subprocess.PIPE,
    )
    text = (await printing_help.communicate())[0].decode()
    assert [w for w in words if w.startswith("--") and not re.search(rf"{w}(?![\w-])", text)] == []
    _check_parameters(words)


def _run_git_in_a_copy(text: str, folder: Path) -> None:
    """Run a command in a repository whose upstream is ahead of it."""

    def git(*words: str) -> None:
        identity = ("-c", "user.name=reader", "-c", "user.email=reader@example.com")
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch", "main")
    for change in ("mine", "theirs"):
        git("commit", "--quiet", "--allow-empty", "--message", change)
    git("branch", "ahead")
    git("reset", "--quiet", "--hard", "HEAD~1")
    if " add upstream " not in text:
        git("remote", "add", "upstream", ".")
        git("update-ref", "refs/remotes/upstream/main", "ahead")
        git("merge", "--quiet", "ahead")
    subprocess.run(text.replace(" URL", " ."), shell=True, cwd=folder, check=True)
    paths = text.partition(" -- ")[2].split()
    assert [path for path in paths if not (ROOT / path).exists()] == []


_SAM_OPTIONS = {
    "build": {"--config-env"},
    "deploy": {"--guided", "--config-env", "--parameter-overrides"},
    "delete": {"--config-env"},
    "sync": {"--code", "--resource-id"},
    "local invoke": {"--config-env"},
}


def _check_sam(words: list[str]) -> None:
    """Assert that the template has the function and parameters, and samconfig the environment."""
    length = 2 if words[0] == "local" else 1
    options = {word for word in words if word.startswith("--")}
    assert options <= _SAM_OPTIONS[" ".join(words[:length])]
    functions = words[2:3] if length == 2 else []
    functions += [after for word, after in itertools.pairwise(words) if word == "--resource-id"]
    for function in functions:
        assert transformed()["Resources"][function]["Type"] == "AWS::Lambda::Function"
    if "--config-env" in words:
        environment = words[words.index("--config-env") + 1]
        assert environment in tomllib.loads((ROOT / "samconfig.toml").read_text())
    _check_parameters(words)


# Parses the arguments of SAM commands, without running them, and prints the parameters.
_SAM_PARSER = """
import importlib, json, sys
import click
commands = {"local invoke": "local.invoke.cli"}
for length, words in json.load(sys.stdin):
    name = " ".join(words[:length])
    command = importlib.import_module(f"samcli.commands.{commands.get(name, name)}").cli
    context = click.Context(command)
    options, left, order = command.make_parser(context).parse_args(words[length:])
    values = {one.name: one.type_cast_value(context, options[one.name]) for one in order
              if one.opts and one.opts[0].startswith("-")}
    print(json.dumps([name, values.get("parameter_overrides") or {}]))
"""
_SAM_PYTHON = ROOT / ".venv-sam" / "bin" / "python"


@pytest.mark.skipif(not _SAM_PYTHON.exists(), reason="the SAM CLI is not installed; run make dist")
async def test_the_sam_cli_parses_the_documented_commands() -> None:
    """Its own parser takes the options, and reads the parameters that the command names."""
    parts = [
        shlex.split(part)[1:]
        for command in ALL
        for part in re.split(r" (?:&&|\\|) ", command.text)
        if part.startswith("sam ")
    ]
    lines = [(2 if words[0] == "local" else 1, words) for words in parts]
    parsing = subprocess.run(
        [_SAM_PYTHON, "-c", _SAM_PARSER], input=json.dumps(lines), capture_output=True, text=True
    )
    assert parsing.returncode == 0, parsing.stderr
    results = [json.loads(line) for line in parsing.stdout.splitlines()]
    named = [dict(re.findall(r"([A-Z]\w+)=(\S+)", " ".join(words))) for words in parts]
    assert [parameters for _, parameters in results] == named
    assert {"VonageNumber", "SecondNumber", "NotifyEmail"} in map(set, named)


def _check_parameters(words: list[str]) -> None:
    """Assert that the template has these parameters, and that they allow these values."""
    declared = transformed()["Parameters"]
    for word in words:
        if re.match("[A-Z]\\w+=", word):
            name, _, value = word.partition("=")
            allowed = declared[name].get("AllowedValues", [value])
            assert value in [str(one) for one in allowed]
            assert re.search(declared[name].get("AllowedPattern", ""), value)


def _check_secret(text: str) -> None:
    """Assert that a secret's value has the fields of the template's initial value."""
    if "put-secret-value" not in text:
        return
    fields = [
        set(json.loads(one["Properties"]["SecretString"]))
        for one in transformed()["Resources"].values()
        if one["Type"] == "AWS::SecretsManager::Secret"
    ]
    assert set(re.findall(r'[{ ]"?(\w+)"?: ', text)) in fields


def _check_aws(words: list[str]) -> None:
    """Assert that the service has this operation, and the operation these parameters."""
    service, operation, *rest = words[1:]
    options = [word for word in rest if word.startswith("--")]
    if (service, operation) == ("logs", "tail"):  # a command of the CLI, not an API operation
        assert set(options) <= {"--since", "--filter-pattern", "--follow"}
        assert re.fullmatch(r"\d+[smhdw]", rest[rest.index("--since") + 1])
        assert rest[rest.index("--filter-pattern") + 1].count('"') % 2 == 0
        return
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(one, "-"): one for one in model.operation_names}
    operation_model = model.operation_model(names[operation])
    members = {
        f"--{xform_name(one, '-')}": it for one, it in operation_model.input_shape.members.items()
    }
    if (service, operation) == ("sns", "subscribe"):  # the CLI has another option of this name
        members["--notification-endpoint"] = members.pop("--endpoint")
    flags = {
        option.replace("--", "--no-"): option
        for option, it in members.items()
        if it.type_name == "boolean"
    }
    used = {flags.get(option, option) for option in options} - {"--query"}
    required = {f"--{xform_name(one, '-')}" for one in operation_model.input_shape.required_members}
    assert required <= used <= set(members)
    for option, value in itertools.pairwise(rest):
        if option == "--query":
            jmespath.compile(value)
            known = _members(operation_model.output_shape) | _attributes()
            assert set(re.findall(r"[A-Za-z]\w*", value)) <= known
        elif option == "--key-condition-expression":
            assert set(re.findall(r"(?<!:)\b[a-z]\w*", value)) <= _attributes()
        elif (service, option) == ("lambda", "--name"):
            aliases = [
                one["Properties"]["Name"]
                for one in transformed()["Resources"].values()
                if one["Type"] == "AWS::Lambda::Alias"
            ]
            assert value in aliases
        elif option == "--alarm-name":
            alarms = (ROOT / "docs/operate.md").read_text()
            assert f"### {value.removeprefix('STACK-')}\n" in alarms
        elif option.startswith("--") and value.startswith(("{", "[")):
            json.loads(value)


def _members(shape: Any) -> set[str]:
    """Return the names of a response's members, nested ones included."""
    if shape.type_name == "list":
        return _members(shape.member)
    if shape.type_name != "structure":
        return set()
    return set(shape.members).union(*map(_members, shape.members.values()), {"S"})


def _attributes() -> set[str]:
    """Return the names of the attributes of a stored event."""
    text = (ROOT / "functions/records/event.py").read_text()
    return set(re.findall(r'^ +"(\w+)": ', text, re.MULTILINE))
