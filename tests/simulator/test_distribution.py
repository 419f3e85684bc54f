"""The distribution `vonage-simulator`: its imports, dependencies and readme."""

import ast
import re
import shlex
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from vonage_simulator.command_options import parser

ROOT = Path(__file__).parents[2]
DISTRIBUTION = ROOT / "simulator"
MODULES = sorted((DISTRIBUTION / "vonage_simulator").rglob("*.py"))
OURS = {
    "local",
    "tests",
    "voicectl",
    *(path.stem for path in (ROOT / "functions").iterdir() if path.name[0] not in "._"),
}


def imports_of(path: Path) -> set[str]:
    """Return the top-level names that a module imports absolutely, even inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names


def normalized(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def test_the_modules_of_the_web_console_are_checked_too() -> None:
    assert "console" in {path.parent.name for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_no_module_imports_the_rest_of_the_project(path: Path) -> None:
    assert {"voicekit", "flows", "dispatch"} <= OURS
    assert not imports_of(path) & OURS


def test_every_imported_package_is_a_dependency_and_every_dependency_is_imported() -> None:
    project = tomllib.loads((DISTRIBUTION / "pyproject.toml").read_text())["project"]
    declared = {normalized(re.split("[<>=!~ ;[]", one)[0]) for one in project["dependencies"]}
    installed = packages_distributions()
    imported = {
        normalized(distribution)
        for path in MODULES
        for name in imports_of(path) - set(sys.stdlib_module_names)
        for distribution in installed[name]
    }
    assert imported == declared


def test_the_readme_of_the_distribution_exists_and_its_links_have_targets() -> None:
    project = tomllib.loads((DISTRIBUTION / "pyproject.toml").read_text())["project"]
    readme = (DISTRIBUTION / project["readme"]).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in link]
    assert links
    assert [link for link in links if not (DISTRIBUTION / link).exists()] == []


def test_the_commands_of_the_readme_have_options_that_exist() -> None:
    text = (DISTRIBUTION / "README.md").read_text()
    commands = re.findall(r"^\$ .*vonage-simulator (--.*)$", text, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        parser().parse_args(shlex.split(command))


def test_the_license_is_that_of_the_repository() -> None:
    assert (DISTRIBUTION / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
