"""Every view and state: axe-core without findings, nothing wider than the window, names not cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from local.local_platform import LocalPlatform, PlatformOptions
from tests.browser.accessibility import assert_nothing, findings
from tests.browser.conftest import NUMBERS, ROOT, open_call, set_faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDE = {"width": 1440, "height": 900}
# The names of parties whose text is cut off.
CUT = """() => [...document.querySelectorAll('h1 span, .ov-number, .who span, .line-head .numbers')]
  .filter((one) => one.getClientRects().length && !one.classList.contains('unseen'))
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0
    && getComputedStyle(one).display !== 'inline')
  .map((one) => `${one.className} ${one.textContent}`)"""


async def test_before_the_first_call(open_user: OpenUser, tmp_path: Path) -> None:
    options = PlatformOptions(folder=tmp_path, parameters={"DefaultFlow": "greet"})
    async with LocalPlatform(ROOT, options) as platform:
        user = await open_user(platform.phone.url, viewport=WIDE)
        await expect(user.page.get_by_role("heading", name="Make your first call")).to_be_visible()
        await expect(user.page.get_by_text("Or call another flow")).to_be_visible()
        assert_nothing(await findings(user.page, "first run"))
        await user.visit("#/messages/voicemail")
        await expect(user.page.get_by_text("No messages yet")).to_be_visible()
        assert_nothing(await findings(user.page, "no messages"))
    await expect(user.states).to_contain_text("Connection lost")
    await expect(user.page.get_by_text("does not respond").first).to_be_visible()
    assert_nothing(await findings(user.page, "lost connection"))


async def test_calls(open_user: OpenUser, editable: LocalPlatform) -> None:
    user = await open_user(editable.phone.url, viewport=WIDE)
    await user.call(editable.template.parameters["VonageNumber"], flow="raises")
    await user.hears("We are sorry, something went wrong.")
    await user.is_over()
    await user.page.get_by_role("link", name="Show where").click()
    await expect(user.details.get_by_role("group", name="Lines of")).to_be_visible()
    found = await findings(user.page, "apology with details")
    await user.visit("#/calls")
    await expect(user.calls.first).to_contain_text("Apology")
    found += await findings(user.page, "calls")

    await user.call(NUMBERS["dtmf_menu"])
    await user.hears("Press 1 for our opening hours")
    found += await findings(user.page, "live with one leg")
    await user.webhook("answer").first.click()
    await expect(user.details.get_by_role("tab", name="NCCO")).to_be_visible()
    found += await findings(user.page, "live with details")
    await user.page.keyboard.press("?")
    await expect(user.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    found += await findings(user.page, "keyboard shortcuts")
    await user.page.keyboard.press("Escape")
    await user.hangs_up()
    assert_nothing(found)


async def test_ringing_and_calls_with_several_legs(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    user = await open_user(editable.phone.url, viewport=WIDE)
    await user.call(NUMBERS["connect"])
    await expect(user.button("Answer")).to_be_visible()
    found = await findings(user.page, "ringing")
    await user.button("Answer").click()
    await expect(user.page.get_by_role("region", name="Active call")).to_contain_text("In call")
    await expect(user.page.get_by_role("heading", level=1)).to_be_visible()
    found += await findings(user.page, "live with two legs")
    assert await user.page.evaluate(CUT) == []
    await user.hangs_up()

    async with aiohttp.ClientSession(editable.vonage.http_url) as http:
        for position in range(5):
            await open_call(http, NUMBERS["conference"], f"44770090070{position}")
        legs = user.page.get_by_role("img", name="The call to scale: 5 legs")
        await expect(legs).to_be_visible()
        await user.webhook("answer").first.click()
        await expect(user.details).to_be_visible()
        found += await findings(user.page, "live with five legs")
        assert await user.page.evaluate(CUT) == []
    assert_nothing(found)


async def test_flows_and_the_simulator(open_user: OpenUser, editable: LocalPlatform) -> None:
    user = await open_user(editable.phone.url, "#/flows", viewport=WIDE)
    await expect(user.page.get_by_text("Answer fails").first).to_be_visible()
    found = await findings(user.page, "flows")
    await user.visit("#/flows/dtmf_menu")
    await expect(user.page.get_by_role("group", name="NCCO")).to_be_visible()
    found += await findings(user.page, "a flow")
    await user.visit("#/flows/dtmf_menu/paths")
    tree = user.page.get_by_role("group", name="Every path through dtmf_menu")
    await expect(tree).to_contain_text("Hello, and thank you for calling.")
    found += await findings(user.page, "every path of a flow")
    await set_faults(editable, unsigned={"probability": 0.5, "times": 3}, delay_webhook=0.1)
    await user.visit("#/simulator")
    await expect(user.page.get_by_role("heading", name="On now")).to_be_visible()
    found += await findings(user.page, "the simulator with faults")
    await set_faults(editable)
    assert_nothing(found)


async def test_messages(open_user: OpenUser, editable: LocalPlatform) -> None:
    user = await open_user(editable.phone.url, viewport=WIDE)
    number = editable.template.parameters["VonageNumber"]
    await user.call(number, flow="leave_message")
    await user.hears("Recording started")
    await user.says("This is Ada. Please call me back about the engine.")
    await user.hears("about the engine.")
    await user.button("#").click()
    await user.is_over()
    await user.visit("#/messages")
    messages = user.page.get_by_role("region", name="Messages")
    message = messages.get_by_role("link").filter(has_text="447700900123")
    await expect(message.get_by_role("img", name="New")).to_be_visible()
    await message.click()
    await expect(user.page.get_by_label("Position in the recording")).to_be_visible()
    found = await findings(user.page, "a voicemail")
    await user.page.get_by_role("link", name="Open the call").click()
    await expect(user.page.get_by_role("heading", level=1)).to_contain_text("447700900123")
    await user.visit("#/messages/outbox")
    await expect(user.page.get_by_text("Nothing is sent from this machine.")).to_be_visible()
    mail = messages.or_(user.page.get_by_role("region", name="E-mails")).get_by_role("link")
    await mail.filter(has_text="Voicemail from 447700900123").first.click()
    link = user.page.get_by_role("article").get_by_role("link", name="/listen/")
    await expect(link).to_be_visible()
    found += await findings(user.page, "the outbox")
    assert_nothing(found)
