"""Chromium, a local platform, and users with a softphone each."""

from __future__ import annotations

import json
import math
import os
import shutil
import wave
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import ConsoleMessage, Locator

ROOT = Path(__file__).parents[2]
# The tone of the fake microphone, which the recording must contain.
MICROPHONE_HERTZ = 600
TIMEOUT = 20_000  # milliseconds for anything a user waits for

# Console messages to ignore: the platform is stopped (in one test), or a network interface of this
# machine was added or removed (by Docker).
EXPECTED = ("ERR_CONNECTION_REFUSED", "ERR_NETWORK_CHANGED")

expect.set_options(timeout=TIMEOUT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(str(text))


# A number for each flow that the tests call.
NUMBERS = {
    "dtmf_menu": "447700900010",
    "voicemail": "447700900011",
    "connect": "447700900012",
    "conference": "447700900013",
    "speech": "447700900014",
    "track_progress": "447700900015",
}
NUMBERED_FLOWS = ",".join(f"{number}={flow}" for flow, number in NUMBERS.items())

# The parts of the application that a copy of it needs.
PARTS = ("functions", "layers", "template.yaml", "pyproject.toml", "constraints.txt")
# A flow that fails, in line 8.
RAISES = '''"""Ask for a key in a way that fails."""

from voicekit import ncco


def answer(call):
    greeting = ncco.talk("Good morning.")
    return [greeting, ncco.input(dtmf=ncco.dtmf(max_digits=100))]
'''
RAISES_LINE = 8
# A flow that fails when a key is pressed.
RAISES_ON_KEY = '''"""Fail on each key."""

from voicekit import ncco


def answer(call):
    key = ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))
    return [ncco.talk("Press a key, please."), key]


def dtmf(call, input):
    raise ValueError("this key opens nothing")
'''
# A flow whose recordings are messages.
LEAVE_MESSAGE = '''"""Record a message."""

from voicekit import ncco


def answer(call):
    url = call.url("recordings", purpose="voicemail")
    return [ncco.talk("Please talk."), ncco.record(end_on_key="#", event_url=url)]
'''
CLOSED = "We are closed. Please call again tomorrow."
SWITCHBOARD = {"closed": {"announcement": CLOSED}, "dialing": "off"}


class User:
    """A user with a page and a phone number of their own."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    async def open(self, route: str = "") -> None:
        """Open the page, perhaps at a route, and wait until it is connected and has its calls.

        The page opens each call that comes later.
        """
        await self.page.goto(f"{self.address}/{route}")
        await expect(self.page.get_by_text("Connected", exact=True)).to_be_attached()
        await expect(self.page.get_by_text("Loading…", exact=True)).to_have_count(0)

    async def visit(self, route: str) -> None:
        """Go to a route of the open page."""
        await self.page.evaluate("(route) => { location.hash = route; }", route)

    def button(self, name: str) -> Locator:
        """Return the button with exactly this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def transcript(self) -> Locator:
        """What the selected line hears and says."""
        return self.page.get_by_role("log", name="What you hear")

    @property
    def states(self) -> Locator:
        """The states of the platform, in the bar at the top."""
        return self.page.get_by_role("group", name="State of the platform")

    @property
    def calls(self) -> Locator:
        """The calls in the list, newest first."""
        return self.page.get_by_role("list", name="Calls", exact=True).get_by_role("link")

    @property
    def events(self) -> Locator:
        """The events of the open call."""
        return self.page.get_by_role("list", name="What happened")

    def event(self, name: str) -> Locator:
        """Return the events with this text in their names."""
        return self.events.get_by_role("button").filter(has_text=name)

    def webhook(self, route: str) -> Locator:
        """Return the webhooks to a route, such as ``answer``."""
        return self.event(f"/webhooks/{route}")

    @property
    def details(self) -> Locator:
        """The details of the selected event."""
        return self.page.get_by_role("region", name="Details")

    async def dial_form(self) -> None:
        """Show the form that places a call, if a call is shown instead."""
        await expect(self.button("New call").or_(self.button("Call"))).to_be_visible()
        if await self.button("New call").count():
            await self.button("New call").click()

    async def call(self, number: str, own: str = "447700900123", flow: str = "") -> None:
        """Call a number, perhaps with another flow than its own."""
        await self.dial_form()
        phone = self.page.get_by_label("Phone", exact=True)
        await phone.get_by_label("Your number").fill(own)
        await phone.get_by_label("Number to call").fill(number)
        # The page may still load its flows; a flow of an earlier call stays selected.
        if flow or await phone.get_by_label("Flow").count():
            await phone.get_by_label("Flow").select_option(flow)
        await self.button("Call").click()
        await expect(self.page.get_by_role("region", name="Active call")).to_be_visible()

    async def hears(self, text: str) -> None:
        """Wait for text in the transcript."""
        await expect(self.transcript).to_contain_text(text)

    async def says(self, text: str) -> None:
        """Type something to say."""
        await self.page.get_by_label("Say something").fill(text)
        await self.button("Say").click()

    async def hangs_up(self) -> None:
        """Hang up, and wait until the call has ended."""
        await self.button("Hang up").click()
        await self.is_over()

    async def is_over(self) -> None:
        """Wait until the selected line has ended."""
        await expect(self.button("Hang up")).to_have_count(0)


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV file with the tone of the fake microphone."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    rate = 48_000
    turn = 2 * math.pi * MICROPHONE_HERTZ / rate
    tone = array("h", (round(12_000 * math.sin(turn * n)) for n in range(rate)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.tobytes())
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(microphone: Path) -> AsyncIterator[Browser]:
    """Headless Chromium with a fake microphone."""
    program = shutil.which(os.environ.get("CHROMIUM") or "chromium")
    assert program, "chromium is not on the PATH: install it, or set CHROMIUM to its path"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--autoplay-policy=no-user-gesture-required",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
            ],
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The real application on the local platform, in real time."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("platform"),
        parameters={"AllowedPrefixes": "44", "NumberFlows": NUMBERED_FLOWS},
    )
    async with LocalPlatform(ROOT, options) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editable(
    platform: LocalPlatform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalPlatform]:
    """A platform whose flows a test can edit; two of them fail."""
    root = tmp_path_factory.mktemp("application")
    installed = platform.root / ".local/layers"  # else pip installs them again
    shutil.copytree(installed, root / ".local/layers")
    for name in PARTS:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, root / name)
    (root / "functions/flows/raises.py").write_text(RAISES)
    (root / "functions/flows/raises_on_key.py").write_text(RAISES_ON_KEY)
    (root / "functions/flows/leave_message.py").write_text(LEAVE_MESSAGE)
    options = PlatformOptions(parameters={"DefaultFlow": "greet", "NumberFlows": NUMBERED_FLOWS})
    async with LocalPlatform(root, options) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """A platform that is closed at all hours, and calls no phone."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("closed"), parameters={"DefaultFlow": "greet"}
    )
    async with LocalPlatform(ROOT, options) as running, aiohttp.ClientSession() as http:
        content = json.dumps(SWITCHBOARD).encode()
        headers = running.signed("PUT", "/switchboard", content)
        async with http.put(f"{running.api_url}/switchboard", data=content, headers=headers) as got:
            assert got.status == 200, await got.text()
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def open_user(
    browser: Browser, platform: LocalPlatform
) -> AsyncIterator[Callable[..., Awaitable[User]]]:
    """Open pages for users; afterwards, fail on console errors and requests to other hosts."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    async def open_page(address: str | None = None, route: str = "", **settings: Any) -> User:
        address = address or platform.phone.url
        context = await browser.new_context(**settings)
        contexts.append(context)
        await context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
        page = await context.new_page()
        watch(page, address, problems)
        user = User(page, address)
        await user.open(route)
        return user

    yield open_page
    for context in contexts:
        await context.close()
    await hang_up_all(platform.vonage.http_url)
    assert problems == []


def watch(page: Page, address: str, problems: list[str]) -> None:
    """Record every console error and every request to another host."""
    own_host = urlsplit(address).netloc

    def on_request(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != own_host:
            problems.append(f"request to {url}")

    def on_message(message: ConsoleMessage) -> None:
        is_expected = any(one in message.text for one in EXPECTED)
        if message.type in ("error", "warning") and not is_expected:
            problems.append(f"{message.type}: {message.text} {message.location['url']}")

    page.on("request", lambda request: on_request(request.url))
    page.on("websocket", lambda socket: on_request(socket.url))
    page.on("console", on_message)
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))


async def hang_up_all(vonage_url: str) -> None:
    """End a test's remaining calls and faults."""
    async with aiohttp.ClientSession(vonage_url) as http:
        async with http.get("/sim/calls") as response:
            legs = (await response.json())["calls"]
        for leg in legs:
            if not leg["over"]:
                async with http.post(f"/sim/calls/{leg['uuid']}/hangup"):
                    pass
        async with http.put("/sim/faults", json={}):
            pass


async def open_call(http: aiohttp.ClientSession, number: str, own: str) -> str:
    """Place a call at the simulator; return the uuid of its leg."""
    async with http.post("/sim/calls", json={"from": own, "to": number}) as response:
        assert response.status == 201, await response.text()
        uuid: str = (await response.json())["uuid"]
        return uuid


async def press(http: aiohttp.ClientSession, leg: str, digits: str) -> None:
    """Press DTMF digits."""
    async with http.post(f"/sim/calls/{leg}/digits", json={"digits": digits}) as response:
        assert response.status < 300, await response.text()


async def set_faults(platform: LocalPlatform, **faults: object) -> None:
    """Turn on exactly these faults."""
    async with (
        aiohttp.ClientSession(platform.vonage.http_url) as http,
        http.put("/sim/faults", json=faults) as response,
    ):
        assert response.status == 200
