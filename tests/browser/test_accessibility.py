"""Every view and state: axe-core without findings, nothing wider than the window, names not cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from local.local_platform import LocalPlatform, PlatformOptions
from tests.browser.accessibility import assert_nothing, findings
from tests.browser.conftest import CLOSED, NUMBERS, ROOT, hang_up_all, open_call, set_faults

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
        found = await findings(user.page, "no messages")
        await user.visit("#/messages/outbox")
        await expect(user.page.get_by_text("No e-mails yet")).to_be_visible()
        found += await findings(user.page, "no e-mails")
        await user.visit("#/phone")
        found += await findings(user.page, "the phone before the first call")
        await user.visit("#/calls/CON-1")
        await expect(user.page.get_by_text("This call is no longer known.")).to_be_visible()
        found += await findings(user.page, "an unknown call")
        await user.visit("#/flows")
        await expect(user.page.get_by_role("link", name="Every path: greet")).to_be_visible()
    await expect(user.states).to_contain_text("Connection lost")
    await expect(user.page.get_by_text("does not respond").first).to_be_visible()
    found += await findings(user.page, "lost connection")
    await user.visit("#/flows/greet/paths")
    await expect(user.button("Try again")).to_be_visible()
    found += await findings(user.page, "paths that cannot be loaded")
    assert_nothing(found)


async def test_calls(open_user: OpenUser, editable: LocalPlatform) -> None:
    user = await open_user(editable.phone.url, viewport=WIDE)
    await user.call(editable.template.parameters["VonageNumber"], flow="raises")
    await user.hears("We are sorry, something went wrong.")
    await user.is_over()
    await user.page.get_by_role("link", name="Show where").click()
    await expect(user.details.get_by_role("group", name="Lines of")).to_be_visible()
    found = await findings(user.page, "apology with details")
    for tab in ("NCCO", "Request", "Response"):
        await user.details.get_by_role("tab", name=tab).click()
        found += await findings(user.page, f"details: {tab}")
    await user.page.keyboard.press("d")
    await user.webhook("event").first.click()
    await user.details.get_by_role("tab", name="Stored items").click()
    await expect(user.details).to_contain_text("stored items.")
    found += await findings(user.page, "stored items, docked at the other side")
    await user.event("talk").first.click()
    await user.details.get_by_role("tab", name="Journal").click()
    found += await findings(user.page, "a journal entry")
    await user.visit("#/calls")
    await user.page.get_by_label("Search calls").fill("nothing like this")
    await expect(user.button("Show all calls")).to_be_visible()
    found += await findings(user.page, "no call found")
    await user.button("Show all calls").click()
    await expect(user.calls.first).to_contain_text("Apology")
    found += await findings(user.page, "calls")

    await user.call(NUMBERS["conference"], own="447700900702")
    await user.hears("Please wait while we connect you")
    found += await findings(user.page, "live with one leg")
    await user.events.hover()
    await user.page.keyboard.type("12345678901234567890123456789012345")
    await expect(user.event("pressed")).to_have_count(35)
    await user.page.mouse.wheel(0, -5000)
    await expect(user.button("Jump to now")).to_be_visible()
    found += await findings(user.page, "scrolled up in a live call")
    call = await user.page.evaluate("() => location.hash")
    await user.visit("#/phone")
    found += await findings(user.page, "the phone in a call")
    await user.visit(call)
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
    await user.visit("#/phone")
    found += await findings(user.page, "the phone ringing")
    await user.visit("#/calls")
    await user.calls.first.click()
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
        await user.button("Close details").click()
        for position in range(5, 9):
            await open_call(http, NUMBERS["conference"], f"44770090070{position}")
        await user.page.get_by_label("Leg", exact=True).select_option(index=2)
        await expect(user.events).to_contain_text("events of other legs")
        found += await findings(user.page, "one of nine legs")
        await user.button("Show all legs").click()
        found += await findings(user.page, "live with nine legs")
    await hang_up_all(editable.vonage.http_url)
    assert_nothing(found)


async def test_calls_that_go_wrong(
    open_user: OpenUser, editable: LocalPlatform, closed: LocalPlatform
) -> None:
    user = await open_user(editable.phone.url, viewport=WIDE)
    await set_faults(editable, delay_webhook={"value": 60, "times": 10})
    await user.call(NUMBERS["speech"], own="447700900703")
    article = user.page.get_by_role("main").get_by_role("article")
    await expect(article).to_contain_text("waiting for the answer")
    found = await findings(user.page, "waiting for the answer")
    await set_faults(editable, webhook_drop_after_body=1, dashed_inbound_uuid=1)
    await user.hangs_up()
    await user.call(NUMBERS["speech"], own="447700900704")
    await expect(user.webhook("fallback").first).to_be_visible()
    await set_faults(editable)
    await user.is_over()
    found += await findings(user.page, "retries, a fallback and faults")
    await user.visit("#/simulator")
    await expect(user.page.get_by_role("list", name="Where faults acted")).to_be_visible()
    for group in await user.page.locator("summary").all():
        await group.click()
    found += await findings(user.page, "the simulator after faults, with every fault")

    user = await open_user(closed.phone.url, viewport=WIDE)
    await user.call(closed.template.parameters["VonageNumber"], flow="connect")
    await user.is_over()
    await expect(user.events).to_contain_text("Dialing is off")
    found += await findings(user.page, "closed, with dialing off")
    await user.visit("#/flows")
    await expect(user.page.get_by_role("region", name="Numbers and hours")).to_contain_text(CLOSED)
    found += await findings(user.page, "flows of a closed line")
    assert_nothing(found)


async def test_flows_and_the_simulator(open_user: OpenUser, editable: LocalPlatform) -> None:
    broken = editable.root / "functions/flows/broken.py"
    broken.write_text('"""Cannot be read."""\n\n\ndef answer(call:\n')
    user = await open_user(editable.phone.url, "#/flows", viewport=WIDE)
    await expect(user.page.get_by_text("Answer fails").first).to_be_visible()
    await expect(user.page.get_by_text("File has an error").first).to_be_visible()
    found = await findings(user.page, "flows")
    await user.visit("#/flows/broken")
    await expect(user.page.get_by_role("tab", name="Error")).to_be_visible()
    found += await findings(user.page, "a flow whose file has an error")
    broken.unlink()
    await user.visit("#/flows/nothing")
    found += await findings(user.page, "a flow that does not exist")
    await user.visit("#/flows/raises/paths")
    await expect(user.page.get_by_text("Checked 1 step: 1 problem.")).to_be_visible()
    found += await findings(user.page, "a flow with a dead end")
    await user.visit("#/flows/raises")
    await expect(user.page.get_by_text("Callers hear the apology").first).to_be_visible()
    found += await findings(user.page, "a flow whose answer fails")
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
    clock = user.page.get_by_role("group", name="Speed of the clock")
    await clock.get_by_role("button", name="Paused").click()
    await expect(user.button("Move on")).to_be_visible()
    found += await findings(user.page, "the simulator with a paused clock")
    await clock.get_by_role("button", name="Real time").click()
    await expect(user.button("Move on")).to_have_count(0)
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
