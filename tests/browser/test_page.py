"""The web console beyond single calls: edited flows, restarts, faults, the clock, the search."""

from __future__ import annotations

import ast
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from local.local_platform import LocalPlatform, PlatformOptions
from tests.browser.conftest import NUMBERS, RAISES, ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Locator

    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")


def card_of(user: User, flow: str) -> Locator:
    """Return the card of a flow."""
    heading = user.page.get_by_role("heading", name=flow, exact=True)
    return user.page.get_by_role("main").get_by_role("listitem").filter(has=heading)


async def test_shows_an_edited_flow_and_runs_it_in_the_next_call(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    flow = editable.root / "functions/flows/greet.py"
    user = await open_user(editable.phone.url, "#/flows")
    number = editable.template.parameters["VonageNumber"]
    card = card_of(user, "greet")
    source = flow.read_text(encoding="utf-8")
    summary = (ast.get_docstring(ast.parse(source)) or "").partition(".")[0]
    assert summary
    await expect(card).to_contain_text(summary)
    try:
        flow.write_text(source.replace("Thank you for calling from", "A warm welcome,"))
        await expect(card).to_contain_text("A warm welcome,")
        await user.call(number)
        await user.hears("A warm welcome,")
        await user.is_over()

        flow.write_text(source + "\ndef broken(:\n")
        line = source.count("\n") + 2
        await user.visit("#/flows")
        await expect(card).to_contain_text(f"functions/flows/greet.py:{line}")
        await expect(card).to_contain_text("File has an error")
        await user.call(number)
        await user.hears("We are sorry, something went wrong.")
    finally:
        flow.write_text(source)
    await user.visit("#/flows")
    await expect(card).not_to_contain_text("File has an error")
    await user.is_over()
    await user.call(number)
    await user.hears("Thank you for calling from")


async def test_shows_a_new_flow_without_a_reload(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    user = await open_user(editable.phone.url, "#/flows")
    flow = editable.root / "functions/flows/newest.py"
    flow.write_text(
        '"""Says the newest thing."""\n\nfrom voicekit import ncco\n\n\n'
        'def answer(call):\n    return [ncco.talk("Newest of all.")]\n'
    )
    card = card_of(user, "newest")
    await expect(card).to_contain_text("Says the newest thing.")
    await expect(card).to_contain_text("Newest of all.")


async def test_takes_back_what_it_said_about_a_flow_when_the_file_changes(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    flow = editable.root / "functions/flows/raises.py"
    user = await open_user(editable.phone.url, "#/flows/speech/paths")
    await expect(user.page.get_by_text("No dead ends")).to_be_visible()
    await user.visit("#/flows")
    await expect(card_of(user, "speech")).to_contain_text("Paths checked")
    await expect(card_of(user, "raises")).to_contain_text("Answer fails")
    flow.write_text(RAISES.replace("100", "1"))
    try:
        await expect(card_of(user, "raises")).to_contain_text("Good morning.")
        await expect(card_of(user, "raises")).not_to_contain_text("Answer fails")
        await expect(card_of(user, "speech")).to_contain_text("Paths not checked")
    finally:
        flow.write_text(RAISES)


async def test_reconnects_after_a_restart_of_the_platform(
    open_user: OpenUser, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = PlatformOptions(
        folder=tmp_path, phone_ports=(port,), parameters={"DefaultFlow": "conference"}
    )
    async with LocalPlatform(ROOT, options) as platform:
        user = await open_user(platform.phone.url)
        number = platform.template.parameters["VonageNumber"]
        await user.call(number)
        await user.hears("Please wait while we connect you")
    await expect(user.states).to_contain_text("Connection lost")
    # What the page knows stays readable.
    await expect(user.events).to_contain_text("Please wait while we connect you")
    async with LocalPlatform(ROOT, options):
        await expect(user.states).to_contain_text("Connected")
        # The call ended with the platform; the page says so, and shows the new one's calls.
        await expect(user.page.get_by_text("Earlier calls are gone")).to_be_visible()
        await expect(user.page.get_by_text("This call is no longer known")).to_be_visible()
        await user.visit("#/calls")
        await expect(user.page.get_by_role("heading", name="Make your first call")).to_be_visible()
        await user.call(number)
        await user.hears("Please wait while we connect you")
        await user.visit("#/calls")
        await expect(user.calls).to_have_count(1)
        await user.hangs_up()


async def test_finds_calls_by_number_flow_and_outcome(open_user: OpenUser) -> None:
    user = await open_user()
    await user.call(NUMBERS["speech"], own="447700900321")
    await user.hears("Please say something.")
    await user.hangs_up()
    await user.visit("#/calls")
    search = user.page.get_by_label("Search calls")
    for words in ("447700900321", "speech", "completed"):
        await search.fill(words)
        await expect(user.calls.filter(has_text="447700900321").first).to_be_visible()
    await search.fill("no such call")
    await expect(user.calls).to_have_count(0)
    await user.button("Show all calls").click()
    await expect(user.calls.filter(has_text="447700900321").first).to_be_visible()


async def test_a_fault_that_is_turned_on_is_injected_and_named_where_it_acted(
    open_user: OpenUser,
) -> None:
    user = await open_user(route="#/simulator")
    unsigned = user.page.get_by_role("switch", name="Not signed").first
    await unsigned.click()
    await expect(unsigned).to_be_checked()
    # Each fault of the simulator has its place and its title.
    await expect(user.page.get_by_text("Other", exact=True)).to_have_count(0)
    await expect(user.states).to_contain_text("1 fault on")
    await user.call(NUMBERS["speech"])
    answer = user.events.get_by_role("listitem").filter(has_text="/webhooks/answer")
    await expect(answer.first).to_contain_text("Fault: Not signed")
    await expect(answer.first).to_contain_text("Arrived without a signature")
    await expect(answer.nth(1)).to_contain_text("2nd")
    await user.visit("#/simulator")
    await expect(user.page.get_by_text("Happened").first).to_be_visible()
    await user.button("Turn all off").click()
    await expect(unsigned).not_to_be_checked()
    await expect(user.states).not_to_contain_text("fault")


async def test_follows_clock_changes_of_other_clients(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user(route="#/simulator")
    speed = user.page.get_by_role("group", name="Speed of the clock")
    microphone = user.button("Microphone")
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.post("/sim/clock", json={"speed": 5}):
            await expect(
                speed.get_by_role("button", name="5\N{MULTIPLICATION SIGN}", exact=True)
            ).to_have_attribute("aria-pressed", "true")
            await expect(user.states).to_contain_text("Clock 5\N{MULTIPLICATION SIGN}")
            await expect(microphone).to_be_disabled()
        async with http.post("/sim/clock", json={"speed": 1}):
            await expect(speed.get_by_role("button", name="Real time")).to_have_attribute(
                "aria-pressed", "true"
            )
            await expect(user.states).not_to_contain_text("Clock")
            await expect(microphone).to_be_enabled()


async def test_the_way_to_a_step_of_a_flow_lights_up_under_pointer_and_focus(
    open_user: OpenUser,
) -> None:
    wide = {"width": 1440, "height": 900}
    user = await open_user(route="#/flows/dtmf_menu/paths", viewport=wide)
    tree = user.page.get_by_role("group", name="Every path through dtmf_menu")
    steps = tree.locator(".node")
    await expect(steps).to_have_count(10)
    await expect(steps.first).to_contain_text("Hello, and thank you for calling.")
    paths = tree.locator("svg.edges path")
    await expect(paths).to_have_count(9)

    async def lit() -> list[str]:
        on_way = tree.locator(".node.on-way .node-number")
        return sorted(await on_way.all_inner_texts(), key=int)

    await steps.filter(has_text="Sorry, we did not get your choice").hover()
    await expect(tree.locator("path.on-way")).to_have_count(3)
    assert await lit() == ["1", "4", "7", "10"]
    await user.page.mouse.move(0, 0)
    await expect(tree.locator(".on-way")).to_have_count(0)

    # A choice shows the step that it leads to.
    choice = steps.first.get_by_role("button", name="0 to 5", exact=True)
    await choice.focus()
    assert await lit() == ["1"]
    await user.page.keyboard.press("Enter")
    await expect(steps.filter(has_text="One moment, please.")).to_be_focused()
    assert await lit() == ["1", "5"]

    # Without room for the columns: cards by number, without lines.
    await user.page.set_viewport_size({"width": 1300, "height": 900})
    await expect(paths.first).to_be_hidden()
    await expect(steps.first).to_be_visible()
