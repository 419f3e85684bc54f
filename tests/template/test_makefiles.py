"""The Makefiles build and install whatever pyenv and pip are set to, in folders with blanks."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.layers import PURE_PYTHON
from tests.support.transformed_template import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

ROOT = TEMPLATE.parent
# Settings of a user that send packages elsewhere, or make pip or pyenv refuse.
SETTINGS = {
    "PIP_USER": "1",
    "PIP_PREFIX": "/nowhere",
    "PIP_TARGET": "/nowhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PYENV_VERSION": "3.11",
}
# A Python that records its arguments and environment, and creates the folder of --target, or a
# virtual environment with itself.
_RECORDER = """
import json, os, shutil, sys
if sys.argv[1:3] == ["-m", "venv"]:
    os.makedirs(sys.argv[-1] + "/bin", exist_ok=True)
    shutil.copy({python!r}, sys.argv[-1] + "/bin/python")
if "--target" in sys.argv:
    os.makedirs(sys.argv[sys.argv.index("--target") + 1], exist_ok=True)
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
"""


class RecordedRun:
    """A folder with blanks, and a Python that records its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a folder with blanks"
        self.log = self.folder / "log"
        self.python = self.folder / "bin" / "python3.13"
        self.python.parent.mkdir(parents=True)
        recorder = self.folder / "recorder.py"
        recorder.write_text(_RECORDER.format(log=str(self.log), python=str(self.python)))
        # A shell script, because a path in a #! line cannot have blanks.
        self.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{recorder}" "$@"\n')
        self.python.chmod(0o755)

    def make(self, source: Path, target: str, **variables: str) -> list[Any]:
        """Run make in a folder, and return the arguments and environment of each call."""
        path = os.pathsep.join([str(self.python.parent), os.environ["PATH"]])
        subprocess.run(
            ["make", "--silent", target],
            cwd=source,
            env={**os.environ, **SETTINGS, **variables, "PATH": path},
            check=True,
        )
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedRun:
    return RecordedRun(tmp_path)


def test_the_layer_is_built_whatever_pip_and_pyenv_are_set_to(recorded: RecordedRun) -> None:
    source = recorded.folder / "packages"
    shutil.copytree(ROOT / "layers" / "packages", source)
    artifacts = str(recorded.folder / "artifacts")
    calls = recorded.make(source, "build-PackagesLayer", ARTIFACTS_DIR=artifacts)
    assert [words[:3] for words, _ in calls] == [
        ["-m", "pip", "install"],
        ["-m", "pip", "install"],
        ["-m", "compileall", "-q"],
    ]
    for words, environment in calls[:2]:
        assert words[words.index("--target") + 1].startswith(f"{artifacts}/")
        assert environment["PIP_USER"] == environment["PIP_REQUIRE_VIRTUALENV"] == "0"
        assert environment["PIP_PREFIX"] == environment["PIP_TARGET"] == ""
    for _, environment in calls:
        assert environment["PYENV_VERSION"] == "3.13"


def test_functions_are_built_whatever_pyenv_is_set_to(recorded: RecordedRun) -> None:
    source = recorded.folder / "functions"
    (source / "flows" / "__pycache__").mkdir(parents=True)
    (source / "flows" / "greet.py").touch()
    shutil.copy(ROOT / "functions" / "Makefile", source)
    artifacts = recorded.folder / "artifacts"
    artifacts.mkdir()
    ((words, environment),) = recorded.make(
        source, "build-AnswerFunction", ARTIFACTS_DIR=str(artifacts)
    )
    assert words[-1] == str(artifacts)
    assert environment["PYENV_VERSION"] == "3.13"
    assert sorted(path.name for path in artifacts.rglob("*")) == ["flows", "greet.py"]


def test_the_packages_of_flows_are_installed_whatever_pip_is_set_to(recorded: RecordedRun) -> None:
    source = recorded.folder / "functions"
    (source / "flows").mkdir(parents=True)
    (source / "flows" / "requirements.txt").write_text("# one package\nphonenumbers==9.0.18\n")
    shutil.copy(ROOT / "functions" / "Makefile", source)
    artifacts = recorded.folder / "artifacts"
    artifacts.mkdir()
    (words, environment), _ = recorded.make(
        source, "build-AnswerFunction", ARTIFACTS_DIR=str(artifacts)
    )
    assert words[:3] == ["-m", "pip", "install"]
    assert words[words.index("--target") + 1] == str(artifacts / "packages")
    assert set(PURE_PYTHON) <= {*words, *map("=".join, itertools.pairwise(words))}
    assert environment["PIP_USER"] == environment["PIP_REQUIRE_VIRTUALENV"] == "0"
    assert environment["PIP_PREFIX"] == environment["PIP_TARGET"] == ""


@pytest.mark.parametrize("text", ["", "# phonenumbers==9.0.18\n  # another\n"])
def test_without_packages_of_flows_the_build_runs_no_pip(recorded: RecordedRun, text: str) -> None:
    source = recorded.folder / "functions"
    (source / "flows").mkdir(parents=True)
    (source / "flows" / "requirements.txt").write_text(text)
    shutil.copy(ROOT / "functions" / "Makefile", source)
    (recorded.folder / "artifacts").mkdir()
    artifacts = str(recorded.folder / "artifacts")
    ((words, _),) = recorded.make(source, "build-AnswerFunction", ARTIFACTS_DIR=artifacts)
    assert words[:2] == ["-m", "compileall"]


@pytest.fixture
def checkout(recorded: RecordedRun) -> Path:
    """Return a folder with the Makefile, and what it installs from."""
    folder = recorded.folder / "checkout"
    (folder / "simulator").mkdir(parents=True)
    for path in (*ROOT.glob("constraints*.txt"), ROOT / "Makefile", ROOT / "pyproject.toml"):
        shutil.copy(path, folder)
    shutil.copy(ROOT / "simulator" / "pyproject.toml", folder / "simulator")
    return folder


@pytest.mark.parametrize("folder", [".venv", ".venv-sam"])
def test_tools_are_installed_into_their_environment_whatever_pip_and_pyenv_are_set_to(
    recorded: RecordedRun, checkout: Path, folder: str
) -> None:
    (checkout / folder / "bin").mkdir(parents=True)
    shutil.copy(recorded.python, checkout / folder / "bin" / "python")
    calls = recorded.make(checkout, f"{folder}/.installed")
    assert not [words for words, _ in calls if "venv" in words]
    installs = [environment for words, environment in calls if "install" in words]
    assert len(installs) >= 2
    for environment in installs:
        assert environment["PIP_USER"] == "0"
        assert environment["PIP_PREFIX"] == environment["PIP_TARGET"] == ""
    if folder == ".venv-sam":
        assert {environment["PYENV_VERSION"] for environment in installs} == {"3.13"}
    assert (checkout / folder / ".installed").exists()


@pytest.mark.parametrize("folder", [".venv", ".venv-sam", ".venv-scan"])
def test_an_environment_without_pip_is_replaced(
    recorded: RecordedRun, checkout: Path, folder: str
) -> None:
    """It is what Ctrl-C leaves while the environment is being created."""
    python = checkout / folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho No module named pip >&2\nexit 1\n")
    python.chmod(0o755)
    calls = recorded.make(checkout, f"{folder}/.installed")
    first, *installs = [words[1:] for words, _ in calls if words[0] == "-m"]
    assert first == ["venv", "--clear", folder]
    assert len(installs) >= 2
    assert (checkout / folder / ".installed").exists()
