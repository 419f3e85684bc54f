"""Chromium, a local platform, and users with a softphone each."""

from __future__ import annotations

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

    from playwright.async_api import Locator

ROOT = Path(__file__).parents[2]
# The tone of the fake microphone, which the recording must contain.
MICROPHONE_HERTZ = 600
TIMEOUT = 20_000  # milliseconds for anything a user waits for

# Console messages to ignore: the platform is stopped (in one test), or a network interface of this
# machine was added or removed (by Docker).
EXPECTED = ("ERR_CONNECTION_REFUSED", "ERR_NETWORK_CHANGED")

expect.set_options(timeout=TIMEOUT)


class User:
    """A user with a page and a phone number of their own."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    async def open(self) -> None:
        """Open the page and wait until it is connected to the platform."""
        await self.page.goto(self.address)
        await expect(self.button("Call")).to_be_enabled()

    def button(self, name: str) -> Locator:
        """Return the button with exactly this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def transcript(self) -> Locator:
        """The transcript of the active call."""
        return self.page.get_by_role("log", name="Transcript")

    async def call(self, number: str, own: str = "447700900123") -> None:
        """Call a number."""
        await self.page.get_by_label("Your number").fill(own)
        await self.page.get_by_label("Number to call").fill(number)
        await self.button("Call").click()
        await expect(self.button("Hang up")).to_be_visible()

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
        await expect(self.button("Hang up")).to_have_count(0)


def timeline_of(user: User) -> Locator:
    """Return the timeline of the selected call."""
    return user.page.get_by_role("region", name="Call timeline")


def calls_of(user: User) -> Locator:
    """Return the rows of the list of calls, newest first."""
    return user.page.get_by_role("listbox", name="Calls").get_by_role("option")


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
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
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


@pytest_asyncio.fixture(loop_scope="session")
async def open_user(
    browser: Browser, platform: LocalPlatform
) -> AsyncIterator[Callable[..., Awaitable[User]]]:
    """Open pages for users; afterwards, fail on console errors and requests to other hosts."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    async def open_page(address: str | None = None, **settings: Any) -> User:
        address = address or platform.phone.url
        context = await browser.new_context(**settings)
        contexts.append(context)
        await context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
        page = await context.new_page()
        watch(page, address, problems)
        user = User(page, address)
        await user.open()
        return user

    yield open_page
    for context in contexts:
        await context.close()
    await hang_up_all(platform)
    assert problems == []


def watch(page: Page, address: str, problems: list[str]) -> None:
    """Record every console error and every request to another host."""
    own_host = urlsplit(address).netloc

    def on_request(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != own_host:
            problems.append(f"request to {url}")

    def on_message(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(one in text for one in EXPECTED):
            problems.append(f"{kind}: {text}")

    page.on("request", lambda request: on_request(request.url))
    page.on("websocket", lambda socket: on_request(socket.url))
    page.on("console", lambda message: on_message(message.type, message.text))
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))


async def hang_up_all(platform: LocalPlatform) -> None:
    """End a test's remaining calls and faults."""
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.get("/sim/calls") as response:
            legs = (await response.json())["calls"]
        for leg in legs:
            if not leg["over"]:
                async with http.post(f"/sim/calls/{leg['uuid']}/hangup"):
                    pass
        async with http.put("/sim/faults", json={}):
            pass
