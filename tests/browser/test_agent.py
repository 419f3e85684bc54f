"""A call with the browser's microphone to the flow ``agent``, which the example bot answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from examples.bot.bot import read_sounds
from local.demo.call_driver import until
from local.local_platform import LocalPlatform, PlatformOptions
from tests.browser.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Page, WebSocket

    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")
_SPEAKER = 36  # bytes before the samples of a message: the leg that speaks
SOUNDS = read_sounds(ROOT / "examples/bot/sounds")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_agent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """A platform as `make up` starts it, whose number has the flow ``agent``."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("with-agent"),
        parameters={"DefaultFlow": "agent"},
        example_agent=True,
    )
    async with LocalPlatform(ROOT, options) as running:
        yield running


class Ear:
    """The audio of other parties that a page gets, in order."""

    def __init__(self, page: Page) -> None:
        self._pcm = bytearray()
        page.on("websocket", self._listen)

    async def hears(self, sound: str) -> None:
        """Wait until the page has got every sample of a sound of the bot."""

        async def is_heard() -> bool:
            return SOUNDS[sound] in self._pcm

        await until(is_heard, f"the caller did not hear {sound}")

    def _listen(self, socket: WebSocket) -> None:
        if socket.url.endswith("/audio"):
            socket.on("framereceived", self._add)

    def _add(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            self._pcm += payload[_SPEAKER:]


async def test_the_bot_greets_hears_the_microphone_and_hands_over_to_a_person(
    open_user: OpenUser, with_agent: LocalPlatform
) -> None:
    caller = await open_user(with_agent.phone.url)
    ear = Ear(caller.page)
    await caller.call(with_agent.template.parameters["VonageNumber"])
    await caller.hears("Hello. One moment, please.")
    await ear.hears("greeting")
    await caller.button("Microphone").click()
    await caller.page.wait_for_timeout(1000)  # the length of what the caller says
    await caller.button("Microphone").click()
    await ear.hears("reply")
    keypad = caller.page.get_by_role("group", name="Keypad")
    await keypad.get_by_role("button", name="1", exact=True).click()
    await ear.hears("1")
    await keypad.get_by_role("button", name="0", exact=True).click()
    await caller.hears("I am putting you through.")
    await caller.hangs_up()
