"""The web console beyond single calls: edited flows, restarts, many calls, faults, the clock."""

from __future__ import annotations

import ast
import re
import shutil
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from local.local_platform import LocalPlatform, PlatformOptions
from tests.browser.conftest import NUMBERS, ROOT, TIMEOUT, calls_of, timeline_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARTS = ("functions", "layers", "template.yaml", "pyproject.toml", "constraints.txt")
MANY = 200


@pytest_asyncio.fixture(loop_scope="session")
async def own_root(tmp_path: Path) -> Path:
    """A copy of the application, whose flows a test can edit."""
    root = tmp_path / "application"
    root.mkdir()
    for name in PARTS:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, root / name)
    return root


async def test_shows_an_edited_flow_and_runs_it_in_the_next_call(
    open_user: OpenUser, own_root: Path
) -> None:
    flow = own_root / "functions/flows/greet.py"
    async with LocalPlatform(
        own_root, PlatformOptions(parameters={"DefaultFlow": "greet"})
    ) as platform:
        user = await open_user(platform.phone.url)
        number = platform.template.parameters["VonageNumber"]
        flows = user.page.get_by_role("region", name="Flows")
        source = flow.read_text(encoding="utf-8")
        summary = (ast.get_docstring(ast.parse(source)) or "").partition(".")[0]
        assert summary
        await expect(flows).to_contain_text(summary)
        flow.write_text(source.replace("Thank you for calling from", "A warm welcome,"))
        await expect(flows).to_contain_text("A warm welcome,")
        await user.call(number)
        await user.hears("A warm welcome,")
        await expect(user.button("Hang up")).to_have_count(0)

        flow.write_text(source + "\ndef broken(:\n")
        line = source.count("\n") + 2
        await expect(flows).to_contain_text(f"line {line}")
        await user.call(number)
        await user.hears("We are sorry, something went wrong.")

        flow.write_text(source)
        await expect(flows).not_to_contain_text(f"line {line}")
        await expect(user.button("Hang up")).to_have_count(0)
        await user.call(number)
        await user.hears("Thank you for calling from")


async def test_shows_a_new_flow_without_a_reload(open_user: OpenUser, own_root: Path) -> None:
    async with LocalPlatform(own_root, PlatformOptions()) as platform:
        user = await open_user(platform.phone.url)
        flow = own_root / "functions/flows/newest.py"
        flow.write_text(
            '"""Says the newest thing."""\n\nfrom voicekit import ncco\n\n\n'
            'def answer(call):\n    return [ncco.talk("Newest of all.")]\n'
        )
        flows = user.page.get_by_role("region", name="Flows")
        await expect(flows).to_contain_text("Says the newest thing.")
        await expect(flows).to_contain_text("Newest of all.")


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
    await expect(user.page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
    async with LocalPlatform(ROOT, options):
        await expect(user.button("Call")).to_be_enabled()
        # The call ended with the platform; the page shows the new one.
        await expect(user.button("Hang up")).to_have_count(0)
        await expect(calls_of(user)).to_have_count(0)
        await user.call(number)
        await user.hears("Please wait while we connect you")
        await expect(calls_of(user)).to_have_count(1)
        await user.hangs_up()


async def test_lists_200_calls_and_updates_only_the_row_of_an_events_call(
    open_user: OpenUser, tmp_path: Path
) -> None:
    options = PlatformOptions(folder=tmp_path, parameters={"DefaultFlow": "speech"})
    async with LocalPlatform(ROOT, options) as platform:
        user = await open_user(platform.phone.url)
        number = platform.template.parameters["VonageNumber"]
        async with aiohttp.ClientSession(platform.vonage.http_url) as http:
            legs = []
            for position in range(MANY):
                body = {"from": f"4477009{position:05d}", "to": number}
                async with http.post("/sim/calls", json=body) as response:
                    legs.append((await response.json())["uuid"])
                if position >= 10:
                    async with http.post(f"/sim/calls/{legs[position - 10]}/hangup"):
                        pass
            for leg in legs[-10:-1]:
                async with http.post(f"/sim/calls/{leg}/hangup"):
                    pass
            rows = calls_of(user)
            await expect(rows).to_have_count(MANY, timeout=3 * TIMEOUT)
            await user.page.get_by_label("Search calls").fill("447700900007")
            await expect(rows.locator("visible=true")).to_have_count(1)
            await user.page.get_by_label("Search calls").fill("")
            await expect(rows.locator("visible=true")).to_have_count(MANY)
            # One call is left; its events must change only its row.
            await expect(rows.filter(has_text="completed")).to_have_count(MANY - 1)
            await user.page.wait_for_timeout(
                3000
            )  # webhooks of the other calls are still in flight
            await user.page.evaluate(WATCH_ROWS)
            async with http.post(f"/sim/calls/{legs[-1]}/hangup"):
                pass
            await expect(rows.filter(has_text="completed")).to_have_count(MANY)
            touched = await user.page.evaluate("() => window.touchedRows.size")
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


async def test_finds_calls_by_number_flow_and_state(open_user: OpenUser) -> None:
    user = await open_user()
    await user.call(NUMBERS["speech"], own="447700900321")
    await user.hears("Please say something.")
    await user.hangs_up()
    search = user.page.get_by_label("Search calls")
    for words in ("447700900321", "speech", "completed"):
        await search.fill(words)
        await expect(calls_of(user).filter(has_text="447700900321").first).to_be_visible()
    await search.fill("no such call")
    await expect(calls_of(user).locator("visible=true")).to_have_count(0)


async def test_a_fault_that_is_turned_on_is_injected(open_user: OpenUser) -> None:
    user = await open_user()
    faults = user.page.get_by_role("region", name="Faults")
    unsigned = faults.get_by_role("checkbox", name=re.compile("^unsigned"))
    await unsigned.check()
    await user.call(NUMBERS["speech"])
    timeline = timeline_of(user)
    await calls_of(user).first.click()
    await expect(timeline).to_contain_text("503")
    await faults.get_by_role("button", name="Turn all off").click()
    await expect(unsigned).not_to_be_checked()


async def test_follows_clock_changes_of_other_clients(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user()
    speed = user.page.get_by_label("Clock speed")
    microphone = user.page.get_by_label("Use the microphone")
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.post("/sim/clock", json={"speed": 5}):
            await expect(speed).to_have_value("5")
            await expect(microphone).to_be_disabled()
        async with http.post("/sim/clock", json={"speed": 1}):
            await expect(speed).to_have_value("1")
            await expect(microphone).to_be_enabled()
