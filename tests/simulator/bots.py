"""Small applications at the other end of a WebSocket, in a process of their own.

`python -m tests.simulator.bots NAME [CERTIFICATE]` prints the port, and a line of JSON for each
connection that ended. CERTIFICATE is a PEM file with the key, for wss.
"""

import asyncio
import json
import ssl
import sys
from array import array
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

FRAME_BYTES = 640
SILENCE = bytes(FRAME_BYTES)
TONE = b"\x00\x20" * (FRAME_BYTES // 2)
LOUD = 500
LOUD_FRAMES = 3
QUIET_FRAMES = 10

Log = dict[str, Any]


def is_loud(frame: bytes) -> bool:
    """Return whether a frame has a voice in it."""
    return max(map(abs, array("h", frame))) >= LOUD


async def echo(socket: web.WebSocketResponse, log: Log) -> None:
    """Send each frame back as it came."""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            log["frames"] += 1
            await socket.send_bytes(message.data)
        else:
            log["texts"].append(json.loads(message.data))


async def recorder(socket: web.WebSocketResponse, log: Log) -> None:
    """Keep what is heard, and say nothing."""
    sizes = set()
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            log["frames"] += 1
            log["loud"] += is_loud(message.data)
            sizes.add(len(message.data))
        else:
            log["texts"].append(json.loads(message.data))
    log["sizes"] = sorted(sizes)


async def agent(socket: web.WebSocketResponse, log: Log) -> None:
    """Greet, stop when interrupted, and respond to what is said."""
    loud = quiet = 0
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            event = json.loads(message.data)
            log["texts"].append([log["frames"], event["event"]])
            if event["event"] == "websocket:connected":
                await say(socket, 100)
            continue
        log["frames"] += 1
        if is_loud(message.data):
            loud, quiet = loud + 1, 0
            if loud == LOUD_FRAMES:
                await socket.send_str(json.dumps({"action": "clear"}))
        else:
            quiet += 1
            if loud and quiet == QUIET_FRAMES:
                loud = 0
                await say(socket, 25)


async def say(socket: web.WebSocketResponse, frames: int) -> None:
    """Send a tone, and a mark after it."""
    for _ in range(frames):
        await socket.send_bytes(TONE)
    await socket.send_str(json.dumps({"action": "notify", "payload": {"frames": frames}}))


BOTS: dict[str, Callable[[web.WebSocketResponse, Log], Awaitable[None]]] = {
    "echo": echo,
    "recorder": recorder,
    "agent": agent,
}


async def main(name: str, certificate: str | None = None) -> None:
    """Serve until the process is ended."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        log: Log = {"frames": 0, "loud": 0, "texts": []}
        await BOTS[name](socket, log)
        print(json.dumps(log | {"code": socket.close_code}), flush=True)
        return socket

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    app = web.Application()
    app.router.add_get("/socket", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
