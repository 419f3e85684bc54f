"""What the page looks like: nothing serious for axe-core to find, and the pictures of the manual.

The pictures go to the folder named in PICTURES (`make pictures`), else they are made and dropped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import NUMBERS, calls_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.browser.conftest import Person

    People = Callable[..., Awaitable[Person]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERIOUS = ("serious", "critical")
WIDE = {"width": 1400, "height": 900}
NARROW = {"width": 360, "height": 740}


async def problems(person: Person) -> list[str]:
    """What axe-core finds that is serious, with the elements that it means."""
    found = await Axe().run(person.page)
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder for the pictures."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_page_at_rest_and_in_a_call(
    people: People, pictures: Path, scheme: str, size: dict[str, int]
) -> None:
    width = "wide" if size is WIDE else "narrow"
    person = await people(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    await expect(person.page.get_by_role("region", name="Flows")).to_contain_text("voicemail")
    await person.page.screenshot(path=pictures / f"rest-{width}-{scheme}.png")
    assert await problems(person) == []
    await person.ring(NUMBERS["dtmf_menu"])
    await person.hears("Press 1 for our opening hours")
    await person.page.screenshot(path=pictures / f"call-{width}-{scheme}.png")
    assert await problems(person) == []
    # No part of the page is cut off at the side.
    assert await person.page.evaluate(
        "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_inspector_with_a_recording(people: People, pictures: Path, scheme: str) -> None:
    person = await people(color_scheme=scheme, viewport=WIDE, reduced_motion="reduce")
    await person.ring(NUMBERS["voicemail"])
    await expect(person.heard).to_contain_text("Recording")
    await person.says("This is Ada. Please call me back about the engine.")
    await person.page.wait_for_timeout(1000)
    await person.button("#").click()
    await person.hears("Thank you for your message.")
    await calls_of(person).first.click()
    conversation = person.page.get_by_role("region", name="Conversation")
    await conversation.get_by_role("button", name="POST /webhooks/recordings").first.click()
    details = person.page.get_by_role("region", name="Details")
    await expect(details.get_by_role("img", name="Waveform")).to_be_visible()
    await expect(details.locator("audio")).to_be_visible()
    await details.get_by_role("img", name="Waveform").scroll_into_view_if_needed()
    await person.page.screenshot(path=pictures / f"inspector-{scheme}.png")
    assert await problems(person) == []
    await conversation.get_by_role("button", name="POST /webhooks/answer").first.click()
    await expect(details).to_contain_text("Please leave a message")
    await person.page.screenshot(path=pictures / f"webhook-{scheme}.png")
    assert await problems(person) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_path_of_a_flow(people: People, pictures: Path, scheme: str) -> None:
    person = await people(color_scheme=scheme, viewport=WIDE, reduced_motion="reduce")
    flows = person.page.get_by_role("region", name="Flows")
    card = flows.get_by_role("listitem").filter(
        has=person.page.get_by_role("heading", name="dtmf_menu")
    )
    # By the keyboard alone
    await card.get_by_text("Every path").focus()
    await person.page.keyboard.press("Enter")
    await expect(card).to_contain_text("Nothing is wrong", timeout=30_000)
    tree = card.get_by_role("img", name="Every path through dtmf_menu")
    await expect(tree).to_be_visible()
    # The picture was drawn, and stands as text as well.
    assert await tree.evaluate("(image) => image.complete && image.naturalWidth > 300")
    await card.get_by_text("As text").click()
    await expect(card).to_contain_text("1. “Hello, and thank you for calling.")
    await tree.scroll_into_view_if_needed()
    await person.page.screenshot(path=pictures / f"explorer-{scheme}.png")
    assert await problems(person) == []
