"""Every command of every page is typed, or it is said here why not, and then its words are checked.

Each command fits exactly one line of the table below, and each line is needed. What is typed runs
in a copy of the checkout, beside the local platform; what another suite of CI runs anyway is left
to it; what needs AWS, Vonage or somebody's answer is read by the tool's own parser or model.
"""

from __future__ import annotations

import asyncio
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

from tests.docs.pages import ROOT, DocumentedCommand, commands
from tests.docs.shell import starts
from tests.template.golden import transformed

if TYPE_CHECKING:
    from tests.docs.shell import Shell

How = Literal["typed", "started", "elsewhere", "read"]


class Way(NamedTuple):
    """How commands that fit a pattern are run; ``note`` is what to wait for, where, or why not."""

    pattern: str
    how: How
    note: str


_AWS = "needs an AWS account"
_VONAGE = "needs a Vonage account, and a public address"
_TUTORIAL = "tests/docs/test_tutorial.py"
_CONNECT = r"\.venv/bin/python -m voicectl "
TABLE = [
    # What CI runs by this very name
    Way(
        r"make (demo|test|lint|test-sam|test-voicectl|test-browser|test-docs)",
        "elsewhere",
        ".ci/run",
    ),
    Way("make install", "elsewhere", "Makefile"),
    Way(r"\.venv/bin/python -m local\.explore appointment", "elsewhere", _TUTORIAL),
    Way(r"\.venv/bin/python -m pytest tests/flows/test_\w+\.py", "elsewhere", _TUTORIAL),
    Way(r"make (pictures|constraints|golden|bench|test-soak)( BASE=\w+)?", "elsewhere", "Makefile"),
    # What goes on until Ctrl-C
    Way(r"make up", "started", "ready; Ctrl-C"),
    Way(r"\.venv/bin/python -m local( [-A-Z].*)?", "started", "ready; Ctrl-C"),
    Way(r"\.venv/bin/python -m vonage_simulator .*", "started", "signature secret"),
    # What is typed as it stands
    Way(r"\.venv/bin/python -m local\.(sign|event|explore)\b(?! appointment)[^|]*", "typed", ""),
    Way(r"bash -c .*local\.sign.*", "typed", "HTTP/1.1 200"),
    Way(r"curl .*", "typed", ""),
    Way(r"CALL=\$\(curl .*", "typed", ""),
    Way(r"value\(\) \{.*", "typed", ""),
    Way(r"export AWS_.*", "typed", ""),
    Way(r"\.venv/bin/python -c .*", "typed", ""),
    Way(
        _CONNECT
        + r"(--local )?(up|doctor|token|call|calls|timeline|switchboard|redrive|forget)\b.*",
        "typed",
        "",
    ),
    # What only somebody with an account can run
    Way(_CONNECT + "(restore|rotate|tunnel|capture).*", "read", _VONAGE),
    Way("(sam build && )?sam (build|deploy|delete|sync|validate).*", "read", _AWS),
    Way(r"\.venv/bin/python -m local\.sam .*", "read", "needs Docker; make test-sam runs it"),
    Way("make sam-local", "read", "needs Docker; make test-sam runs what it starts"),
    Way(r"\.venv/bin/python -m local\.event .*sam local invoke .*", "read", "needs Docker"),
    Way(r"aws .*", "read", _AWS),
    Way(r"jq .*aws .*", "read", _AWS),
    Way(r"ngrok http 8800", "read", "is a program of somebody else's"),
    Way(r"\.venv/bin/python -m tests\.bench.*", "read", "takes minutes; make bench runs it"),
    Way(r"git .*", "read", "needs the repository that yours came from"),
]
ALL = commands()
pytestmark = pytest.mark.asyncio(loop_scope="session")


def way_of(command: DocumentedCommand) -> Way:
    """Give the one way in the table that fits a command."""
    fitting = [way for way in TABLE if re.fullmatch(way.pattern, command.text)]
    assert len(fitting) == 1, f"{command.page}: {command.text!r} fits {len(fitting)} lines"
    return fitting[0]


def of(how: How) -> list[Any]:
    """Give the commands that are run in a way, each once."""
    found = {
        one.text: one
        for one in ALL
        if any(way.how == how and re.fullmatch(way.pattern, one.text) for way in TABLE)
    }
    return [pytest.param(one, id=f"{one.page}: {text[:60]}") for text, one in found.items()]


async def test_every_command_fits_one_line_and_every_line_is_needed() -> None:
    needed = {way_of(command) for command in ALL}
    assert [way.pattern for way in TABLE if way not in needed] == []


async def test_it_is_told_what_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = [(way_of(one).note, one.text) for one in ALL if way_of(one).how == "read"]
    with capsys.disabled():
        for reason, told in itertools.groupby(sorted(set(reasons)), key=lambda it: it[0]):
            print(f"\nnot run, only read, since it {reason}: {len(list(told))} commands", end="")
    assert len({text for _, text in reasons}) < len({one.text for one in ALL})


# Typed. Commands of a page that build on each other are one after the other in one shell.

_NUMBERS = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{27})?|\d+(\.\d+)?")
_TYPED = [one for one in ALL if way_of(one).how == "typed"]


@pytest.mark.parametrize("page", sorted({one.page for one in _TYPED}))
async def test_what_a_page_says_is_typed(
    reader: Shell, page: str, request: pytest.FixtureRequest
) -> None:
    typed = [one for one in _TYPED if one.page == page]
    if any("switchboard undo" in one.text for one in typed):
        for state in ("off", "on"):  # a version, and one before it
            await reader.types(f".venv/bin/python -m voicectl switchboard dialing {state}")
    if page == "docs/flows.md":
        source = ROOT / "docs/tutorial/3/appointment.py"
        saved = Path(shutil.copy(source, reader.checkout / "functions/flows"))
        request.addfinalizer(saved.unlink)
    said_before = ""
    for command in typed:
        script = "\n".join([said_before, command.text]) if said_before else command.text
        ran = await reader.types(script)
        assert ran.status == 0, (command.text, ran)
        assert way_of(command).note in ran.said, (command.text, ran)
        _compare(command.shown, ran.said, command.text)
        if re.match(r"(export|value\(\)|CALL=)", command.text):
            said_before = script


def _compare(shown: str, said: str, command: str) -> None:
    """See that what a page shows is what was said; `...` stands for anything, as do numbers."""
    real = _NUMBERS.sub("#", said)
    for line in shown.splitlines():
        words = _NUMBERS.sub("#", line).strip()
        for part in filter(None, (one.strip() for one in words.split("..."))):
            assert part in real, f"{command!r} does not say {line!r}:\n{said}"


# Started, and ended by Ctrl-C


@pytest.mark.parametrize("command", of("started"))
async def test_what_goes_on_until_ctrl_c_starts_and_ends(
    checkout: Path, tmp_path: Path, command: DocumentedCommand
) -> None:
    for part in ("functions", "layers", "template.yaml"):
        (tmp_path / part).symlink_to(checkout / part)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "layers").symlink_to(checkout / ".local" / "layers")
    (tmp_path / "calibration.json").write_text(json.dumps({"settings": {}}))
    text = ".venv/bin/python -m local" if command.text == "make up" else command.text
    assert "Traceback" not in await starts(text, tmp_path, way_of(command).note)


# Left to another suite


@pytest.mark.parametrize("command", of("elsewhere"))
async def test_what_another_suite_runs_is_there(command: DocumentedCommand) -> None:
    where = way_of(command).note
    if where == _TUTORIAL:
        assert command.text.split()[-1] in (ROOT / where).read_text()
        return
    target = command.text.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if where == ".ci/run":
        assert re.search(rf"\bmake {target}\b", (ROOT / where).read_text())


# Read


@pytest.mark.parametrize("command", of("read"))
async def test_what_cannot_be_run_is_understood_by_its_tool(
    checkout: Path, tmp_path: Path, command: DocumentedCommand
) -> None:
    text = command.text
    if text.startswith("git "):
        _git_in_a_copy(text, tmp_path)
    elif text.startswith("ngrok "):
        assert (
            f"_PORT = {text.split()[-1]}\n" in (ROOT / "voicectl/webhook_redirect.py").read_text()
        )
    elif text.startswith("make "):
        assert re.search(rf"^{text.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        for joined, group in itertools.groupby(shlex.split(text), lambda word: word in ("&&", "|")):
            words = list(group)
            if joined:
                continue
            if words[0] == "aws":
                _read_aws(words)
                _read_secret(text)
            elif words[0] == "sam":
                _read_sam(words[1:])
            elif words[0] == "jq":
                assert {word for word in words if word[0] == "-"} <= {"-n", "--arg", "--rawfile"}
            elif words[2] == "local.event":
                assert (ROOT / "events" / f"{words[3]}.json").exists()
            else:
                await _read_by_its_parser(checkout, words)


# Runs a module as Python's -m does, up to where its options are read.
_PARSED = """
import argparse, runpy, sys
parse = argparse.ArgumentParser.parse_args
def read(*given, **named):
    parse(*given, **named)
    print("it was read")
    sys.exit()
argparse.ArgumentParser.parse_args = read
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


async def _read_by_its_parser(checkout: Path, words: list[str]) -> None:
    """See that the program's own parser takes these words, with no option shortened."""
    assert words[:2] == [".venv/bin/python", "-m"]
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PARSED, *words[2:]), cwd=checkout, stdout=asyncio.subprocess.PIPE
    )
    assert (await ran.communicate())[0] == b"it was read\n"
    named = [word for word in words[3:] if not word.startswith("-")][:1]
    helped = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words[2:3], *named, "--help"),
        cwd=checkout,
        stdout=asyncio.subprocess.PIPE,
    )
    said = (await helped.communicate())[0].decode()
    assert [w for w in words if w.startswith("--") and not re.search(rf"{w}(?![\w-])", said)] == []
    _read_parameters(words)


def _git_in_a_copy(text: str, folder: Path) -> None:
    """Type it in a repository whose upstream is ahead of it."""

    def git(*words: str) -> None:
        made = ("-c", "user.name=reader", "-c", "user.email=reader@example.com")
        subprocess.run(["git", *made, *words], cwd=folder, check=True, capture_output=True)

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
    "delete": set(),
    "local invoke": {"--config-env"},
}


def _read_sam(words: list[str]) -> None:
    """See that parameters and environments of `sam` are those of the template and samconfig."""
    length = 2 if words[0] == "local" else 1
    options = {word for word in words if word.startswith("--")}
    assert options <= _SAM_OPTIONS[" ".join(words[:length])]
    if length == 2:
        assert transformed()["Resources"][words[2]]["Type"] == "AWS::Lambda::Function"
    if "--config-env" in words:
        environment = words[words.index("--config-env") + 1]
        assert environment in tomllib.loads((ROOT / "samconfig.toml").read_text())
    _read_parameters(words)


def _read_parameters(words: list[str]) -> None:
    """See that the template has these parameters, and that they take these values."""
    declared = transformed()["Parameters"]
    for word in words:
        if re.match("[A-Z]\\w+=", word):
            name, _, value = word.partition("=")
            allowed = declared[name].get("AllowedValues", [value])
            assert value in [str(one) for one in allowed]


def _read_secret(text: str) -> None:
    """See that a secret's value has the fields of the template's first value."""
    if "put-secret-value" not in text:
        return
    kept = [
        set(json.loads(one["Properties"]["SecretString"]))
        for one in transformed()["Resources"].values()
        if one["Type"] == "AWS::SecretsManager::Secret"
    ]
    assert set(re.findall(r'[{ ]"?(\w+)"?: ', text)) in kept


def _read_aws(words: list[str]) -> None:
    """See that the service has this operation, and the operation these parameters."""
    service, operation, *rest = words[1:]
    options = [word for word in rest if word.startswith("--")]
    if (service, operation) == ("logs", "tail"):  # the CLI's own
        assert set(options) <= {"--since", "--filter-pattern", "--follow"}
        assert re.fullmatch(r"\d+[smhdw]", rest[rest.index("--since") + 1])
        assert rest[rest.index("--filter-pattern") + 1].count('"') % 2 == 0
        return
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(one, "-"): one for one in model.operation_names}
    called = model.operation_model(names[operation])
    members = {f"--{xform_name(one, '-')}": it for one, it in called.input_shape.members.items()}
    flags = {
        option.replace("--", "--no-"): option
        for option, it in members.items()
        if it.type_name == "boolean"
    }
    given = {flags.get(option, option) for option in options} - {"--query"}
    needed = {f"--{xform_name(one, '-')}" for one in called.input_shape.required_members}
    assert needed <= given <= set(members)
    for option, value in itertools.pairwise(rest):
        if option == "--query":
            jmespath.compile(value)
            told = _members(called.output_shape) | _attributes()
            assert set(re.findall(r"[A-Za-z]\w*", value)) <= told
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
    """Give the names of an answer's members, and of the members of these."""
    if shape.type_name == "list":
        return _members(shape.member)
    if shape.type_name != "structure":
        return set()
    return set(shape.members).union(*map(_members, shape.members.values()), {"S"})


def _attributes() -> set[str]:
    """Give the names of the attributes in which an event is kept."""
    text = (ROOT / "functions/records/event.py").read_text()
    return set(re.findall(r'^ +"(\w+)": ', text, re.MULTILINE))
