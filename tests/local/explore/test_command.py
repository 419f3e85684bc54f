"""The command `python -m local.explore`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.shipped_flows import SHIPPED

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.explore", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def copy_application(folder: Path) -> None:
    shutil.copy(ROOT / "template.yaml", folder)
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / ".local").mkdir()
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (folder / ".local" / "layers").symlink_to(ROOT / ".local" / "layers")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A copy of the application, with the template's parameters."""
    folder = tmp_path / "application"
    folder.mkdir()
    copy_application(folder)
    return folder


def test_prints_a_flow_and_exits_with_0(tmp_path: Path, application: Path) -> None:
    finished = run("greet", "--svg", str(tmp_path), "--root", str(application))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Thank you for calling from" in finished.stdout
    assert "1 flow explored, no problems found" in finished.stdout
    assert (tmp_path / "greet.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_flow_may_call_numbers_that_samconfig_allows(tmp_path: Path) -> None:
    flow = """
        from voicekit import ncco

        def answer(call):
            return [
                ncco.connect(ncco.phone("447700900555")),
                ncco.talk("Thank you for your call."),
            ]
        """
    copy_application(tmp_path)
    (tmp_path / "functions" / "flows" / "dials.py").write_text(textwrap.dedent(flow))
    allowed = '[default.deploy.parameters]\nparameter_overrides = "AllowedPrefixes=44"\n'
    (tmp_path / "samconfig.toml").write_text(allowed)
    finished = run("dials", "--root", str(tmp_path))
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_explores_with_a_switchboard(tmp_path: Path, application: Path) -> None:
    # given the documented line, without its hours, since the explorer calls now
    document = json.loads((ROOT / "docs/examples/lines.json").read_text())
    del document["lines"]["447700900000"]["opening"]
    board = tmp_path / "board.json"
    board.write_text(json.dumps(document))
    words = ("--switchboard", str(board), "--root", str(application))
    finished = run("reception", *words)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for text in ("good day", "3 to leave a message", "1 Main Street", "at the oven", "call you"):
        assert text in finished.stdout


def test_a_line_of_another_language_is_explored_in_that_language(
    tmp_path: Path, application: Path
) -> None:
    texts = dict.fromkeys(("greeting", "nobody", "message", "thanks"), "Auf Deutsch.")
    document = {"lines": {"447700900010": {"language": "de-DE", **texts}}}
    board = tmp_path / "board.json"
    board.write_text(json.dumps(document))
    words = (
        *("--switchboard", str(board), "--to", "+447700900010"),
        *("--root", str(application), "--check"),
    )
    assert run("reception", *words).returncode == 0
    finished = run("greet", *words)
    assert finished.returncode == 1
    assert "greet: language: “Thank you for calling from" in finished.stdout


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"lines": {"447700900000": {"greeting": 1}}}', "{board}: lines.447700900000.greeting"),
        ("{", "{board}: not valid JSON"),
        (None, "[Errno 2] No such file"),
    ],
)
def test_a_switchboard_that_is_invalid_is_an_error(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    board = tmp_path / "board.json"
    if text is not None:
        board.write_text(text)
    finished = run("greet", "--switchboard", str(board))
    assert (finished.returncode, finished.stdout.count("error")) == (1, 0)
    assert f"error: {problem}".format(board=board) in finished.stderr


@pytest.mark.parametrize("words", [(), ("hello",)])
def test_a_module_without_an_answer_function_is_a_problem(
    application: Path, words: tuple[str, ...]
) -> None:
    for flow in (application / "functions/flows").glob("[a-z]*.py"):
        if flow.stem != "reception":  # the default flow
            flow.unlink()
    (application / "functions/flows/hello.py").write_text("def anwser(call):\n    return []\n")
    finished = run("--check", "--root", str(application), *words)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "hello: broken: no function answer" in finished.stdout
    assert "1 problem found" in finished.stdout


def test_an_error_has_the_innermost_line_in_a_flow_and_its_whole_text(application: Path) -> None:
    flows = {
        "wide": (
            "from voicekit import ncco\n\ndef answer(call):\n"
            '    return [ncco.input(dtmf=ncco.dtmf(max_digits=50), event_url=call.url("dtmf"))]\n',
            "expected 1 to 20 (flows/wide.py:4 answer)",
        ),
        "slow": (
            "def answer(call):\n    while True:\n        pass\n",
            "the flow exceeded its time limit (flows/slow.py:",
        ),
        "nothing": (
            "def answer(call):\n    pass\n",
            "answer returned None; expected a list of actions\n",
        ),
        "colon": ("def answer(call)\n    return []\n", "broken: flows/colon.py:1: expected ':'\n"),
        "helped": ("from flows._colon import answer\n", "expected ':' (flows/_colon.py:1)\n"),
        "_colon": ("def answer(call)\n    return []\n", ""),
    }
    for name, (source, _) in flows.items():
        (application / f"functions/flows/{name}.py").write_text(source)
    names = [name for name in flows if name != "_colon"]
    finished = run("--check", "--root", str(application), *names)
    for _, text in flows.values():
        assert text in finished.stdout, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--to", "abc"), "--to: 'abc' is not a number in E.164"),
        (("--places", "0"), "--places: '0' is not a number of nodes: expected 1 or more"),
        (("--places", "many"), "--places: 'many' is not a number of nodes: expected 1 or more"),
        (("--svg", "README.md"), "--svg: README.md is not a folder"),
    ],
)
def test_a_wrong_value_of_an_option_is_an_error(words: tuple[str, ...], problem: str) -> None:
    finished = run("greet", *words)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert f"error: argument {problem}" in finished.stderr


def test_it_ends_without_a_word_if_the_reader_of_its_output_ends(application: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "local.explore", "--root", str(application), "greet", "voicemail"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (128 + signal.SIGPIPE, "")
    assert not list((application / ".local").glob("explored-*"))


def test_an_unknown_name_lists_the_flows() -> None:
    finished = run("gret")
    assert finished.returncode == 2
    before, _, names = finished.stderr.strip().partition("; expected ")
    assert before == "error: there is no flow gret"
    assert set(names.split(", ")) >= set(SHIPPED)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_sigterm_or_sighup_stops_it_and_leaves_no_files(
    tmp_path: Path, signal_number: signal.Signals
) -> None:
    copy_application(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    flows = ["greet", *["dtmf_menu"] * 200]
    with subprocess.Popen(
        [sys.executable, "-m", "local.explore", "--root", str(tmp_path), *flows],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout is not None
        assert any("dtmf_menu" in line for line in process.stdout)
        assert list((tmp_path / ".local").glob("explored-*"))
        assert not list(temporary.iterdir())
        process.send_signal(signal_number)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert rest.endswith("stopped\n")
    left = {path.name for path in (tmp_path / ".local").iterdir()}
    assert left == {"layers", "transformed"}
