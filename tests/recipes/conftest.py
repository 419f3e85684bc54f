"""The local platform with the recipes of docs/recipes as flows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.testing.platform_thread import PlatformThread

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.py"))


@pytest.fixture(scope="session")
def voice_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformThread]:
    root = tmp_path_factory.mktemp("recipes")
    shutil.copytree(ROOT / "functions", root / "functions")
    for recipe in RECIPES:
        shutil.copy(recipe, root / "functions" / "flows")
    shutil.copy(ROOT / "template.yaml", root)
    (root / "layers").symlink_to(ROOT / "layers")
    (root / ".local").mkdir()
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (root / ".local" / "layers").symlink_to(ROOT / ".local" / "layers")
    thread = PlatformThread(root, tmp_path_factory.mktemp("voice"))
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
