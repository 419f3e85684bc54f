"""A bad line to a WebSocket's application: the faults `ws_…`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.simulator.bots import SILENCE, TONE
from tests.simulator.conftest import START_TIME
from tests.simulator.harness import SimulatorHarness, talk, words
from tests.simulator.test_websocket_leg import connect

FRAME = 0.02

MakeHarness = Callable[..., Awaitable[SimulatorHarness]]


class TimedBot:
    """An application that notes at which second of the call it receives each message."""

    def __init__(self) -> None:
        self.harness: SimulatorHarness | None = None
        self.greeting: list[bytes] = []
        self.received: list[tuple[float, Any]] = []
        self.connections = 0
        self.over = asyncio.Event()
        self.code: int | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Accept a connection, greet, and read until the end."""
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            for frame in self.greeting:
                await socket.send_bytes(frame)
            async for message in socket:
                self.received.append((self.now, message.data))
        finally:
            self.code = socket.close_code
            self.over.set()
        return socket

    @property
    def now(self) -> float:
        """Seconds since the simulator started."""
        assert self.harness is not None
        return round(self.harness.simulator.clock.now() - START_TIME, 3)

    def frames(self) -> list[tuple[float, bytes]]:
        """Return the frames, and when each arrived."""
        return [(at, data) for at, data in self.received if isinstance(data, bytes)]


@pytest.fixture
async def bot(harness: SimulatorHarness) -> AsyncIterator[tuple[TimedBot, str]]:
    one = TimedBot()
    one.harness = harness
    app = web.Application()
    app.router.add_get("/socket", one.serve)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    yield one, f"ws://127.0.0.1:{server.port}/socket"
    await server.close()


async def test_a_refused_connection_is_failed_and_does_not_reach_the_application(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    await harness.faults(ws_refuse={"value": 401, "times": 1})
    call = await harness.receive_call([connect(uri), talk("nobody")])
    await harness.step(1)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid) == ["started", "failed", "completed"]
    (error,) = await harness.entries("error", leg.uuid)
    assert (error["detail"], error["faults"]) == (f"{uri}: status 401", ["ws_refuse"])
    assert far_end.connections == 0
    assert await call.texts() == ["nobody"]
    await harness.receive_call([connect(uri)])  # it happens once, by `times`
    await harness.step(1)
    assert far_end.connections == 1


@pytest.mark.parametrize(
    ("seconds", "statuses"),
    [
        (1, ["started", "answered"]),
        (2.9, ["started", "answered"]),
        (3, ["started", "unanswered", "completed"]),
    ],
)
async def test_a_slow_connection_is_answered_late_or_not_at_all(
    harness: SimulatorHarness, bot: tuple[TimedBot, str], seconds: float, statuses: list[str]
) -> None:
    _, uri = bot
    await harness.faults(ws_slow={"value": seconds})
    await harness.receive_call([connect(uri)])
    await harness.step(seconds - 0.1)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid) == ["started"]
    await harness.step(0.2)
    assert harness.statuses(leg.uuid) == statuses


async def test_a_caller_who_hangs_up_while_the_line_is_slow_cancels_the_connection(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    await harness.faults(ws_slow={"value": 2})
    call = await harness.receive_call([connect(uri)])
    await harness.step(1)
    await call.hang_up()
    await harness.step(5)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid) == ["started", "cancelled", "completed"]
    assert far_end.connections == 0


async def test_a_lost_connection_is_disconnected_without_a_close_frame(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    await harness.faults(ws_close={"value": 2})
    call = await harness.receive_call([connect(uri), talk("afterwards")])
    await harness.step(1.9)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid) == ["started", "answered"]
    await harness.step(0.2)
    assert harness.statuses(leg.uuid) == ["started", "answered", "disconnected", "completed"]
    assert await call.texts() == ["afterwards"]
    *_, entry = await harness.entries("websocket", leg.uuid)
    assert (entry["by"], entry["code"], entry["faults"]) == ("platform", 1006, ["ws_close"])
    await asyncio.wait_for(far_end.over.wait(), 20)
    assert far_end.code != aiohttp.WSCloseCode.OK


async def losses(
    harness: SimulatorHarness, far_end: TimedBot, uri: str, value: float
) -> list[bool]:
    """Return which frames of two seconds of speech were lost."""
    await harness.faults(seed=5, ws_loss={"value": value})
    call = await harness.receive_call([connect(uri)])
    await harness.step(0.1)
    far_end.received.clear()
    await call.say(words(6))  # 2.25 s
    await harness.step(2)
    await call.hang_up()
    return [frame == SILENCE for _, frame in far_end.frames()]


async def test_lost_frames_are_silence_and_repeat_with_the_seed(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    first, again, none, every = [
        await losses(harness, *bot, value) for value in (0.3, 0.3, 0.0, 1.0)
    ]
    assert len(first) == 100
    assert 10 < sum(first) < 60
    assert first == again
    assert not any(none[1:])
    assert all(every)


async def test_jitter_delays_messages_and_keeps_their_order_and_number(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    await harness.faults(seed=5, ws_jitter={"value": 200})
    call = await harness.receive_call([connect(uri)])
    await call.press("123456789")
    await harness.step(10)
    frames = far_end.frames()
    late = [at - FRAME * number for number, (at, _) in enumerate(frames, 1)]
    assert len({at for at, _ in frames}) < 0.5 * len(frames)  # in bursts
    assert 0.1 < max(late) <= 0.2 + FRAME
    assert min(late) > -0.001
    digits = [data for _, data in far_end.received if isinstance(data, str) and "digit" in data]
    assert [text.partition('"digit": "')[2][0] for text in digits] == list("123456789")
    assert len(frames) == pytest.approx(500, abs=12)


async def test_jitter_delays_what_the_application_sends(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    far_end.greeting = [TONE] * 10
    await harness.faults(seed=5, ws_jitter={"value": 1000})
    call = await harness.receive_call([connect(uri)])
    await harness.step(3)
    (heard,) = await call.heard("audio")
    assert heard["to_ms"] - heard["from_ms"] == pytest.approx(200, abs=1)


async def test_a_stall_holds_both_directions_and_then_releases_everything(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    await harness.faults(ws_stall={"value": 1})
    await harness.receive_call([connect(uri)])
    await harness.step(3)
    times = [at for at, _ in far_end.frames()]
    begin = times[0] - FRAME
    before = [at for at in times if at < begin + 1.01]
    assert not [at for at in times if begin + 1.01 < at < begin + 1.99]
    assert len(before) == pytest.approx(50, abs=1)
    assert len([at for at in times if begin + 1.99 < at < begin + 2.03]) >= 50
    assert len(times) == pytest.approx(150, abs=2)


async def test_a_wrong_frame_ends_the_leg_when_the_line_releases_it(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    far_end.greeting = [TONE, bytes(300)]
    await harness.faults(seed=5, ws_jitter={"value": 500})
    await harness.receive_call([connect(uri)])
    await harness.step(2)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid)[-2:] == ["disconnected", "completed"]
    (error,) = await harness.entries("error", leg.uuid)
    assert error["reason"] == "unexpected frame size"


async def test_a_probability_is_that_of_a_connection(
    harness: SimulatorHarness, bot: tuple[TimedBot, str]
) -> None:
    far_end, uri = bot
    await harness.faults(seed=1, ws_refuse={"probability": 0.5})
    for _ in range(20):
        await harness.receive_call([connect(uri)])
        await harness.step(0.5)
    assert 3 < far_end.connections < 17
    view = (await harness.control("GET", "/faults")).json
    assert view["on"]["ws_refuse"]["struck"] == 20 - far_end.connections
