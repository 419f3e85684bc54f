"""Addresses of the page, Back, new calls, and small screens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser.conftest import NUMBERS, open_call, press

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.local_platform import LocalPlatform
    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENT = re.compile(r"#/calls/CON-[0-9a-f-]+/\d+$")


async def test_an_event_has_an_address_and_back_closes_details_then_the_call(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user(route="#/calls")
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        await open_call(http, NUMBERS["conference"], "447700900601")
    await expect(user.page.get_by_role("heading", level=1)).to_contain_text("447700900601")
    await user.webhook("answer").first.click()
    await expect(user.page).to_have_url(EVENT)
    await user.page.reload()
    await expect(user.details).to_contain_text("/webhooks/answer")
    await expect(user.events.locator("[aria-current=true]")).to_contain_text("/webhooks/answer")
    await user.page.go_back()
    await expect(user.details).to_have_count(0)
    await expect(user.events).to_be_visible()
    await user.page.go_back()
    await expect(user.page.get_by_role("heading", level=1)).to_have_text("Calls")


async def test_every_path_of_a_flow_has_an_address(open_user: OpenUser) -> None:
    user = await open_user(route="#/flows/greet/paths")
    tabs = user.page.get_by_role("tablist", name="About the flow")
    paths = tabs.get_by_role("tab", name="Every path")
    for _ in range(2):
        await expect(paths).to_have_attribute("aria-selected", "true")
        await expect(user.page.get_by_text("No dead ends")).to_be_visible()
        await user.page.reload()
    await user.visit("#/flows/nothing")
    await expect(user.page.get_by_text("The flow nothing does not exist.")).to_be_visible()


async def test_a_new_call_opens_unless_details_are_open(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user(route="#/calls")
    title = user.page.get_by_role("heading", level=1)
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        await open_call(http, NUMBERS["dtmf_menu"], "447700900611")
        await expect(title).to_contain_text("447700900611")
        await user.webhook("answer").first.click()
        await expect(user.details).to_be_visible()
        await open_call(http, NUMBERS["dtmf_menu"], "447700900612")
        toast = user.page.get_by_role("status").filter(has_text="New call")
        await expect(toast).to_be_visible()
        await expect(title).to_contain_text("447700900611")
        await toast.get_by_role("link", name="Show").click()
        await expect(title).to_contain_text("447700900612")

        await user.button("Follow").click()
        await open_call(http, NUMBERS["dtmf_menu"], "447700900613")
        await user.visit("#/calls")
        await expect(user.calls.first).to_contain_text("447700900613")
        await expect(title).to_have_text("Calls")
        await user.button("Follow new calls").click()


async def test_following_stops_when_the_user_scrolls_up(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user(viewport={"width": 1440, "height": 700})
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        leg = await open_call(http, NUMBERS["conference"], "447700900621")
        await expect(user.webhook("answer")).to_have_count(1)
        await press(http, leg, "123456789012345678901234567890")
        newest = user.events.get_by_role("listitem").last
        await expect(user.event("pressed")).to_have_count(30)
        await expect(newest).to_be_in_viewport()
        await user.events.hover()
        await user.page.mouse.wheel(0, -5000)
        jump = user.button("Jump to now")
        await expect(jump).to_be_visible()
        await press(http, leg, "5")
        await expect(user.event("pressed")).to_have_count(31)
        await expect(newest).not_to_be_in_viewport()
        await jump.click()
        await expect(newest).to_be_in_viewport()
        await expect(jump).to_have_count(0)


async def test_a_small_screen_has_a_bar_of_the_live_call_and_details_as_a_sheet(
    open_user: OpenUser,
) -> None:
    viewport = {"width": 390, "height": 844}
    user = await open_user(viewport=viewport, has_touch=True)
    await user.visit("#/phone")
    await user.call(NUMBERS["conference"])
    await user.hears("Please wait while we connect you")
    bar = user.page.get_by_role("region", name="Call in progress")
    await expect(bar).to_have_count(0)
    await user.page.get_by_role("navigation", name="Views and phone").get_by_text("Calls").click()
    await expect(bar).to_contain_text(NUMBERS["conference"])
    await user.calls.first.click()
    await user.webhook("answer").first.click()
    box = await user.details.bounding_box()
    assert box is not None
    assert box["x"] == 0
    assert box["width"] == viewport["width"]
    assert box["height"] > viewport["height"] * 0.9
    await user.button("Close details").click()
    await expect(user.details).to_have_count(0)
    await bar.get_by_role("link").click()
    await expect(user.transcript).to_be_visible()
    await user.hangs_up()
