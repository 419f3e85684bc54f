"""WebSocket legs: handshake, frames, messages, disconnection (websockets guide)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.simulator.conftest import SIGNATURE_SECRET
from tests.simulator.harness import NUMBER, SimulatorHarness, talk, words

FRAME_BYTES = 640


class Socket:
    """The application's WebSocket server: stores what it receives, and sends messages."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.socket: web.WebSocketResponse | None = None
        self.closed = asyncio.Event()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Accept a connection."""
        self.headers = dict(request.headers)
        self.socket = web.WebSocketResponse()
        await self.socket.prepare(request)
        try:
            async for message in self.socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.texts.append(json.loads(message.data))
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self.frames.append(message.data)
        finally:
            self.closed.set()
        return self.socket

    async def send(self, message: dict[str, Any] | bytes) -> None:
        """Send a text, or audio in frames of 16 kHz, to the call, and let it arrive."""
        assert self.socket is not None
        if isinstance(message, bytes):
            for start in range(0, len(message), FRAME_BYTES):
                await self.socket.send_bytes(message[start : start + FRAME_BYTES])
        else:
            await self.socket.send_str(json.dumps(message))
        await asyncio.sleep(0.02)


@pytest.fixture
async def socket() -> Any:
    one = Socket()
    app = web.Application()
    app.router.add_get("/socket", one.serve)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    yield one, f"ws://127.0.0.1:{server.port}/socket"
    if one.socket is not None:
        await one.socket.close()
    await server.close()


def connect(uri: str, **options: Any) -> dict[str, Any]:
    """Return a connect action to a WebSocket."""
    endpoint = {
        "type": "websocket",
        "uri": uri,
        "content-type": "audio/l16;rate=16000",
        "headers": {"customer": "ABC"},
    } | options
    return {"action": "connect", "from": NUMBER, "endpoint": [endpoint]}


async def settle(harness: SimulatorHarness, seconds: float) -> None:
    """Step the clock, and let messages arrive."""
    await harness.step(seconds)
    await asyncio.sleep(0.05)


async def test_websocket_first_frame_has_the_content_type_and_the_headers_flattened(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    assert server.texts[0] == {
        "event": "websocket:connected",
        "content-type": "audio/l16;rate=16000",
        "customer": "ABC",
    }


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16000, 640), (24000, 960)])
async def test_websocket_frames_are_20_ms_of_16_bit_mono(
    harness: SimulatorHarness, socket: tuple[Socket, str], rate: int, size: int
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri, **{"content-type": f"audio/l16;rate={rate}"})])
    await settle(harness, 0.1)
    await call.say("hello to the machine")
    await settle(harness, 1)
    assert {len(frame) for frame in server.frames} == {size}
    assert len(server.frames) >= 50
    assert any(server.frames[-1])


async def test_websocket_handshake_carries_no_token_by_default(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    assert server.texts
    assert "Authorization" not in server.headers


@pytest.mark.parametrize(
    ("options", "settings"),
    [({"authorization": {"type": "vonage"}}, {}), ({}, {"websocket_signed_by_default": True})],
)
async def test_websocket_handshake_carries_a_signed_token_if_the_endpoint_or_the_setting_says_so(
    make_harness: Any,
    socket: tuple[Socket, str],
    options: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    harness = await make_harness(**settings)
    server, uri = socket
    await harness.receive_call([connect(uri, **options)])
    await settle(harness, 0.1)
    token = server.headers["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"])["iss"] == "Vonage"


async def test_websocket_address_is_mapped(
    make_harness: Callable[..., Awaitable[SimulatorHarness]], socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    origin = uri.removesuffix("/socket").replace("ws:", "http:")
    harness = await make_harness(url_map=(("https://my.app", origin),))
    await harness.receive_call([connect("wss://my.app/socket")])
    await settle(harness, 0.1)
    assert server.texts[0]["event"] == "websocket:connected"
    assert server.headers["Host"] == "my.app"


async def test_websocket_custom_authorization(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    authorization = {"type": "custom", "value": "Key 123"}
    await harness.receive_call([connect(uri, authorization=authorization)])
    await settle(harness, 0.1)
    assert server.headers["Authorization"] == "Key 123"


async def test_websocket_digits_are_sent_as_events(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    await call.press("5")
    await settle(harness, 0.1)
    assert {"event": "websocket:dtmf", "digit": "5", "duration": 260} in server.texts


async def test_websocket_audio_is_heard_by_the_caller(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    await server.send(b"\x01\x02" * 16000)
    await settle(harness, 2)
    (heard,) = await call.heard("audio")
    assert heard["to_ms"] - heard["from_ms"] == pytest.approx(1000, abs=21)


async def test_websocket_notify_comes_back_when_the_audio_before_it_was_played(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    await server.send(b"\x01\x02" * 16000)
    await server.send({"action": "notify", "payload": {"id": 7}})
    await settle(harness, 0.5)
    assert len(server.texts) == 1
    await settle(harness, 1)
    assert server.texts[-1] == {"event": "websocket:notify", "payload": {"id": 7}}


async def test_websocket_clear_empties_the_buffer(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    await server.send(b"\x01\x02" * 160_000)
    await settle(harness, 1)
    await server.send({"action": "clear"})
    await settle(harness, 2)
    assert {"event": "websocket:cleared"} in server.texts
    (heard,) = await call.heard("audio")
    assert heard["to_ms"] - heard["from_ms"] < 1500


async def test_websocket_buffer_holds_3072_frames(
    make_harness: Any, socket: tuple[Socket, str]
) -> None:
    harness = await make_harness(websocket_buffer_frames=10)
    server, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    await server.send(b"\x01\x02" * 16000)
    await settle(harness, 2)
    (heard,) = await call.heard("audio")
    assert heard["to_ms"] - heard["from_ms"] == pytest.approx(200, abs=21)


async def test_websocket_closed_by_the_application_is_disconnected_then_completed(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri), talk("afterwards")])
    await settle(harness, 0.1)
    assert server.socket is not None
    await server.socket.close()
    await settle(harness, 1)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid) == ["started", "answered", "disconnected", "completed"]
    (event,) = harness.events(status="disconnected")
    assert (event["headers"], event["to"]) == ({"customer": "ABC"}, uri)
    assert "direction" not in event
    assert await call.texts() == ["afterwards"]


async def test_websocket_disconnected_asks_the_fallback_after_an_invalid_ncco_in_response(
    make_harness: Any, socket: tuple[Socket, str]
) -> None:
    harness = await make_harness(fallback=True)
    server, uri = socket
    harness.on("/event", [{"action": "unknown"}])
    harness.on("/fallback", [talk("sorry")])
    call = await harness.receive_call([connect(uri), talk("never heard")])
    await settle(harness, 0.1)
    assert server.socket is not None
    await server.socket.close()
    await settle(harness, 2)
    assert await call.texts() == ["sorry"]
    (webhook,) = harness.sent_to("/fallback")
    assert (webhook.fields["status"], webhook.fields["reason"]) == ("disconnected", "Invalid NCCO.")


async def test_websocket_disconnected_accepts_an_ncco_in_response(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    harness.on(
        "/event",
        lambda webhook: [talk("instead")] if webhook.fields.get("status") == "disconnected" else [],
    )
    call = await harness.receive_call([connect(uri), talk("never heard")])
    await settle(harness, 0.1)
    assert server.socket is not None
    await server.socket.close()
    await settle(harness, 1)
    assert await call.texts() == ["instead"]


async def test_websocket_hung_up_by_rest_has_no_disconnected(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    _, uri = socket
    await harness.receive_call([connect(uri)])
    await settle(harness, 2)
    leg = await harness.called_leg()
    assert (await leg.put({"action": "hangup"})).status == 204
    await settle(harness, 1)
    assert harness.statuses(leg.uuid)[-2:] == ["answered", "completed"]


async def test_websocket_that_cannot_be_reached_is_failed(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([connect("ws://127.0.0.1:9/socket"), talk("nobody")])
    await settle(harness, 2)
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid)[-2:] == ["failed", "completed"]
    assert await call.texts() == ["nobody"]


async def test_websocket_legs_cost_nothing(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    _, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 2)
    await call.hang_up()
    (completed,) = harness.events(status="completed", to=uri)
    assert (completed["rate"], completed["price"], completed["network"]) == ("0.00", "0", None)


@pytest.mark.parametrize("size", [320, 641, 1280, 0])
async def test_websocket_that_sends_another_frame_size_is_disconnected(
    harness: SimulatorHarness, socket: tuple[Socket, str], size: int
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri), talk("afterwards")])
    await settle(harness, 0.1)
    assert server.socket is not None
    await server.socket.send_bytes(bytes(size))
    await asyncio.wait_for(server.closed.wait(), 10)
    await settle(harness, 1)
    assert server.socket.close_code != aiohttp.WSCloseCode.OK  # there was no close frame
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid)[-2:] == ["disconnected", "completed"]
    assert await call.texts() == ["afterwards"]
    (error,) = await harness.entries("error", leg.uuid)
    assert (error["reason"], error["detail"]) == (
        "unexpected frame size",
        f"{size} bytes; this content type requires 640",
    )


async def test_websocket_frames_of_any_size_pass_by_a_setting(
    make_harness: Any, socket: tuple[Socket, str]
) -> None:
    harness = await make_harness(websocket_exact_frames=False)
    server, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    assert server.socket is not None
    await server.socket.send_bytes(bytes(1280))
    await settle(harness, 1)
    assert await call.status() == "answered"


async def test_websocket_connect_lets_the_next_action_run_at_once_by_a_setting(
    make_harness: Any, socket: tuple[Socket, str]
) -> None:
    harness = await make_harness(websocket_connect_blocks=False)
    _, uri = socket
    call = await harness.receive_call([connect(uri), talk(words(40))])
    await settle(harness, 1)
    assert await call.texts() == [words(40)]
    leg = await harness.called_leg()
    assert harness.statuses(leg.uuid)[-1] == "answered"
    await settle(harness, 60)
    assert await call.status() == "completed"
    assert harness.statuses(leg.uuid)[-1] == "completed"


async def test_a_synchronous_websocket_connect_waits_whatever_the_setting_is(
    make_harness: Any, socket: tuple[Socket, str]
) -> None:
    harness = await make_harness(websocket_connect_blocks=False)
    _, uri = socket
    waiting = connect(uri) | {"eventType": "synchronous"}
    call = await harness.receive_call([waiting, talk(words(40))])
    await settle(harness, 5)
    assert await call.status() == "answered"
    assert await call.texts() == []


async def test_websocket_ignores_invalid_messages(
    harness: SimulatorHarness, socket: tuple[Socket, str]
) -> None:
    server, uri = socket
    call = await harness.receive_call([connect(uri)])
    await settle(harness, 0.1)
    assert server.socket is not None
    for text in ("{", "[]", "null", '{"action":5}', "[" * 5000):
        await server.socket.send_str(text)
    await settle(harness, 0.5)
    assert await call.status() == "answered"
