"""The settings of editors, the dev container and pre-commit agree with pyproject and Makefile."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOOLS = PYPROJECT["tool"]
PYTHON = (ROOT / ".python-version").read_text().strip()
DOCKERFILE = (ROOT / ".devcontainer/Dockerfile").read_text()


def parsed(path: str) -> Any:
    return json.loads((ROOT / path).read_text())


# Editors


def test_editors_find_the_packages_where_mypy_and_pytest_find_them() -> None:
    found = {".", *TOOLS["pyright"]["extraPaths"]}
    assert found == {".", *TOOLS["mypy"]["mypy_path"].split(":")}
    assert set(TOOLS["pytest"]["ini_options"]["pythonpath"]) <= found
    packages = ("voicekit", "flows", "records", "local/testing", "vonage_simulator")
    for package in packages:
        assert any((ROOT / folder / package).is_dir() for folder in found)
    assert all((ROOT / folder).is_dir() for folder in TOOLS["pyright"]["include"])


def test_editors_use_the_environment_of_make_install() -> None:
    folder = re.search(r"^VENV := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert folder
    assert TOOLS["pyright"]["venv"] == folder[1]
    interpreter = parsed(".vscode/settings.json")["python.defaultInterpreterPath"]
    assert interpreter == f"${{workspaceFolder}}/{folder[1]}/bin/python"


def test_the_oldest_python_is_the_same_everywhere() -> None:
    oldest = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    assert TOOLS["pyright"]["pythonVersion"] == TOOLS["mypy"]["python_version"] == oldest
    assert TOOLS["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"


# The dev container


def test_the_container_has_the_python_that_builds_for_lambda() -> None:
    assert re.findall(r"^FROM python:([\d.]+)-", DOCKERFILE, re.MULTILINE) == [PYTHON]
    assert f"python{PYTHON}" in (ROOT / "Makefile").read_text()


def test_the_container_has_what_the_makefile_does_not_install() -> None:
    container = parsed(".devcontainer/devcontainer.json")
    assert container["build"]["dockerfile"] == "Dockerfile"
    assert container["postCreateCommand"] == "make install"
    # `git` is part of the image.
    assert {"chromium", "make", "nodejs", "npm"} <= set(DOCKERFILE.split())
    assert f"--shell /bin/bash {container['remoteUser']}" in DOCKERFILE
    (feature,) = container["features"]
    assert "/docker-in-docker:" in feature


def test_the_container_has_the_extensions_of_the_editor() -> None:
    extensions = parsed(".devcontainer/devcontainer.json")["customizations"]["vscode"]["extensions"]
    assert extensions == parsed(".vscode/extensions.json")["recommendations"]


# pre-commit

HOOKS = {
    hook["id"]: hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
}


def lint_commands() -> list[str]:
    """Return the commands of the parts of `make lint`, with the values of variables."""
    makefile = (ROOT / "Makefile").read_text()
    recipes = re.findall(r"^(?:lint-\w+|scan):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    variables: dict[str, str] = dict(
        re.findall(r"^(VENV|RUN|SCAN_VENV|SCAN) := (.*)$", makefile, re.MULTILINE)
    )
    text = "".join(recipes)
    while found := re.search(r"\$\((\w+)\)", text):
        name = str(found[1])
        text = text.replace(found[0], variables.get(name, name))
    return [line.strip("\t@") for line in text.splitlines()]


# A hook, and what `make lint` runs instead of it.
RUNS = {
    "ruff-check": ".venv/bin/python -m ruff check",
    "ruff-format": ".venv/bin/python -m ruff format --check",
    "mypy": ".venv/bin/python -m mypy",
    "cfn-lint": ".venv/bin/cfn-lint",
    "template": ".venv/bin/python -m pytest -q -n auto tests/template",
    "explore": ".venv/bin/python -m local.explore --check",
    "bandit": ".venv-scan/bin/python -m tests.scans bandit",
    "secrets": ".venv-scan/bin/python -m tests.scans secrets",
    "checkov": ".venv-scan/bin/python -m tests.scans checkov",
    "audit": ".venv-scan/bin/python -m tests.scans audit",
    "policy": ".venv-scan/bin/python -m tests.scans policy",
}


@pytest.mark.parametrize("hook", RUNS)
def test_a_hook_runs_what_make_lint_runs(hook: str) -> None:
    assert RUNS[hook] in HOOKS[hook]["entry"]
    assert any(RUNS[hook] in line for line in lint_commands())


def test_every_command_of_make_lint_has_a_hook() -> None:
    assert HOOKS.keys() == RUNS.keys()
    # The last tests are of the scanners themselves.
    others = ("echo ", ".venv/bin/python -m pytest -q -n auto tests/scans")
    golden = ".venv/bin/python -m tests.template.golden --of-production"
    for line in lint_commands():
        assert line.startswith((*others, golden)) or any(run in line for run in RUNS.values()), line


@pytest.mark.parametrize("hook", ["cfn-lint", "bandit"])
def test_a_hook_gets_the_files_that_make_lint_names(hook: str) -> None:
    (line,) = (line for line in lint_commands() if RUNS[hook] in line)
    for path in line.removeprefix(RUNS[hook]).split():
        file = f"{path}/module.py" if (ROOT / path).is_dir() else path
        assert re.search(HOOKS[hook]["files"], file), path


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_uses_only_installed_tools_and_matches_files(hook: str) -> None:
    settings = HOOKS[hook]
    assert settings["language"] == "system"
    program = shlex.split(settings["entry"])[0]
    assert program in (".venv/bin/python", ".venv/bin/cfn-lint", ".venv-scan/bin/python", "bash")
    pattern = re.compile(settings.get("files", ""))
    files = [str(path.relative_to(ROOT)) for path in ROOT.glob("[a-z]*/**/*.*")]
    assert any(pattern.search(file) for file in (*files, "template.yaml", "constraints.txt"))
