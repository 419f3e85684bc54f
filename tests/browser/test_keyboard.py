"""The page with only the keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser.conftest import NUMBERS, open_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.local_platform import LocalPlatform
    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALL = re.compile(r"#/calls/CON-[0-9a-f-]+$")
EVENT = re.compile(r"#/calls/CON-[0-9a-f-]+/\d+$")


async def test_places_a_call_and_finds_why_it_failed(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    user = await open_user(editable.phone.url)
    keyboard = user.page.keyboard
    await keyboard.press("n")
    await expect(user.page.get_by_label("Number to call")).to_be_focused()
    await keyboard.press("Control+a")
    await keyboard.type(editable.template.parameters["VonageNumber"])
    await keyboard.press("Tab")
    await keyboard.type("raises_on_key")
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await user.hears("Waiting for a key")
    await keyboard.press("7")
    await user.hears("We are sorry, something went wrong.")
    await user.is_over()
    await expect(user.page).to_have_url(CALL)
    await keyboard.press("p")
    await expect(user.page).to_have_url(EVENT)
    log = user.details.get_by_role("tab", name="Log")
    await expect(log).to_have_attribute("aria-selected", "true")
    await expect(user.details.get_by_role("group", name="Lines of")).to_contain_text(
        "this key opens nothing"
    )
    await keyboard.press("[")
    await expect(log).to_have_attribute("aria-selected", "false")
    await keyboard.press("]")
    await expect(log).to_have_attribute("aria-selected", "true")
    await keyboard.press("Escape")
    await expect(user.details).to_have_count(0)
    await expect(user.page).to_have_url(CALL)


async def test_goes_to_each_view_and_shows_the_shortcuts(open_user: OpenUser) -> None:
    user = await open_user(route="#/flows")
    keyboard = user.page.keyboard
    heading = user.page.get_by_role("heading", level=1)
    for key, title in (("m", "Messages"), ("s", "Simulator"), ("f", "Flows")):
        await keyboard.press("g")
        await keyboard.press(key)
        await expect(heading).to_have_text(title)
    await keyboard.press("?")
    shortcuts = user.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(shortcuts).to_be_visible()
    await keyboard.press("Escape")
    await expect(shortcuts).to_be_hidden()
    # The key opens them again before the browser has reported that they were closed.
    await keyboard.press("?")
    await user.page.evaluate("""() => {
      document.querySelector('#keys').close();
      document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '?', bubbles: true}));
    }""")
    await keyboard.press("Tab")
    await expect(shortcuts).to_be_visible()
    # Single keys can be turned off.
    await shortcuts.get_by_role("checkbox", name="Single-key shortcuts").uncheck()
    await keyboard.press("Escape")
    await keyboard.press("g")
    await keyboard.press("s")
    await expect(heading).to_have_text("Flows")


async def test_moves_between_calls_and_events(open_user: OpenUser, platform: LocalPlatform) -> None:
    user = await open_user()
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        for own in ("447700900501", "447700900502"):
            # Not a conference: that would make one call of both.
            await open_call(http, NUMBERS["dtmf_menu"], own)
            title = user.page.get_by_role("heading", level=1)
            await expect(title).to_contain_text(own)
        keyboard = user.page.keyboard
        await keyboard.press("j")
        await expect(title).to_contain_text("447700900501")
        await keyboard.press("k")
        await expect(title).to_contain_text("447700900502")
        await keyboard.press("g")
        await keyboard.press("c")
        await expect(user.page.get_by_role("heading", level=1)).to_have_text("Calls")
        await keyboard.press("/")
        search = user.page.get_by_label("Search calls")
        await expect(search).to_be_focused()
        await keyboard.type("447700900501")
        await expect(user.calls).to_have_count(1)
        await keyboard.press("Escape")
        await expect(search).not_to_be_focused()

        await user.calls.first.focus()
        await keyboard.press("Enter")
        await user.webhook("answer").first.focus()
        await keyboard.press("Enter")
        await expect(user.details).to_contain_text("/webhooks/answer")
        await keyboard.press("ArrowDown")
        await expect(user.details).not_to_contain_text("POST/webhooks/answer")
        await expect(user.events.locator("[aria-current=true]")).to_be_focused()
        await keyboard.press("Escape")
        await expect(user.details).to_have_count(0)


async def test_answers_mutes_and_hangs_up(open_user: OpenUser) -> None:
    caller, callee = await open_user(), await open_user()
    await caller.button("Ring here").click()
    await caller.call(NUMBERS["connect"])
    await expect(callee.button("Answer")).to_be_visible()
    await callee.page.keyboard.press("a")
    active = callee.page.get_by_role("region", name="Active call")
    await expect(active).to_contain_text("In call")
    await callee.page.keyboard.press("m")
    await expect(active).to_contain_text("Muted")
    await callee.page.keyboard.press("m")
    await expect(active).not_to_contain_text("Muted")
    await callee.page.keyboard.press("t")
    await expect(callee.page.get_by_label("Say something")).to_be_focused()
    await callee.page.keyboard.press("Escape")
    await callee.page.keyboard.press("Shift+H")
    await callee.is_over()
