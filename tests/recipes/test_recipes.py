"""Each recipe is short, has a test, is not deployed, and has no path with a problem."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.explore.flow_files import read
from local.explore.report import explore
from tests.recipes.conftest import RECIPES
from tests.support.shipped_flows import SHIPPED

if TYPE_CHECKING:
    from local.testing.platform_thread import PlatformThread


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_short_tested_and_not_deployed(recipe: Path) -> None:
    assert len(recipe.read_text(encoding="utf-8").splitlines()) <= 25
    assert f'.call("{recipe.stem}"' in (
        Path(__file__).with_name(f"test_{recipe.stem}.py").read_text(encoding="utf-8")
    )
    assert recipe.stem not in SHIPPED


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_explorer_finds_no_problem(voice_platform: PlatformThread, recipe: Path) -> None:
    async def findings() -> list[str]:
        client = await asyncio.to_thread(voice_platform.platform.app_client)
        return (await explore(client, read(recipe))).findings

    assert voice_platform.run(findings()) == []
