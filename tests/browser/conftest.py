"""Chromium, the platform with its page, and people who use the page as one uses a telephone."""

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
# What the fake microphone gives without end, so that it is found again in the recording.
MICROPHONE_HERTZ = 600
PATIENCE = 20_000  # milliseconds in which what a person waits for must be seen

# What the browser itself says: while the platform is away, which one test brings about, and when
# an interface of this machine comes or goes, as Docker's do.
EXPECTED = ("ERR_CONNECTION_REFUSED", "ERR_NETWORK_CHANGED")

expect.set_options(timeout=PATIENCE)


class Person:
    """Somebody at a page of their own, with a telephone number of their own."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    async def open(self) -> None:
        """Open the page and wait until it is connected with the platform."""
        await self.page.goto(self.address)
        await expect(self.button("Call")).to_be_enabled()

    def button(self, name: str) -> Locator:
        """A button by its exact name."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def heard(self) -> Locator:
        """What the line said, as text."""
        return self.page.get_by_role("log", name="What you hear")

    async def ring(self, number: str, own: str = "447700900123") -> None:
        """Ring a number."""
        await self.page.get_by_label("Your number").fill(own)
        await self.page.get_by_label("Number to call").fill(number)
        await self.button("Call").click()
        await expect(self.button("Hang up")).to_be_visible()

    async def hears(self, words: str) -> None:
        """Wait for words on the line."""
        await expect(self.heard).to_contain_text(words)

    async def says(self, words: str) -> None:
        """Say something by typing it."""
        await self.page.get_by_label("Say something").fill(words)
        await self.button("Say").click()

    async def hangs_up(self) -> None:
        """Hang up, and wait until the line is free again."""
        await self.button("Hang up").click()
        await expect(self.button("Hang up")).to_have_count(0)


def calls_of(person: Person) -> Locator:
    """The rows of the list of calls, the newest first."""
    return person.page.get_by_role("listbox", name="Calls").get_by_role("option")


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav file with the tone that the fake microphone gives."""
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
    """Debian's Chromium, without a window and with a made-up microphone."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "no chromium on the PATH: install it, or name it in CHROMIUM"
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
    """The real application on the local platform, in real time as a person lives in it."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("platform"),
        parameters={"AllowedPrefixes": "44", "NumberFlows": NUMBERED_FLOWS},
    )
    async with LocalPlatform(ROOT, options) as running:
        yield running


# A number for each flow that the tests ring.
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
async def people(
    browser: Browser, platform: LocalPlatform
) -> AsyncIterator[Callable[..., Awaitable[Person]]]:
    """Open pages for people; afterwards, see that no page complained or asked the outside."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def arrive(address: str | None = None, **settings: Any) -> Person:
        address = address or platform.phone.url
        context = await browser.new_context(**settings)
        contexts.append(context)
        await context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
        page = await context.new_page()
        watch(page, address, complaints)
        person = Person(page, address)
        await person.open()
        return person

    yield arrive
    for context in contexts:
        await context.close()
    await hang_up_all(platform)
    assert complaints == []


def watch(page: Page, address: str, complaints: list[str]) -> None:
    """Write down every error on the console, and every request that goes elsewhere."""
    home = urlsplit(address).netloc

    def requested(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != home:
            complaints.append(f"asked {url}")

    def said(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(one in text for one in EXPECTED):
            complaints.append(f"{kind}: {text}")

    page.on("request", lambda request: requested(request.url))
    page.on("websocket", lambda socket: requested(socket.url))
    page.on("console", lambda message: said(message.type, message.text))
    page.on("pageerror", lambda error: complaints.append(f"threw: {error}"))


async def hang_up_all(platform: LocalPlatform) -> None:
    """Hang up whatever a test left open, so that the next one begins with quiet lines."""
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.get("/sim/calls") as reply:
            legs = (await reply.json())["calls"]
        for leg in legs:
            if not leg["over"]:
                async with http.post(f"/sim/calls/{leg['uuid']}/hangup"):
                    pass
        async with http.put("/sim/faults", json={}):
            pass
