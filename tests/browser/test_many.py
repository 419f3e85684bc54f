"""Many calls, and a call with many events, with the simulator by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import expect

from tests.browser.conftest import TIMEOUT, hang_up_all, open_call, press
from vonage_simulator import Simulator, SimulatorSettings
from vonage_simulator.console import ConsoleServer
from vonage_simulator.settings import WebhookTarget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = 1000
AT_ONCE = 20  # calls
LEGS = 12  # of a meeting
EVENTS = 390  # below the number from which the earliest are folded
NUMBER = "447700900000"
SHORT = [{"action": "talk", "text": "Hello."}]
LONG = [{"action": "talk", "text": "Hello.", "loop": 0}]
MEETING = [{"action": "conversation", "name": "meeting"}]
SPEED = 20.0  # of the simulator's clock

# Count the entries of a list that change; the time of an action that runs ticks by itself.
WATCH = """(list) => {
  window.touched = new Set();
  const note = (node) => {
    const element = node instanceof Element ? node : node.parentElement;
    if (element?.closest('.running')) return;
    const entry = element?.closest('li');
    if (entry?.querySelector('a, button')) window.touched.add(entry);
  };
  new MutationObserver((records) => {
    for (const {target, addedNodes, removedNodes} of records) {
      if (target !== list) note(target);
      [...addedNodes, ...removedNodes].forEach(note);
    }
  }).observe(list, {subtree: true, childList: true, characterData: true, attributes: true});
}"""
TOUCHED = "() => window.touched.size"
# Scroll an element to its end, a step in each frame; return the milliseconds between the frames.
SCROLL = """async (list) => {
  const scroller = list.closest('.event-scroll') ?? list;
  const times = [];
  scroller.scrollTop = 0;
  for (let frame = 0; frame < 90; frame += 1) {
    scroller.scrollTop += 400;
    times.push(await new Promise(requestAnimationFrame));
  }
  return times.slice(1).map((at, index) => at - times[index]).sort((a, b) => a - b);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def console() -> AsyncIterator[ConsoleServer]:
    """The console of a simulator, and an application.

    Its calls from numbers with 44 are long, and those from numbers with 43 meet.
    """

    async def answer(request: web.Request) -> web.Response:
        caller = (await request.json())["from"]
        return web.json_response({"44": LONG, "43": MEETING}.get(caller[:2], SHORT))

    async def event(_: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.post("/answer", answer), web.post("/event", event)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        application = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, application).start()
        base = f"http://127.0.0.1:{application.getsockname()[1]}"
        settings = SimulatorSettings(
            http_port=0,
            tls_port=0,
            answer=WebhookTarget(f"{base}/answer"),
            event=WebhookTarget(f"{base}/event"),
            numbers=(NUMBER,),
            speed=SPEED,
        )
        simulator = await stack.enter_async_context(Simulator(settings))
        about = {
            "numbers": [{"number": NUMBER, "flow": None}],
            "vonage_url": simulator.http_url,
        }
        console = ConsoleServer(about)
        stack.push_async_callback(console.stop)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        await console.start(listening)
        yield console
        await hang_up_all(simulator.http_url)


def frame_times(what: str, frames: list[float]) -> str:
    """Describe the frame times of scrolling, which depend on the machine."""
    median, slow, worst = frames[len(frames) // 2], frames[len(frames) * 95 // 100], frames[-1]
    return f"{what}: {median:.1f} ms a frame, 95 % below {slow:.1f} ms, at most {worst:.1f} ms"


async def test_1000_calls_are_listed_and_an_event_changes_only_its_calls_row(
    open_user: OpenUser, console: ConsoleServer, record_property: Callable[[str, object], None]
) -> None:
    user = await open_user(console.url, "#/calls")
    async with aiohttp.ClientSession(str(console.about["vonage_url"])) as http:
        await open_call(http, NUMBER, "491234599999")
        await expect(user.events).to_be_visible()
        await user.visit("#/calls")
        await user.button("Follow new calls").click()
        free = asyncio.Semaphore(AT_ONCE)

        async def call(own: str) -> str:
            async with free:
                return await open_call(http, NUMBER, own)

        await asyncio.gather(*(call(f"4912345{position:05d}") for position in range(CALLS - 2)))
        last = await call("447700900777")
        status = user.page.get_by_role("status").filter(has_text=f"{CALLS} calls")
        await expect(status).to_be_visible(timeout=4 * TIMEOUT)
        which = user.page.get_by_role("group", name="Which calls")
        await expect(which.get_by_role("button", name="Live")).to_have_text(
            "Live1", timeout=4 * TIMEOUT
        )
        rows = user.page.get_by_role("list", name="Calls", exact=True)
        record_property(
            "measured", frame_times("a list of 1,000 calls", await rows.evaluate(SCROLL))
        )
        await expect(user.calls).to_have_count(CALLS)
        await user.page.get_by_label("Search calls").fill("491234500007")
        await expect(user.calls).to_have_count(1)
        await user.page.get_by_label("Search calls").fill("")
        row = user.calls.filter(has_text="447700900777")
        await expect(row).to_contain_text("Live")

        await rows.evaluate(WATCH)
        await press(http, last, "1")
        await expect(row).to_contain_text("Keys 1")
        assert await user.page.evaluate(TOUCHED) == 1
        async with http.post(f"/sim/calls/{last}/hangup"):
            pass
        await expect(row).to_contain_text("Completed")
        assert await user.page.evaluate(TOUCHED) == 1


async def test_an_event_of_a_call_with_400_events_adds_one_row(
    open_user: OpenUser, console: ConsoleServer, record_property: Callable[[str, object], None]
) -> None:
    user = await open_user(console.url, "#/calls")
    async with aiohttp.ClientSession(str(console.about["vonage_url"])) as http:
        leg = await open_call(http, NUMBER, "447700900888")
        await expect(user.event("/answer")).to_have_count(1)
        for _ in range(EVENTS // 15):
            await press(http, leg, "123456789012345")
        keys = user.event("pressed")
        await expect(keys).to_have_count(EVENTS, timeout=4 * TIMEOUT)
        record_property(
            "measured", frame_times("a call of 400 events", await user.events.evaluate(SCROLL))
        )
        await user.events.evaluate(WATCH)
        await press(http, leg, "1")
        await expect(keys).to_have_count(EVENTS + 1)
        assert await user.page.evaluate(TOUCHED) == 1
        # From 400 on, the earliest are folded.
        await press(http, leg, "123456789012345")
        await press(http, leg, "123456789012345")
        unfold = user.page.get_by_role("button", name="earlier events")
        await expect(unfold).to_be_visible()
        await unfold.click()
        await expect(keys).to_have_count(EVENTS + 31)


async def test_the_events_of_one_of_many_legs_are_shown_and_an_event_by_its_address_too(
    open_user: OpenUser, console: ConsoleServer
) -> None:
    user = await open_user(console.url, "#/calls", viewport={"width": 1440, "height": 900})
    async with aiohttp.ClientSession(str(console.about["vonage_url"])) as http:
        legs = [
            await open_call(http, NUMBER, f"4312345000{position:02d}") for position in range(LEGS)
        ]
        overview = user.page.get_by_role("img", name=f"The call to scale: {LEGS} legs")
        await expect(overview).to_be_visible()
        await expect(user.event("/answer")).to_have_count(LEGS)
        for leg in (legs[0], legs[2]):
            await press(http, leg, "7")
    keys = user.event("pressed")
    await expect(keys).to_have_count(2)
    total = await user.events.locator(".row").count()

    # A narrow lane has its letter while the pointer is on a row of its leg.
    letter = user.events.locator(".lane-letter").filter(has_text="C").last
    await expect(letter).to_be_hidden()
    await keys.last.hover()
    await expect(letter).to_be_visible()

    # Tab reaches the choice of a leg, and a letter chooses one.
    only = user.page.get_by_label("Leg", exact=True)
    await only.focus()
    await user.page.keyboard.type("C")
    await expect(keys).to_have_count(1)
    own = await user.events.locator(".row").count()
    await expect(user.events).to_contain_text(f"{total - own} events of other legs")
    assert await overview.locator(".ov-lane").count() == 3  # seconds, the application, C
    assert await user.events.locator(".row").first.locator("..").locator(".lane").count() == 2

    # An event of another leg is shown by its address, beside those of the chosen leg.
    call = await user.page.evaluate("() => location.hash")
    await user.button("Show all legs").click()
    await expect(keys).to_have_count(2)
    await keys.first.click()
    other = await user.page.evaluate("() => location.hash")
    await user.visit(call)
    await only.select_option(index=3)
    await expect(keys).to_have_count(1)
    await user.visit(other)
    await expect(keys).to_have_count(2)
    await expect(user.events.locator("[aria-current=true]")).to_contain_text("pressed")
