"""New flows: both files work at once, and nothing is overwritten or half-written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from local.aws import template
from tests.support.shipped_flows import SHIPPED
from voicectl.__main__ import cli
from voicectl.errors import VoicectlError
from voicectl.flow_files import FLOWS, STARTER, TESTS, create_flow, recipes

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).parents[2]
LONGEST = "a" + 31 * "b"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the files that flows and their tests need, without flows of your own."""
    for folder in ("functions", "docs/recipes", "tests/recipes", "tests/flows"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for path in (*(tmp_path / FLOWS).glob("[a-z]*.py"), *(tmp_path / TESTS).glob("test_*.py")):
        if path.stem.removeprefix("test_") not in SHIPPED:
            path.unlink()
    for file in ("template.yaml", "samconfig.toml", "pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (tmp_path / ".local").mkdir()
    for folder in ("local", "simulator", "layers", ".local/layers"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    return tmp_path


def files(root: Path) -> dict[Path, bytes]:
    """Return every file of flows and of tests, with its content."""
    return {
        path: path.read_bytes()
        for folder in ("functions/flows", "tests/flows")
        for path in (root / folder).rglob("*.py")
    }


def run(root: Path, *words: str | Path) -> str:
    """Run a Python module that must succeed; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_flow_of_each_recipe_passes_every_check(checkout: Path) -> None:
    """tests/docs/test_tutorial.py runs the tests of such flows."""
    offered = recipes(checkout)
    created = create_flow(checkout, "x")
    for number, recipe in enumerate(offered):
        created += create_flow(checkout, f"y{number}", recipe)

    explored = run(checkout, "local.explore", "--check", *(flow.stem for flow in created[::2]))
    assert f"{len(created) // 2} flows explored, no problems found" in explored
    # A long name must fit into the lines too.
    created += create_flow(checkout, LONGEST)
    for number, recipe in enumerate(offered):
        created += create_flow(checkout, f"{LONGEST[:-2]}{number:02}", recipe)
    run(checkout, "ruff", "check", "--no-cache", *created)
    run(checkout, "ruff", "format", "--no-cache", "--check", *created)


def test_the_test_calls_the_new_flow(checkout: Path) -> None:
    flow, test = create_flow(checkout, "support", "dtmf_menu")
    assert flow == checkout / "functions/flows/support.py"
    assert test == checkout / "tests/flows/test_support.py"
    assert flow.read_bytes() == (ROOT / "functions/flows/dtmf_menu.py").read_bytes()
    assert '"""The flow `support`."""' in test.read_text()
    assert "dtmf_menu" not in test.read_text()


def test_every_recipe_and_every_included_flow_are_offered(checkout: Path) -> None:
    offered = set(recipes(checkout))
    assert {path.stem for path in (ROOT / "docs/recipes").glob("*.py")} <= offered
    assert {STARTER, *SHIPPED} <= offered
    create_flow(checkout, "support")
    assert set(recipes(checkout)) == offered | {"support"}


@pytest.mark.parametrize(
    "name",
    ["", "my-flow", "9lives", "_helper", "class", "Support", "a.b", "../up", "käse", "a" * 33],
)
def test_a_name_that_is_not_possible_is_refused(checkout: Path, name: str) -> None:
    before = files(checkout)
    with pytest.raises(VoicectlError, match=r"expected 1 to 32 lower-case letters"):
        create_flow(checkout, name)
    assert files(checkout) == before


def test_the_names_are_those_that_the_template_allows() -> None:
    parameter = template.read(ROOT / "template.yaml", "eu-west-1", {}, {}).declared["DefaultFlow"]
    assert re.fullmatch(parameter["AllowedPattern"], LONGEST)
    assert not re.fullmatch(parameter["AllowedPattern"], LONGEST + "b")


# The names of an included flow, of an included test without a flow, and of files of the user's.
@pytest.mark.parametrize("name", ["greet", "mine", "tested"])
def test_nothing_is_overwritten(checkout: Path, name: str) -> None:
    (checkout / "functions/flows/mine.py").write_text("mine")
    (checkout / "tests/flows/test_tested.py").write_text("mine")
    before = files(checkout)
    with pytest.raises(VoicectlError, match=rf"{name}\.py already exists\. Choose another name"):
        create_flow(checkout, name)
    assert files(checkout) == before


def test_if_the_test_cannot_be_written_no_flow_remains(checkout: Path) -> None:
    shutil.rmtree(checkout / "tests/flows")
    before = files(checkout)
    with pytest.raises(VoicectlError, match=r"cannot write .*test_support\.py: No such file"):
        create_flow(checkout, "support")
    assert files(checkout) == before


def test_an_unknown_recipe_lists_the_recipes_and_suggests_one(checkout: Path) -> None:
    with pytest.raises(VoicectlError, match=r"expected one of agent, .*voicemail\.") as it:
        create_flow(checkout, "support", "hunt_gruop")
    assert str(it.value).endswith("Did you mean hunt_group?")
    with pytest.raises(VoicectlError, match=r"voicemail\.$"):
        create_flow(checkout, "support", "zzz")


# The command


@pytest.fixture
def in_checkout(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(checkout)
    return checkout


def command(*words: str) -> Result:
    return CliRunner().invoke(cli, ["new", "flow", *words], prog_name="voicectl")


def test_the_command_prints_the_files_and_the_next_commands(in_checkout: Path) -> None:
    done = command("support", "--from", "voicemail")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "created functions/flows/support.py",
        "created tests/flows/test_support.py",
        "",
        "next:",
        "  .venv/bin/python -m pytest tests/flows/test_support.py    # run its test",
        "  .venv/bin/python -m local.explore support                 # explore every path",
        "  make up                                                   # call it from the browser",
    ]
    assert (in_checkout / "functions/flows/support.py").exists()


def test_the_command_reports_the_files_as_json(in_checkout: Path) -> None:
    done = json.loads(command("support", "--json").output)
    assert done["files"] == ["functions/flows/support.py", "tests/flows/test_support.py"]
    assert "already exists" in json.loads(command("support", "--json").output)["error"]


def test_a_dry_run_writes_nothing_and_finds_the_same_errors(in_checkout: Path) -> None:
    before = files(in_checkout)
    assert "would create functions/flows/support.py\n" in command("support", "--dry-run").output
    assert command("greet", "--dry-run").exit_code == 1
    assert files(in_checkout) == before


def test_a_wrong_name_is_one_line_of_error(in_checkout: Path) -> None:
    done = command("my-flow")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 'my-flow' is not a name for a flow; expected 1 to 32")


def test_a_recipe_that_does_not_exist_is_a_wrong_argument(in_checkout: Path) -> None:
    done = command("support", "--from", "voicmail")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("Did you mean voicemail?\n")


def test_a_flow_without_a_test_that_calls_it_is_copied_by_hand(in_checkout: Path) -> None:
    (in_checkout / "functions/flows/mine.py").write_text("mine")
    done = command("support", "--from", "mine")
    assert done.exit_code == 2
    assert "no test in tests/flows/test_mine.py calls mine by its name. Copy" in done.stderr


def test_recipes_are_completed(in_checkout: Path) -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("voicectl")],
        env=dict(os.environ)
        | {
            "_VOICECTL_COMPLETE": "bash_complete",
            "COMP_WORDS": "voicectl new flow support --from h",
            "COMP_CWORD": "5",
        },
        cwd=in_checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "plain,hunt_group\n"


def test_outside_a_checkout_the_error_says_where_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(VoicectlError, match="in the folder of template"):
        create_flow(tmp_path, "support")
    assert recipes(tmp_path) == []
