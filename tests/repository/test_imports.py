"""Packages import what docs/architecture.md draws, and nothing else."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Folder on the import path → folders below it that hold the product's code.
SOURCES = {"functions": "functions", "simulator": "simulator/vonage_simulator", ".": "local"}
# Entry points: they start a part and are imported by nothing.
ENTRY_POINTS = re.compile(r"local/(__main__|sign|event|simulator/|explore/__main__)")


def package_of(path: Path) -> str:
    """Return the node of the drawing that a file belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "functions":
        return parts[1]
    return "/".join(parts[:2]) if parts[0] == "local" else parts[0]


def product_modules() -> dict[str, Path]:
    """Return every module of the product by its import name."""
    found: dict[str, Path] = {}
    for base, folder in (*SOURCES.items(), (".", "voicectl")):
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / base).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported_names(path: Path) -> set[str]:
    """Return the absolute names that a file imports, lazily and for annotations included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports() -> set[tuple[str, str]]:
    """Return the imports between packages, as pairs of importing and imported package."""
    modules = product_modules()
    return {
        (package_of(path), package_of(modules[name]))
        for path in modules.values()
        if not ENTRY_POINTS.match(str(path.relative_to(ROOT)))
        for name in imported_names(path) & modules.keys()
        # `local` itself is an empty package, and users' flows import what they need
        if name != "local"
        and package_of(path) != package_of(modules[name])
        and (package_of(path) != "flows" or name.startswith("voicekit"))
    }


def drawn() -> set[tuple[str, str]]:
    """Return the arrows of the two drawings in docs/architecture.md."""
    text = (ROOT / "docs/architecture.md").read_text()
    drawings = re.findall(r"```mermaid\nflowchart TD\n(.*?)```", text, re.DOTALL)
    return set(re.findall(r"([\w/]+) --> ([\w/]+)", "".join(drawings)))


def test_packages_import_what_the_drawings_show() -> None:
    assert sorted(imports()) == sorted(drawn())


def test_imports_form_no_circle() -> None:
    below: dict[str, set[str]] = {}
    for importer, imported in imports():
        below.setdefault(importer, set()).add(imported)
    reached: dict[str, set[str]] = {}
    for start in below:
        todo, reached[start] = [start], set()
        while todo:
            new = below.get(todo.pop(), set()) - reached[start]
            reached[start] |= new
            todo += new
    assert not [package for package, others in reached.items() if package in others]


def test_the_simulator_imports_nothing_of_this_repository() -> None:
    assert not {edge for edge in imports() if edge[0] == "simulator"}


def test_an_example_imports_only_itself_and_the_packages_that_its_dockerfile_installs() -> None:
    folder = ROOT / "examples/bot"
    installed = {"aiohttp", "jwt"}
    for path in sorted(folder.rglob("*.py")):
        roots = {name.partition(".")[0] for name in imported_names(path)}
        assert roots <= sys.stdlib_module_names | installed, path
    pinned = set(re.findall(r"\S+==\S+", (folder / "Dockerfile").read_text()))
    assert {one.partition("==")[0] for one in pinned} == {"aiohttp", "pyjwt"}
    assert pinned <= set((ROOT / "constraints.txt").read_text().lower().splitlines())


@pytest.mark.parametrize("name", sorted({name.split(".")[0] for name in product_modules()}))
def test_no_package_has_the_name_of_a_standard_module(name: str) -> None:
    assert name not in sys.stdlib_module_names
