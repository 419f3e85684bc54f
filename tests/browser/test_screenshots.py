"""Screenshots for the documentation.

They go to the folder in PICTURES (`make pictures`), or to a temporary folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.local_platform import LocalPlatform
    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZE = {"width": 1440, "height": 900}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for the screenshots."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def take(user: User, folder: Path, name: str) -> None:
    """Take a picture in light and in dark."""
    await user.page.mouse.move(0, 0)
    for scheme in ("light", "dark"):
        await user.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await user.page.screenshot(path=folder / f"{name}-{scheme}.png")


async def test_a_call(open_user: OpenUser, folder: Path) -> None:
    user = await open_user(viewport=SIZE, reduced_motion="reduce")
    await user.call(NUMBERS["connect"])
    await user.button("Answer").click()
    await user.says("Good morning. Do you have a table for two tonight?")
    await user.hears("for two tonight?")
    await take(user, folder, "call")
    assert (folder / "call-dark.png").stat().st_size > 10_000
    await user.hangs_up()


async def test_a_call_whose_flow_failed(
    open_user: OpenUser, editable: LocalPlatform, folder: Path
) -> None:
    user = await open_user(editable.phone.url, viewport=SIZE, reduced_motion="reduce")
    await user.call(editable.template.parameters["VonageNumber"], flow="raises")
    await user.is_over()
    await user.page.get_by_role("link", name="Show where").click()
    await expect(user.details.get_by_role("group", name="Lines of")).to_be_visible()
    await take(user, folder, "apology")


async def test_a_recording(open_user: OpenUser, folder: Path) -> None:
    user = await open_user(viewport=SIZE, reduced_motion="reduce")
    await user.call(NUMBERS["voicemail"])
    await user.hears("Recording started")
    await user.says("This is Ada. Please call me back about the engine.")
    await user.hears("about the engine.")
    await user.button("#").click()
    await user.hears("Thank you for your message.")
    await user.webhook("recordings").first.click()
    await expect(user.details.get_by_label("Position in the recording")).to_be_visible()
    await take(user, folder, "recording")


async def test_every_path_of_a_flow(open_user: OpenUser, folder: Path) -> None:
    user = await open_user(route="#/flows/dtmf_menu/paths", viewport=SIZE, reduced_motion="reduce")
    tree = user.page.get_by_role("group", name="Every path through dtmf_menu")
    await expect(tree.locator("svg.edges path")).to_have_count(9)
    await take(user, folder, "paths")
