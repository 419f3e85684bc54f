"""Applications at the other end of a WebSocket: a process of its own, and bad ones."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.simulator.bots import FRAME_BYTES, SILENCE, TONE
from tests.simulator.harness import NUMBER, HarnessCall, SimulatorHarness, talk, words
from tests.simulator.test_command_line import run
from tests.simulator.test_websocket_leg import connect
from vonage_simulator import ping_barrier, websocket_leg

MakeHarness = Callable[..., Awaitable[SimulatorHarness]]
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
ServeBot = Callable[[Serve], Awaitable[str]]


class BotProcess:
    """A bot of `tests.simulator.bots` that runs in another process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, scheme: str) -> None:
        self._process = process
        self.uri = f"{scheme}://127.0.0.1:{port}/socket"

    async def log(self) -> dict[str, Any]:
        """Wait for the end of a connection, and return what the bot wrote about it."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 20)
        log: dict[str, Any] = json.loads(line)
        return log


@asynccontextmanager
async def bot_process(name: str, certificate: str | None = None) -> AsyncIterator[BotProcess]:
    """Run a bot in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.simulator.bots", name),
        *([certificate] if certificate else []),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), 20))
        yield BotProcess(process, port, "wss" if certificate else "ws")
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def serve_bot() -> AsyncIterator[ServeBot]:
    """A function that serves a bot here, and returns its URI."""
    servers: list[TestServer] = []

    async def serve(handler: Serve) -> str:
        app = web.Application()
        app.router.add_get("/socket", handler)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server(shutdown_timeout=0.1)
        servers.append(server)
        return f"ws://127.0.0.1:{server.port}/socket"

    yield serve
    for server in servers:
        await server.close()


async def say_nothing(_socket: web.WebSocketResponse) -> None:
    """Send nothing: a bot that only receives."""


def talking(
    bot: Callable[[web.WebSocketResponse], Awaitable[None]],
    receive: Callable[[aiohttp.WSMessage], None] = lambda _message: None,
) -> Serve:
    """Return a handler that accepts the connection, runs the bot, and reads until the end."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await bot(socket)
        async for message in socket:
            receive(message)
        return socket

    return serve


async def leg_and_errors(
    harness: SimulatorHarness,
) -> tuple[HarnessCall, list[str], list[tuple[str, str]]]:
    """Return the WebSocket's leg, its statuses, and the kind and reason of what went wrong."""
    leg = await harness.called_leg()
    wrong = [
        (entry["kind"], entry["reason"])
        for entry in await harness.entries(uuid=leg.uuid)
        if entry["kind"] in ("error", "warning")
    ]
    return leg, harness.statuses(leg.uuid), wrong


async def closed(harness: SimulatorHarness, leg: HarnessCall) -> dict[str, Any]:
    """Return the journal entry about the end of a leg's connection."""
    entries = await harness.entries("websocket", leg.uuid)
    assert [entry["state"] for entry in entries] == ["connected", "closed"]
    return entries[-1]


# Stopped time waits for the bot


async def conversation(harness: SimulatorHarness, bot: BotProcess) -> Any:
    """Call an agent, interrupt it, and press a key; return what each side heard, and when."""
    call = await harness.receive_call([connect(bot.uri)])
    await harness.step(1)
    await call.say("no stop")
    await harness.step(2)
    await call.press("5")
    await harness.step(1)
    await call.hang_up()
    heard = [(sound["from_ms"], sound["to_ms"]) for sound in await call.heard("audio")]
    return heard, await bot.log()


async def test_a_bot_in_another_process_gives_the_same_result_ten_times_of_ten(
    make_harness: MakeHarness,
) -> None:
    async with bot_process("agent") as bot:
        results = [await conversation(await make_harness(), bot) for _ in range(10)]
    assert results == [results[0]] * 10
    heard, log = results[0]
    # The greeting begins with the answer, and ends 80 ms after the caller began to speak: after
    # three loud frames, and the frame that was being played.
    answered = heard[0][0]
    assert [(begin - answered, end - answered) for begin, end in heard] == [
        (0, pytest.approx(1080, abs=20)),
        (pytest.approx(1970, abs=40), pytest.approx(2470, abs=40)),
        (pytest.approx(3400, abs=40), pytest.approx(3900, abs=40)),  # the key sounds like a voice
    ]
    assert [event for _, event in log["texts"]] == [
        "websocket:connected",
        "websocket:cleared",
        "websocket:notify",
        "websocket:dtmf",
        "websocket:cleared",
        "websocket:notify",
    ]
    assert log["code"] == 1000


@pytest.mark.parametrize(("speed", "is_pinged"), [(50.0, True), (1.0, False)])
async def test_a_fast_clock_pings_the_bot_and_real_time_does_not(
    make_harness: MakeHarness, serve_bot: ServeBot, speed: float, is_pinged: bool
) -> None:
    received: list[aiohttp.WSMsgType] = []
    heard_enough = asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        async for message in socket:
            received.append(message.type)
            if message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            if received.count(aiohttp.WSMsgType.BINARY) == 5:
                heard_enough.set()
        return socket

    harness = await make_harness(speed=speed)
    harness.on("/answer", [connect(await serve_bot(serve))])
    await harness.control("POST", "/calls", {"from": NUMBER, "to": NUMBER})
    await asyncio.wait_for(heard_enough.wait(), 20)
    assert (aiohttp.WSMsgType.PING in received) is is_pinged


async def test_a_ping_of_the_bot_gets_a_pong(
    harness: SimulatorHarness, serve_bot: ServeBot
) -> None:
    pongs: list[bytes] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping(b"mine")
        async for message in socket:
            if message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            if message.type is aiohttp.WSMsgType.PONG:
                pongs.append(bytes(message.data))
        return socket

    await harness.receive_call([connect(await serve_bot(serve))])
    await harness.step(0.1)
    assert pongs == [b"mine"]


async def test_a_bot_that_sends_no_pong_is_waited_for_once(
    harness: SimulatorHarness, serve_bot: ServeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping_barrier, "PONG_SECONDS", 0.05)

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    await harness.receive_call([connect(await serve_bot(serve))])
    await harness.step(5)
    _, statuses, wrong = await leg_and_errors(harness)
    assert statuses[-1] == "answered"
    assert wrong == [("warning", "the application does not respond to a ping")]


# Bots as other people publish them


async def end_of_recording(control: Callable[..., Awaitable[Any]]) -> Any:
    """Call a bot, speak and press a key through the control API; return what the caller heard."""
    call = (await control("POST", "/calls", {"from": "447700900999", "to": "447700900000"}))["uuid"]
    await control("POST", "/clock", {"step": 0.5})
    await control("POST", f"/calls/{call}/speech", {"text": words(4)})
    await control("POST", "/clock", {"step": 3})
    await control("POST", f"/calls/{call}/digits", {"digits": "7"})
    await control("POST", "/clock", {"step": 0.5})
    heard = (await control("GET", f"/calls/{call}"))["heard"]
    await control("POST", f"/calls/{call}/hangup", {})
    await control("POST", "/clock", {"step": 0.5})
    return [sound for sound in heard if sound["kind"] == "audio"]


@asynccontextmanager
async def simulator_process(
    ncco: list[dict[str, Any]], ca_file: str
) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Run the command with a stopped clock; yield a function for requests to its control API."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(ncco)

    app = web.Application()
    app.router.add_route("*", "/answer", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    process = await run(
        *("--answer-url", f"http://127.0.0.1:{server.port}/answer", "--number", "447700900000"),
        *("--speed", "0", "--console-port", "0", "--quiet"),
        SSL_CERT_FILE=ca_file,
    )
    assert process.stdout is not None
    line = b""
    while not line.startswith(b"API "):
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        assert line, await process.communicate()
    base = line.decode().split()[-1] + "/sim"
    async with aiohttp.ClientSession() as client:

        async def control(method: str, path: str, body: Any = None) -> Any:
            async with client.request(method, base + path, json=body) as response:
                assert response.status < 300, await response.text()
                return await response.json() if response.status != 204 else None

        yield control
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 20)
    await server.close()


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("name", ["echo", "recorder"])
async def test_echo_and_recorder_bots_work_over_ws_and_wss(
    tmp_path: Path, scheme: str, name: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = tmp_path / "bot.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    async with (
        bot_process(name, str(certificate) if scheme == "wss" else None) as bot,
        simulator_process([connect(bot.uri)], str(tmp_path / "ca.pem")) as control,
    ):
        assert bot.uri.startswith(f"{scheme}://")
        heard = await end_of_recording(control)
        log = await bot.log()
    assert [text["event"] for text in log["texts"]] == ["websocket:connected", "websocket:dtmf"]
    assert log["texts"][0]["customer"] == "ABC"
    assert log["texts"][1] == {"event": "websocket:dtmf", "digit": "7", "duration": 260}
    assert log["code"] == 1000
    assert log["frames"] == pytest.approx(200, abs=10)  # 50 a second, also of silence
    if name == "echo":
        (sound,) = heard  # the caller hears what comes back: each frame, without a gap
        assert sound["to_ms"] - sound["from_ms"] == pytest.approx(4000, abs=100)
    else:
        assert heard == []
        assert log["sizes"] == [FRAME_BYTES]
        assert log["loud"] == pytest.approx(1500 / 20 + 200 / 20, abs=3)  # four words, and a digit


# Bad bots: what the journal says, and what happens to the leg


@pytest.mark.parametrize("status", [401, 503])
async def test_a_bot_that_refuses_is_failed(
    harness: SimulatorHarness, serve_bot: ServeBot, status: int
) -> None:
    async def serve(request: web.Request) -> web.Response:
        return web.Response(status=status)

    uri = await serve_bot(serve)
    call = await harness.receive_call([connect(uri + "?token=hidden"), talk("nobody")])
    await harness.step(1)
    leg, statuses, wrong = await leg_and_errors(harness)
    assert statuses == ["started", "failed", "completed"]
    assert wrong == [("error", "no WebSocket connection")]
    (error,) = await harness.entries("error", leg.uuid)
    assert error["detail"] == f"{uri}: status {status}"
    assert await call.texts() == ["nobody"]


@pytest.mark.parametrize("status", ["unanswered", "failed"])
async def test_a_bot_that_hangs_before_the_handshake_ends_the_ringing(
    make_harness: MakeHarness, serve_bot: ServeBot, status: str
) -> None:
    is_over = asyncio.Event()

    async def serve(request: web.Request) -> web.Response:
        await is_over.wait()
        return web.Response()

    settings = {} if status == "unanswered" else {"websocket_hanging_status": status}
    harness = await make_harness(websocket_connect_seconds=0.2, **settings)
    uri = await serve_bot(serve)
    call = await harness.receive_call([connect(uri, eventType="synchronous"), talk("nobody")])
    await harness.step(0.1)
    leg, statuses, _ = await leg_and_errors(harness)
    assert statuses == ["started"]
    await harness.step(0.2)
    _, statuses, wrong = await leg_and_errors(harness)
    is_over.set()
    assert statuses == ["started", status, "completed"]
    assert wrong == [("error", "no WebSocket connection")]
    (error,) = await harness.entries("error", leg.uuid)
    assert error["detail"] == f"{uri}: no response to the handshake within 0.2 s"
    assert await call.texts() == ["nobody"]


async def test_a_handshake_may_take_three_seconds(harness: SimulatorHarness) -> None:
    assert harness.simulator.settings.websocket_connect_seconds == 3


@pytest.mark.parametrize(("code", "errors"), [(1000, 0), (1001, 0), (1011, 1), (None, 1)])
async def test_a_bot_that_dies_is_disconnected_and_the_journal_has_its_code(
    harness: SimulatorHarness, serve_bot: ServeBot, code: int | None, errors: int
) -> None:
    async def bot(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        if code is not None:
            await socket.close(code=code)
        else:
            transport = socket.get_extra_info("socket")
            transport.shutdown(2)

    call = await harness.receive_call([connect(await serve_bot(talking(bot))), talk("afterwards")])
    await harness.step(1)
    leg, statuses, wrong = await leg_and_errors(harness)
    assert statuses == ["started", "answered", "disconnected", "completed"]
    assert wrong == [("error", "WebSocket connection lost")] * errors
    entry = await closed(harness, leg)
    assert (entry["by"], entry["code"]) == ("application", code or 1006)
    assert await call.texts() == ["afterwards"]


async def test_a_bot_that_sends_wrong_frames_is_cut_off_by_the_platform(
    harness: SimulatorHarness, serve_bot: ServeBot
) -> None:
    async def bot(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(TONE)
        await socket.send_bytes(bytes(303))

    await harness.receive_call([connect(await serve_bot(talking(bot)))])
    await harness.step(1)
    leg, statuses, wrong = await leg_and_errors(harness)
    assert statuses == ["started", "answered", "disconnected", "completed"]
    assert wrong == [("error", "unexpected frame size")]
    entry = await closed(harness, leg)
    assert (entry["by"], entry["code"], entry["received"]) == ("platform", 1006, 1)


@pytest.mark.parametrize(("message", "code"), [(bytes(5_000_000), 1009), ("\udcff", 1007)])
async def test_a_bot_that_breaks_the_protocol_is_closed_by_the_platform(
    harness: SimulatorHarness, serve_bot: ServeBot, message: bytes | str, code: int
) -> None:
    async def bot(socket: web.WebSocketResponse) -> None:
        if isinstance(message, str):
            await socket.send_frame(
                message.encode("utf-8", "surrogateescape"), aiohttp.WSMsgType.TEXT
            )
        else:
            await socket.send_bytes(message)

    await harness.receive_call([connect(await serve_bot(talking(bot)))])
    await harness.step(1)
    leg, statuses, wrong = await leg_and_errors(harness)
    assert statuses == ["started", "answered", "disconnected", "completed"]
    assert wrong == [("error", "invalid WebSocket message")]
    entry = await closed(harness, leg)
    assert (entry["by"], entry["code"]) == ("platform", code)


async def test_a_server_without_websockets_and_an_address_without_a_host_are_failed(
    harness: SimulatorHarness, serve_bot: ServeBot
) -> None:
    async def serve(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    uri = await serve_bot(serve)
    for address, detail in [
        (uri, f"{uri}: status 200"),
        ("ws://?k=1", "ws://: not a valid address"),
    ]:
        await harness.receive_call([connect(address)])
        await harness.step(1)
        leg, statuses, _ = await leg_and_errors(harness)
        assert statuses == ["started", "failed", "completed"]
        (error,) = await harness.entries("error", leg.uuid)
        assert error["detail"] == detail


async def test_a_bot_that_floods_is_heard_as_far_as_the_buffer_goes(
    make_harness: MakeHarness, serve_bot: ServeBot
) -> None:
    async def bot(socket: web.WebSocketResponse) -> None:
        for _ in range(200):
            await socket.send_bytes(TONE)

    harness = await make_harness(websocket_buffer_frames=50)
    call = await harness.receive_call([connect(await serve_bot(talking(bot)))])
    await harness.step(3)
    leg, statuses, wrong = await leg_and_errors(harness)
    assert statuses == ["started", "answered"]
    assert wrong == [("warning", "the audio buffer is full")]
    (heard,) = await call.heard("audio")
    assert heard["to_ms"] - heard["from_ms"] == pytest.approx(1000, abs=1)
    await call.hang_up()
    entry = await closed(harness, leg)
    assert (entry["received"], entry["dropped"]) == (200, 150)


async def test_a_bot_that_floods_with_notify_messages_keeps_the_call(
    harness: SimulatorHarness, serve_bot: ServeBot
) -> None:
    events: list[Any] = []

    async def bot(socket: web.WebSocketResponse) -> None:
        for _ in range(5000):
            await socket.send_str('{"action": "notify"}')

    def receive(message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.TEXT:
            events.append(json.loads(message.data))

    await harness.receive_call([connect(await serve_bot(talking(bot, receive)))])
    await harness.step(1)
    assert len(events) == 1 + 1000
    _, statuses, _ = await leg_and_errors(harness)
    assert statuses[-1] == "answered"


async def test_a_bot_that_never_speaks_keeps_the_call(
    harness: SimulatorHarness, serve_bot: ServeBot
) -> None:
    call = await harness.receive_call([connect(await serve_bot(talking(say_nothing)))])
    await harness.step(10)
    leg, statuses, wrong = await leg_and_errors(harness)
    assert (statuses, wrong) == (["started", "answered"], [])
    await call.hang_up()
    entry = await closed(harness, leg)
    assert (entry["by"], entry["code"], entry["received"]) == ("platform", 1000, 0)
    assert entry["sent"] == pytest.approx(500, abs=2)


async def test_a_bot_that_does_not_read_loses_the_connection(
    make_harness: MakeHarness, serve_bot: ServeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_leg, "SEND_SECONDS", 0.1)
    is_over = asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await is_over.wait()
        return socket

    harness = await make_harness(speed=100.0)
    monkeypatch.setattr(ping_barrier, "PONG_SECONDS", 0.1)
    harness.on("/answer", [connect(await serve_bot(serve))])
    journal = harness.simulator.journal.follow()
    await harness.control("POST", "/calls", {"from": NUMBER, "to": NUMBER})
    reasons = []
    while "disconnected" not in reasons:
        entry = await asyncio.wait_for(journal.get(), 60)
        if entry["kind"] in ("error", "warning", "leg"):
            reasons.append(entry.get("reason") or entry["status"])
    is_over.set()
    assert "the application does not read from the WebSocket" in reasons


# Close codes, mute, clear, content type


@pytest.mark.parametrize(
    ("settings", "frame_code", "code"),
    [
        ({}, 1000, 1000),
        ({"websocket_close": 1001}, 1001, 1001),
        ({"websocket_close": None}, None, 1006),
    ],
)
async def test_a_hangup_closes_the_websocket_with_the_set_code(
    make_harness: MakeHarness,
    serve_bot: ServeBot,
    settings: dict[str, Any],
    frame_code: int | None,
    code: int,
) -> None:
    seen: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            async for _ in socket:
                pass
        finally:  # the server cancels this if no close frame arrives
            seen.set_result(socket.close_code)
        return socket

    harness = await make_harness(**settings)
    call = await harness.receive_call([connect(await serve_bot(serve))])
    await harness.step(0.1)
    await call.hang_up()
    leg, statuses, wrong = await leg_and_errors(harness)
    assert await asyncio.wait_for(seen, 20) == frame_code
    assert (await closed(harness, leg))["code"] == code
    assert (statuses, wrong) == (["started", "answered", "completed"], [])


@pytest.mark.parametrize("setting", ["silence", "none"])
async def test_while_the_caller_is_muted_the_bot_gets_silence_or_by_a_setting_nothing(
    make_harness: MakeHarness, serve_bot: ServeBot, setting: str
) -> None:
    received: list[Any] = []

    def receive(message: aiohttp.WSMessage) -> None:
        is_text = message.type is aiohttp.WSMsgType.TEXT
        received.append(json.loads(message.data) if is_text else message.data)

    harness = await make_harness(websocket_muted=setting)
    call = await harness.receive_call([connect(await serve_bot(talking(say_nothing, receive)))])
    await harness.step(2)
    assert (await call.put({"action": "mute"})).status == 204
    received.clear()
    await call.say(words(2))
    await harness.step(1)
    expected = {
        "silence": [SILENCE] * 50,
        "none": [{"event": "websocket:media:update", "method": "update", "active": False}],
    }
    assert received == expected[setting]
    assert (await call.put({"action": "unmute"})).status == 204
    received.clear()
    await harness.step(1)
    assert received.count(SILENCE) == 50
    assert received[0] == SILENCE if setting == "silence" else received[0]["active"]


async def test_clear_drops_the_notify_messages_that_wait(
    harness: SimulatorHarness, serve_bot: ServeBot
) -> None:
    events: list[str] = []

    async def bot(socket: web.WebSocketResponse) -> None:
        for _ in range(10):
            await socket.send_bytes(TONE)
        await socket.send_str('{"action": "notify", "payload": 1}')
        await socket.send_str('{"action": "clear"}')
        await socket.send_str('{"action": "notify", "payload": 2}')

    def receive(message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.TEXT:
            event = json.loads(message.data)
            events.append(f"{event['event']} {event.get('payload', '')}".strip())

    await harness.receive_call([connect(await serve_bot(talking(bot, receive)))])
    await harness.step(1)
    assert events == ["websocket:connected", "websocket:cleared", "websocket:notify 2"]


@pytest.mark.parametrize(("name", "warnings"), [("content-type", 0), ("content_type", 1), ("x", 1)])
async def test_an_endpoint_without_a_content_type_is_16_khz_with_a_warning(
    harness: SimulatorHarness, serve_bot: ServeBot, name: str, warnings: int
) -> None:
    received: list[Any] = []

    serve = talking(say_nothing, lambda message: received.append(message.data))
    action = connect(await serve_bot(serve))
    endpoint = action["endpoint"][0]
    endpoint[name] = endpoint.pop("content-type")
    await harness.receive_call([action])
    await harness.step(0.1)
    _, statuses, wrong = await leg_and_errors(harness)
    assert statuses[-1] == "answered"
    assert wrong == [("warning", "no content type")] * warnings
    assert json.loads(received[0])["content-type"] == "audio/l16;rate=16000"
    assert len(received[1]) == FRAME_BYTES
