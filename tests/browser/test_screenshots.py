"""Screenshots for the documentation, and accessibility checks with axe-core.

The screenshots go to the folder in PICTURES (`make pictures`), or to a temporary folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import NUMBERS, calls_of, timeline_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERIOUS = ("serious", "critical")
WIDE = {"width": 1400, "height": 900}
NARROW = {"width": 360, "height": 740}


async def problems(user: User) -> list[str]:
    """Return axe-core's serious findings with their elements."""
    results = await Axe().run(user.page)
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in results.response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder for the screenshots."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_page_when_idle_and_in_a_call(
    open_user: OpenUser, pictures: Path, scheme: str, size: dict[str, int]
) -> None:
    width = "wide" if size is WIDE else "narrow"
    user = await open_user(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    await expect(user.page.get_by_role("region", name="Flows")).to_contain_text("voicemail")
    await user.page.screenshot(path=pictures / f"rest-{width}-{scheme}.png")
    assert await problems(user) == []
    await user.call(NUMBERS["dtmf_menu"])
    await user.hears("Press 1 for our opening hours")
    spoken = user.transcript.locator(".spoken-word.now")
    await expect(spoken.filter(has_text="calling.")).to_be_visible()
    await user.page.screenshot(path=pictures / f"call-{width}-{scheme}.png")
    assert await problems(user) == []
    # Nothing overflows horizontally.
    assert await user.page.evaluate(
        "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_call_inspector_with_a_recording(
    open_user: OpenUser, pictures: Path, scheme: str
) -> None:
    user = await open_user(color_scheme=scheme, viewport=WIDE, reduced_motion="reduce")
    await user.call(NUMBERS["voicemail"])
    await expect(user.transcript).to_contain_text("Recording")
    await user.says("This is Ada. Please call me back about the engine.")
    await user.page.wait_for_timeout(1000)
    await user.button("#").click()
    await user.hears("Thank you for your message.")
    await calls_of(user).first.click()
    timeline = timeline_of(user)
    webhook = timeline.get_by_role("button", name="POST /webhooks/recordings").first
    await expect(webhook).to_contain_text("204")
    await webhook.click()
    details = user.page.get_by_role("region", name="Details")
    await expect(details.get_by_role("img", name="Waveform")).to_be_visible()
    await expect(details.locator("audio")).to_be_visible()
    await details.get_by_role("img", name="Waveform").scroll_into_view_if_needed()
    await user.page.screenshot(path=pictures / f"inspector-{scheme}.png")
    assert await problems(user) == []
    await timeline.get_by_role("button", name="POST /webhooks/answer").first.click()
    await expect(details).to_contain_text("Please leave a message")
    await user.page.screenshot(path=pictures / f"webhook-{scheme}.png")
    assert await problems(user) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_flow_explorer(open_user: OpenUser, pictures: Path, scheme: str) -> None:
    user = await open_user(color_scheme=scheme, viewport=WIDE, reduced_motion="reduce")
    flows = user.page.get_by_role("region", name="Flows")
    card = flows.get_by_role("listitem").filter(
        has=user.page.get_by_role("heading", name="dtmf_menu")
    )
    # With only the keyboard
    await card.get_by_text("Every path").focus()
    await user.page.keyboard.press("Enter")
    await expect(card).to_contain_text("No problems found", timeout=30_000)
    tree = card.get_by_role("img", name="Every path through dtmf_menu")
    await expect(tree).to_be_visible()
    # The tree is shown as an image and as text.
    assert await tree.evaluate("(image) => image.complete && image.naturalWidth > 300")
    await card.get_by_text("As text").click()
    await expect(card).to_contain_text("1. “Hello, and thank you for calling.")
    await tree.scroll_into_view_if_needed()
    await user.page.screenshot(path=pictures / f"explorer-{scheme}.png")
    assert await problems(user) == []
