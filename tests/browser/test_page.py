"""The page beside the calls: flows that are edited, a platform that restarts, many calls."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from local.local_platform import LocalPlatform, PlatformOptions
from tests.browser.conftest import NUMBERS, PATIENCE, ROOT, calls_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.browser.conftest import Person

    People = Callable[..., Awaitable[Person]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARTS = ("functions", "layers", "template.yaml", "pyproject.toml", "constraints.txt")
MANY = 200


@pytest_asyncio.fixture(loop_scope="session")
async def own_root(tmp_path: Path) -> Path:
    """A copy of the application, whose flows a test may change."""
    root = tmp_path / "application"
    root.mkdir()
    for name in PARTS:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, root / name)
    return root


async def test_an_edited_flow_is_seen_in_the_page_and_heard_in_the_next_call(
    people: People, own_root: Path
) -> None:
    flow = own_root / "functions/flows/greet.py"
    async with LocalPlatform(
        own_root, PlatformOptions(parameters={"DefaultFlow": "greet"})
    ) as platform:
        person = await people(platform.phone.url)
        number = platform.template.parameters["VonageNumber"]
        flows = person.page.get_by_role("region", name="Flows")
        await expect(flows).to_contain_text("Greet the caller")

        source = flow.read_text(encoding="utf-8")
        flow.write_text(source.replace("Thank you for calling from", "A warm welcome,"))
        await expect(flows).to_contain_text("A warm welcome,")
        await person.ring(number)
        await person.hears("A warm welcome,")
        await expect(person.button("Hang up")).to_have_count(0)

        flow.write_text(source + "\ndef broken(:\n")
        line = source.count("\n") + 2
        await expect(flows).to_contain_text(f"line {line}")
        await person.ring(number)
        await person.hears("We are sorry, something went wrong.")

        flow.write_text(source)
        await expect(flows).not_to_contain_text(f"line {line}")
        await expect(person.button("Hang up")).to_have_count(0)
        await person.ring(number)
        await person.hears("Thank you for calling from")


async def test_a_new_flow_shows_without_reloading_the_page(people: People, own_root: Path) -> None:
    async with LocalPlatform(own_root, PlatformOptions()) as platform:
        person = await people(platform.phone.url)
        flow = own_root / "functions/flows/newest.py"
        flow.write_text(
            '"""Says the newest thing."""\n\nfrom voicekit import ncco\n\n\n'
            'def answer(call):\n    return [ncco.talk("Newest of all.")]\n'
        )
        flows = person.page.get_by_role("region", name="Flows")
        await expect(flows).to_contain_text("Says the newest thing.")
        await expect(flows).to_contain_text("Newest of all.")


async def test_the_page_comes_back_when_the_platform_was_restarted(
    people: People, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = PlatformOptions(
        folder=tmp_path, phone_port=port, parameters={"DefaultFlow": "conference"}
    )
    async with LocalPlatform(ROOT, options) as platform:
        person = await people(platform.phone.url)
        number = platform.template.parameters["VonageNumber"]
        await person.ring(number)
        await person.hears("Please wait while we connect you")
    await expect(person.page.get_by_text("Connection lost; trying again")).to_be_visible()
    async with LocalPlatform(ROOT, options):
        await expect(person.button("Call")).to_be_enabled()
        # The call went with the platform; what the page shows is that of the new one.
        await expect(person.button("Hang up")).to_have_count(0)
        await expect(calls_of(person)).to_have_count(0)
        await person.ring(number)
        await person.hears("Please wait while we connect you")
        await expect(calls_of(person)).to_have_count(1)
        await person.hangs_up()


async def test_two_hundred_calls_are_listed_and_an_event_touches_the_row_of_its_call_alone(
    people: People, tmp_path: Path
) -> None:
    options = PlatformOptions(folder=tmp_path, parameters={"DefaultFlow": "speech"})
    async with LocalPlatform(ROOT, options) as platform:
        person = await people(platform.phone.url)
        number = platform.template.parameters["VonageNumber"]
        async with aiohttp.ClientSession(platform.vonage.http_url) as http:
            legs = []
            for position in range(MANY):
                body = {"from": f"4477009{position:05d}", "to": number}
                async with http.post("/sim/calls", json=body) as reply:
                    legs.append((await reply.json())["uuid"])
                if position >= 10:
                    async with http.post(f"/sim/calls/{legs[position - 10]}/hangup"):
                        pass
            for leg in legs[-10:-1]:
                async with http.post(f"/sim/calls/{leg}/hangup"):
                    pass
            rows = calls_of(person)
            await expect(rows).to_have_count(MANY, timeout=3 * PATIENCE)
            await person.page.get_by_label("Search calls").fill("447700900007")
            await expect(rows.locator("visible=true")).to_have_count(1)
            await person.page.get_by_label("Search calls").fill("")
            await expect(rows.locator("visible=true")).to_have_count(MANY)
            # One call is left: what happens to it changes its row and no other.
            await expect(rows.filter(has_text="completed")).to_have_count(MANY - 1)
            await person.page.wait_for_timeout(3000)  # webhooks of the other calls still come in
            await person.page.evaluate(WATCH_ROWS)
            async with http.post(f"/sim/calls/{legs[-1]}/hangup"):
                pass
            await expect(rows.filter(has_text="completed")).to_have_count(MANY)
            touched = await person.page.evaluate("() => window.touchedRows.size")
            assert touched == 1


WATCH_ROWS = """() => {
  const list = document.querySelector('#inspector [role=listbox]');
  window.touchedRows = new Set();
  const note = (node) => {
    const element = node instanceof Element ? node : node.parentElement;
    const row = element && element.closest('[role=option]');
    if (row) window.touchedRows.add(row);
  };
  new MutationObserver((records) => {
    for (const record of records) {
      note(record.target);
      [...record.addedNodes, ...record.removedNodes].forEach(note);
    }
  }).observe(list, {subtree: true, childList: true, characterData: true, attributes: true});
}"""


async def test_calls_are_found_by_number_flow_and_state(people: People) -> None:
    person = await people()
    await person.ring(NUMBERS["speech"], own="447700900321")
    await person.hears("Please say something.")
    await person.hangs_up()
    search = person.page.get_by_label("Search calls")
    for words in ("447700900321", "speech", "completed"):
        await search.fill(words)
        await expect(calls_of(person).filter(has_text="447700900321").first).to_be_visible()
    await search.fill("no such call")
    await expect(calls_of(person).locator("visible=true")).to_have_count(0)


async def test_a_fault_that_is_switched_on_in_the_page_strikes(people: People) -> None:
    person = await people()
    faults = person.page.get_by_role("region", name="Faults")
    unsigned = faults.get_by_role("checkbox", name="unsigned a webhook")
    await unsigned.check()
    await person.ring(NUMBERS["speech"])
    conversation = person.page.get_by_role("region", name="Conversation")
    await calls_of(person).first.click()
    await expect(conversation).to_contain_text("503")
    await faults.get_by_role("button", name="All off").click()
    await expect(unsigned).not_to_be_checked()


async def test_a_clock_that_is_changed_elsewhere_is_followed(
    people: People, platform: LocalPlatform
) -> None:
    person = await people()
    speed = person.page.get_by_label("Clock speed")
    microphone = person.page.get_by_label("Use the microphone")
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.post("/sim/clock", json={"speed": 5}):
            await expect(speed).to_have_value("5")
            await expect(microphone).to_be_disabled()
        async with http.post("/sim/clock", json={"speed": 1}):
            await expect(speed).to_have_value("1")
            await expect(microphone).to_be_enabled()
