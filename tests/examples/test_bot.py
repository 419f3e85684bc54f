"""The example's server over a real socket, in Vonage's protocol."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import jwt
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import TestServer

from examples.bot import bot
from examples.bot.handshake import HandshakeVerifier
from tests.examples.conftest import FRAME, SILENCE, VOICE, without_vonage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
CONVERSATION = "CON-11111111-2222-4333-8444-555555555555"
CONNECTED = {
    "event": "websocket:connected",
    "content-type": "audio/l16;rate=16000",
    "conversation": CONVERSATION,
}
SECRET = secrets.token_hex(32)
KEY, APPLICATION = "abcd1234", "7f3a1c9e-0000-4000-8000-000000000001"


class VonageSide:
    """Vonage's side of one connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def sends(self, *messages: dict[str, Any] | bytes | str) -> list[Any]:
        """Send messages, and return what the bot sent until it had handled them."""
        for one in messages:
            if isinstance(one, bytes):
                await self.socket.send_bytes(one)
            else:
                await self.socket.send_str(one if isinstance(one, str) else json.dumps(one))
        await self.socket.ping(b"handled")  # the bot answers in the order in which it reads
        received: list[Any] = []
        while (message := await self.socket.receive(5)).type is not WSMsgType.PONG:
            if message.type is WSMsgType.TEXT:
                received.append(json.loads(message.data))
            elif message.type is WSMsgType.BINARY:
                received.append(message.data)
            else:
                assert message.type is WSMsgType.CLOSE, message
                return [*received, message.data]  # its code
        return received


class BotServer:
    """The bot on a free port of loopback."""

    def __init__(self, verifier: HandshakeVerifier | None, sounds: dict[str, bytes]) -> None:
        self.server = TestServer(bot.Bot(sounds, verifier).application(), host="127.0.0.1")
        self.http = aiohttp.ClientSession()
        self._opened: list[aiohttp.ClientWebSocketResponse] = []

    async def __aenter__(self) -> Self:
        await self.server.start_server(shutdown_timeout=1.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self._opened:
            await socket.close()
        await self.http.close()
        await self.server.close()

    async def connect(self, **headers: str) -> VonageSide:
        """Open a connection."""
        url = self.server.make_url("/ws")
        socket = await self.http.ws_connect(url, headers=headers, autoping=False)
        self._opened.append(socket)
        return VonageSide(socket)

    async def ping(self) -> dict[str, Any]:
        """Return the response of the health check."""
        async with self.http.get(self.server.make_url("/ping")) as response:
            assert response.status == 200
            content: dict[str, Any] = await response.json()
            return content


@pytest.fixture
async def server(
    sounds: dict[str, bytes], request: pytest.FixtureRequest
) -> AsyncIterator[BotServer]:
    """A bot; with the parameter ``verifies``, one that verifies handshakes."""
    verifies = getattr(request, "param", None) == "verifies"
    verifier = HandshakeVerifier(SECRET, KEY, APPLICATION) if verifies else None
    async with BotServer(verifier, sounds) as one:
        yield one


def frames(messages: list[Any]) -> list[bytes]:
    return [one for one in messages if isinstance(one, bytes)]


def texts(messages: list[Any]) -> list[Any]:
    return [one for one in messages if not isinstance(one, bytes)]


async def test_the_greeting_comes_at_once_in_exact_frames_then_the_request_for_its_end(
    server: BotServer, sounds: dict[str, bytes]
) -> None:
    vonage = await server.connect()
    got = await vonage.sends(CONNECTED)
    assert {len(frame) for frame in frames(got)} == {FRAME}
    assert b"".join(frames(got)) == sounds["greeting"]
    assert got[-1] == {"action": "notify", "payload": {"utterance": 1, "sound": "greeting"}}


async def test_a_caller_interrupts_and_gets_a_reply(
    server: BotServer, sounds: dict[str, bytes]
) -> None:
    vonage = await server.connect()
    await vonage.sends(CONNECTED)
    assert texts(await vonage.sends(*[VOICE] * 20)) == [{"action": "clear"}]
    got = await vonage.sends({"event": "websocket:cleared"}, *[SILENCE] * 20)
    assert b"".join(frames(got)) == sounds["reply"]
    assert texts(got)[0]["payload"]["sound"] == "reply"


async def test_long_audio_goes_ahead_of_time_and_stops_at_clear(sounds: dict[str, bytes]) -> None:
    async with BotServer(None, sounds | {"greeting": bytes(FRAME * 500)}) as server:
        vonage = await server.connect()
        sent = len(frames(await vonage.sends(CONNECTED, *[SILENCE] * 50)))
        assert 135 <= sent <= 150
        assert texts(await vonage.sends(*[VOICE] * 6))[-1] == {"action": "clear"}
        assert await vonage.sends(*[VOICE] * 4) == []


async def test_a_key_gets_its_answer_and_0_closes(
    server: BotServer, sounds: dict[str, bytes]
) -> None:
    vonage = await server.connect()
    await vonage.sends(CONNECTED, *[SILENCE] * 20)
    got = await vonage.sends({"event": "websocket:dtmf", "digit": "1"}, *[SILENCE] * 10)
    assert got[0] == {"action": "clear"}
    assert b"".join(frames(got)) == sounds["1"]
    assert (await vonage.sends({"event": "websocket:dtmf", "digit": "0"}))[-1] == 1000


async def test_a_line_that_stays_silent_is_closed(server: BotServer) -> None:
    vonage = await server.connect()
    got = await vonage.sends(CONNECTED, *[SILENCE] * 200)
    notify = texts(got)[-1]
    got = await vonage.sends({"event": "websocket:notify", "payload": notify["payload"]})
    assert got == []
    assert await vonage.sends(*[SILENCE] * 1500) == [1000]


async def test_a_connection_without_any_message_is_closed(
    server: BotServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bot, "_NOTHING_HEARD", 0.05)
    vonage = await server.connect()
    assert (await vonage.socket.receive(5)).data == 1008
    assert "nothing came or could be sent; closing" in caplog.text


@pytest.mark.parametrize(
    ("first", "line"),
    [
        ("not JSON", "a text that is not JSON; expected an object"),
        ("[" * 4000, "a text that is not JSON; expected an object"),
        ("[]", "a text that is not a JSON object; expected an object"),
        ("{}", "the first message is not websocket:connected; is the client Vonage?"),
        (SILENCE, "a first message of type BINARY; expected text"),
        ({"event": "websocket:connected"}, "another content-type; expected audio/l16;rate=16000"),
        (
            CONNECTED | {"content-type": "audio/l16;rate=8000"},
            "another content-type; expected audio/l16;rate=16000",
        ),
    ],
    ids=lambda it: str(it)[:20],
)
async def test_a_bad_first_message_ends_the_connection_with_a_line(
    server: BotServer, caplog: pytest.LogCaptureFixture, first: Any, line: str
) -> None:
    vonage = await server.connect()
    assert (await vonage.sends(first))[-1] == 1008
    assert f"-: {line}" in caplog.text


@pytest.mark.parametrize(
    ("message", "line", "code"),
    [
        (bytes(320), "a frame of 320 bytes; expected 640", 1008),
        (b"", "a frame of 0 bytes; expected 640", 1008),
        ("nonsense", "a text that is not JSON; expected an object", 1008),
        ("7", "a text that is not a JSON object; expected an object", 1008),
        (bytes(4097), "with at most 4096 bytes", 1009),
        ('{"x": "' + "x" * 5000 + '"}', "with at most 4096 bytes", 1009),
    ],
    ids=lambda it: str(it)[:20],
)
async def test_a_bad_message_ends_the_call_with_a_line(
    server: BotServer,
    caplog: pytest.LogCaptureFixture,
    message: bytes | str,
    line: str,
    code: int,
) -> None:
    vonage = await server.connect()
    await vonage.sends(CONNECTED)
    assert (await vonage.sends(message))[-1] == code
    assert f"{CONVERSATION}: " in caplog.text
    assert line in caplog.text


async def test_a_conversation_has_one_agent(
    server: BotServer, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await server.connect(), await server.connect()
    await first.sends(CONNECTED)
    assert (await second.sends(CONNECTED))[-1] == 1008
    assert f"{CONVERSATION}: this conversation has an agent already" in caplog.text
    assert texts(await first.sends(*[VOICE] * 6)) == [{"action": "clear"}]  # it goes on
    third = await server.connect()
    assert (await third.sends(CONNECTED))[-1] == 1008


async def test_after_a_call_its_conversation_can_have_an_agent_again(server: BotServer) -> None:
    vonage = await server.connect()
    await vonage.sends(CONNECTED)
    await vonage.sends({"event": "websocket:dtmf", "digit": "0"})
    again = await server.connect()
    assert frames(await again.sends(CONNECTED))


@pytest.mark.parametrize("conversation", [None, 7, "CON-1\nINFO forged", "x" * 65])
async def test_an_id_that_is_not_vonages_is_not_logged(
    server: BotServer, caplog: pytest.LogCaptureFixture, conversation: Any
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        vonage = await server.connect()
        assert frames(await vonage.sends(CONNECTED | {"conversation": conversation}))
    assert [record.getMessage() for record in caplog.records if record.name == "bot"] == [
        "-: connected"
    ] * 2


async def test_the_calls_of_a_process_are_limited(
    server: BotServer, caplog: pytest.LogCaptureFixture
) -> None:
    calls = [await server.connect() for _ in range(bot.MAX_CALLS)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.connect()
    assert refused.value.status == 503
    assert "20 calls at a time are the limit" in caplog.text
    assert (await calls[0].sends("bad"))[-1] == 1008
    await calls[0].socket.close()
    await server.connect()


async def test_ping_is_agentcores_health_check(server: BotServer) -> None:
    before = await server.ping()
    assert before.keys() == {"status", "time_of_last_update"}
    assert before["status"] == "Healthy"
    assert abs(before["time_of_last_update"] - time.time()) < 60
    vonage = await server.connect()
    await vonage.sends(CONNECTED)
    assert (await server.ping())["status"] == "HealthyBusy"


def token(**changes: Any) -> str:
    claims = {
        "iat": int(time.time()),
        "jti": secrets.token_hex(8),
        "iss": "Vonage",
        "api_key": KEY,
        "application_id": APPLICATION,
    } | changes
    return f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"


@pytest.mark.parametrize("server", ["verifies"], indirect=True)
async def test_a_signed_handshake_is_accepted_once(
    server: BotServer, caplog: pytest.LogCaptureFixture
) -> None:
    header = token()
    vonage = await server.connect(Authorization=header)
    assert frames(await vonage.sends(CONNECTED))
    for other, reason in (
        ({"Authorization": header}, "the token was used before"),
        ({}, "no bearer token"),
        ({"Authorization": token(application_id="other")}, "another application_id"),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await server.connect(**other)
        assert refused.value.status == 401
        assert reason in caplog.text
    assert header.split(".")[2] not in caplog.text
    assert (await server.ping())["status"] == "HealthyBusy"  # AgentCore sends no token


async def test_calls_are_closed_when_the_server_stops(server: BotServer) -> None:
    vonage = await server.connect()
    await vonage.sends(CONNECTED)
    await server.server.close()
    while (message := await vonage.socket.receive(5)).type is WSMsgType.BINARY:
        pass
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)


# The command


async def start(
    *arguments: str,
    module: str = "examples.bot",
    folder: Path = ROOT,
    environment: dict[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start the command."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=without_vonage() | (environment or {}),
    )


async def test_a_copy_of_the_folder_prints_its_address_greets_and_ends_at_a_signal(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "examples/bot", tmp_path / "bot")  # as in the Dockerfile
    process = await start("--port", "0", "--json", module="bot", folder=tmp_path)
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    prefix, _, url = line.strip().partition("listening on ")
    assert (prefix, url.startswith("ws://127.0.0.1:")) == ("", True)
    sounds = bot.read_sounds(ROOT / "examples/bot/sounds")
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(url, autoping=False) as socket:
            got = await VonageSide(socket).sends(CONNECTED, *[SILENCE] * 100)
        assert b"".join(frames(got)).startswith(sounds["greeting"])
        assert texts(got)[0]["payload"]["sound"] == "greeting"
        process.send_signal(signal.SIGTERM)
        out, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, out) == (0, b"")
    lines = [json.loads(one) for one in errors.splitlines()]
    assert "accepts every client" in lines[0]["message"]
    assert f"{CONVERSATION}: connected" in [one["message"] for one in lines]


@pytest.mark.parametrize(
    ("arguments", "environment", "error"),
    [
        (("--port", "70000"), {}, "error: "),
        (("--host", "203.0.113.1"), {}, "error: "),
        ((), {"VONAGE_SIGNATURE_SECRET": "x"}, "VONAGE_API_KEY and VONAGE_APPLICATION_ID must be"),
    ],
)
async def test_a_command_that_cannot_start_says_why(
    arguments: tuple[str, ...], environment: dict[str, str], error: str
) -> None:
    process = await start("--port", "0", *arguments, environment=environment)
    out, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out) == (1, b"")
    assert error in errors.decode()
    assert b"Traceback" not in errors


async def test_a_port_in_use_names_the_option_for_another(bot_url: str) -> None:
    process = await start("--port", bot_url.removesuffix("/ws").rpartition(":")[2])
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert errors.endswith(b". Choose another port with --port; 0 picks a free one\n")


def test_the_sounds_are_small_speech_at_16_khz() -> None:
    folder = ROOT / "examples/bot/sounds"
    sounds = bot.read_sounds(folder)
    assert sounds.keys() == {"greeting", "reply", "1", "2"}
    assert sum(path.stat().st_size for path in folder.glob("*.wav")) < 200_000
    assert all(any(audio) for audio in sounds.values())


def test_a_sound_of_another_rate_is_an_error(tmp_path: Path) -> None:
    source = (ROOT / "examples/bot/sounds/reply.wav").read_bytes()
    rate = (16_000).to_bytes(4, "little")
    assert source[24:28] == rate
    (tmp_path / "x.wav").write_bytes(source[:24] + (8_000).to_bytes(4, "little") + source[28:])
    with pytest.raises(ValueError, match=r"x\.wav: expected mono, 16 bits a sample, 16 kHz"):
        bot.read_sounds(tmp_path)
